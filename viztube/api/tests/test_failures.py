"""Whatever a view raises, the client gets the envelope and nothing of ours."""

import errno
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
from django.core import exceptions as django_exceptions
from django.core.signals import got_request_exception
from django.db import DataError, InterfaceError, OperationalError, connections
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions

from viztube.api import errors
from viztube.api.tests.fixtures import Client

HEALTH = "/api/v2/healthcheck"
FailsWith = Callable[[Exception], None]


@pytest.fixture
def fails_with(monkeypatch: pytest.MonkeyPatch) -> FailsWith:
    """Return a way to make the health check raise an error."""

    def arrange(error: Exception) -> None:
        def fail() -> NoReturn:
            raise error

        monkeypatch.setattr("viztube.ops.views.database_answers", fail)

    return arrange


@pytest.fixture
def signalled() -> Iterator[list[Any]]:
    """Return the requests that were reported as failed."""
    seen: list[Any] = []

    def receiver(sender: Any, request: Any, **kwargs: Any) -> None:
        seen.append(request)

    got_request_exception.connect(receiver)
    yield seen
    got_request_exception.disconnect(receiver)


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_ours_is_reported_and_tells_nothing(
    api: Client,
    settings: Any,
    fails_with: FailsWith,
    signalled: list[Any],
    caplog: pytest.LogCaptureFixture,
    debug: bool,
) -> None:
    settings.DEBUG = debug
    fails_with(RuntimeError("SELECT password FROM users_user"))

    answer = api.get(HEALTH)

    assert (answer.status, answer.code) == (500, "server_error")
    assert answer.body["data"] is None
    assert answer.body["errors"] == []
    assert answer.body["details"] == {}
    text = answer.response.content.decode()
    assert "SELECT" not in text
    assert "RuntimeError" not in text
    assert "Traceback" not in text
    assert len(signalled) == 1
    record = next(record for record in caplog.records if record.name == "viztube.api.errors")
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert "SELECT password" in str(record.exc_info[1])


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.NotAuthenticated(code="token_expired"), 401, "token_expired"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.AuthenticationFailed(), 401, "not_authenticated"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (django_exceptions.PermissionDenied("inner"), 403, "permission_denied"),
        (exceptions.NotFound("inner"), 404, "not_found"),
        (Http404("No User matches the given query."), 404, "not_found"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (errors.Conflict(), 409, "conflict"),
        (django_exceptions.RequestDataTooBig("inner"), 413, "too_large"),
        (django_exceptions.TooManyFieldsSent("inner"), 413, "too_large"),
        (django_exceptions.TooManyFilesSent("inner"), 413, "too_large"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media"),
        (exceptions.ParseError("inner"), 400, "invalid"),
        (django_exceptions.SuspiciousOperation("inner"), 400, "invalid"),
        (UnreadablePostError("inner"), 400, "invalid"),
        (DataError("inner"), 400, "invalid"),
        (OperationalError("inner"), 503, "unavailable"),
        (InterfaceError("inner"), 503, "unavailable"),
        (OSError(errno.ENOSPC, "inner"), 503, "unavailable"),
        (OSError(errno.EIO, "inner"), 503, "unavailable"),
    ],
)
def test_each_kind_of_failure_has_its_status_and_code(
    api: Client, fails_with: FailsWith, error: Exception, status: int, code: str
) -> None:
    fails_with(error)

    response = api.http.get(HEALTH)

    body: dict[str, Any] = response.json()
    assert (response.status_code, body["statusCode"], body["code"]) == (status, status, code)
    assert body["success"] is False
    assert body["data"] is None
    assert body["requestId"] == response["X-Request-ID"]
    assert body["message"].endswith(".")
    assert "inner" not in response.content.decode()


def test_a_401_says_how_to_authenticate(api: Client, fails_with: FailsWith) -> None:
    fails_with(errors.NotAuthenticated())

    assert api.http.get(HEALTH)["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("debug", [False, True])
def test_a_database_that_is_away_is_503_with_retry_after(
    api: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    settings.DEBUG = debug

    def refuse() -> NoReturn:
        raise OperationalError("connection to 10.0.0.1 refused")

    for path in (HEALTH, "/api/v2/videos"):
        with monkeypatch.context() as away:
            away.setattr(connections["default"], "connection", None)
            away.setattr(connections["default"], "ensure_connection", refuse)
            answer = api.get(path)
        assert (answer.status, answer.code) == (503, "unavailable")
        assert answer.response["Retry-After"] == "5"
        assert "10.0.0.1" not in answer.response.content.decode()


def test_a_full_disk_says_so(api: Client, fails_with: FailsWith) -> None:
    fails_with(OSError(errno.ENOSPC, "No space left on device"))

    answer = api.get(HEALTH)

    assert answer.body["message"] == "There is no room for this right now. Try again later."
    assert answer.response["Retry-After"] == "5"


def test_nested_mistakes_are_listed_under_their_path(api: Client, fails_with: FailsWith) -> None:
    problem = exceptions.ErrorDetail("is odd", "odd")
    fails_with(exceptions.ValidationError({"user": {"name": [problem]}, "tags": [{}, ["x"]]}))

    answer = api.get(HEALTH)

    assert answer.status == 400
    assert answer.body["errors"] == ["user.name: is odd", "tags: x"]
    assert answer.body["message"] == "user.name: is odd"
    assert answer.body["details"] == {
        "user.name": [{"code": "odd", "message": "is odd"}],
        "tags": [{"code": "invalid", "message": "x"}],
    }


def test_a_mistake_without_a_field_is_a_plain_sentence(api: Client, fails_with: FailsWith) -> None:
    fails_with(exceptions.ValidationError("Send something."))

    answer = api.get(HEALTH)

    assert answer.body["errors"] == ["Send something."]
    assert list(answer.body["details"]) == ["nonFieldErrors"]


def test_a_mistake_without_a_word_has_our_sentence(api: Client, fails_with: FailsWith) -> None:
    fails_with(exceptions.ValidationError({}))

    assert api.get(HEALTH).body["message"] == "The request is not valid."


def test_only_what_is_taken_makes_a_conflict(api: Client, fails_with: FailsWith) -> None:
    taken = exceptions.ErrorDetail("is already taken", "unique")
    fails_with(exceptions.ValidationError({"username": [taken]}))
    response = api.http.get(HEALTH)
    assert response.status_code == 409
    assert response.json()["code"] == "conflict"
    assert response.json()["errors"] == ["username: is already taken"]

    fails_with(exceptions.ValidationError({"username": [taken], "email": ["is odd"]}))
    assert api.http.get(HEALTH).status_code == 400


@pytest.mark.parametrize(
    ("error", "field", "code"),
    [
        (errors.FieldError("page", "is odd"), "page", "invalid"),
        (errors.Conflict("is already taken", field="username"), "username", "unique"),
        (
            errors.UnsupportedMedia("must be a picture", field="avatar"),
            "avatar",
            "unsupported_media",
        ),
        (errors.TooLarge("may have at most 5 bytes", field="avatar"), "avatar", "too_large"),
    ],
)
def test_an_error_of_one_field_names_it(
    api: Client, fails_with: FailsWith, error: errors.ApiError, field: str, code: str
) -> None:
    fails_with(error)

    body = api.http.get(HEALTH).json()

    assert body["details"][field][0]["code"] == code
    assert body["errors"] == [f"{field}: {body['details'][field][0]['message']}"]
    assert body["message"] == body["errors"][0]


def test_a_suspended_person_learns_until_when(api: Client, fails_with: FailsWith) -> None:
    fails_with(errors.Suspended(datetime(2026, 1, 31, 12, 0, tzinfo=UTC)))

    body = api.http.get(HEALTH).json()

    assert (body["statusCode"], body["code"]) == (403, "suspended")
    assert body["message"] == "This account is suspended until 2026-01-31 12:00 UTC."
    assert body["details"]["until"][0]["message"] == "2026-01-31T12:00:00.000Z"


def test_an_unsupported_body_needs_no_field() -> None:
    assert errors.UnsupportedMedia().message == "This type of content is not accepted."

"""Log lines: one JSON object each, with what a request cost and without a secret."""

import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, connection, transaction
from structlog.contextvars import bound_contextvars

from users.models import User
from users.tests.browsers import browser_of, staff
from users.tests.factories import PASSWORD, UserFactory
from users.tests.queries import captured_queries
from videos.tests.factories import VideoFactory
from viztube.api.request_ids import RequestIdFilter
from viztube.api.tests.fixtures import Client
from viztube.ops.access import QueryCount
from viztube.ops.logs import logging_config
from viztube.ops.redaction import redact

pytestmark = pytest.mark.django_db

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Return what production would write to stderr."""
    formatter = dict(logging_config(level="INFO", readable=False)["formatters"]["line"])
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(formatter.pop("()")(**formatter))
    handler.addFilter(RequestIdFilter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield output
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def lines(written: io.StringIO) -> Lines:
    """Return a way to read the lines, each of which must be an object."""
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_request_has_one_line_that_says_what_it_cost(
    user: User, user_client: Client, lines: Lines
) -> None:
    VideoFactory.create()
    user_client.get("videos")
    before = len(lines())
    with captured_queries() as statements:
        answer = user_client.get("videos", query={"query": "s3cret"}, X_Request_ID="from-outside")

    (line,) = lines()[before:]
    duration, timestamp = line.pop("duration_ms"), line.pop("timestamp")
    assert 0 < duration < 5000
    assert timestamp.endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "viztube.ops.access",
        "request_id": "from-outside",
        "method": "GET",
        "route": "/api/v2/videos",
        "status": 200,
        "queries": len(statements),
        "user_id": str(user.pk),
        "bytes": len(answer.response.content),
    }
    # What the planner expects to find; the page.
    assert len(statements) == 2


def test_savepoints_are_no_queries(user: User) -> None:
    queries = QueryCount()
    with connection.execute_wrapper(queries), captured_queries() as statements:
        with transaction.atomic():
            User.objects.count()
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            raise ZeroDivisionError

    assert queries.total == len(statements) == 1


@pytest.mark.parametrize(
    ("path", "status", "route"),
    [
        ("/nowhere/at/all?token=1", 404, None),
        ("/api/v2/videos/0197a000-0000-7000-8000-000000000000", 404, "/api/v2/videos/<pk>"),
        ("/api/v2/user/c/nobody", 404, "/api/v2/user/c/<path:username>"),
    ],
)
def test_a_line_names_the_pattern_and_never_the_address(
    api: Client, written: io.StringIO, lines: Lines, path: str, status: int, route: str | None
) -> None:
    api.http.get(path)

    assert (lines()[-1]["status"], lines()[-1]["route"]) == (status, route)
    assert lines()[-1]["user_id"] is None
    assert path not in written.getvalue()


def test_a_media_key_is_not_in_the_line_of_who_fetched_it(
    api: Client, written: io.StringIO, lines: Lines
) -> None:
    video = VideoFactory.create(files=True)
    answer = api.http.get(f"/media/{video.folder}/video.mp4")
    b"".join(answer)

    assert answer.status_code == 200
    assert lines()[-1]["bytes"] == int(answer["Content-Length"]) > 0
    assert video.folder[2:] not in written.getvalue()


def test_a_line_names_who_is_signed_in_to_admin(lines: Lines) -> None:
    person = staff()
    browser = browser_of(person)
    browser.get("/admin/")
    assert lines()[-1]["user_id"] == str(person.pk)

    # Where nothing asked who it is, nothing is asked for the line.
    with captured_queries() as statements:
        browser.get("/livez")
    assert lines()[-1]["user_id"] is None
    assert statements == []


def test_a_job_is_named(lines: Lines) -> None:
    with bound_contextvars(job_id=7, task="videos.tasks.fold_views"):
        logging.getLogger("videos.tasks").warning("A file of video %s is lost", 5)

    assert lines()[-1]["job_id"] == 7
    assert lines()[-1]["task"] == "videos.tasks.fold_views"
    assert lines()[-1]["event"] == "A file of video 5 is lost"


class Boom(Exception):
    """What nobody foresaw."""


def test_no_line_holds_what_a_client_keeps_to_itself(
    api: Client, written: io.StringIO, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Send credentials in every place there is, to calls that succeed, fail and crash."""
    user = UserFactory.create(username="ann", email="ann.secret@viztube.example")
    login = {"username": "ann", "password": PASSWORD}
    tokens = api.post("user/login", login).data
    access, refresh = tokens["accessToken"], tokens["refreshToken"]
    wrong = "wr0ng-Harbour-passphrase"
    signed_in = Client(access)
    api.post("user/login", {"email": user.email, "password": wrong})
    api.post("user/login", {"username": "nobody", "password": wrong})
    api.post("user/refresh-token", {"refreshToken": refresh})
    api.post("user/refresh-token", {"refreshToken": refresh[:-3] + "xxx"})
    api.get(f"videos?accessToken={access}&password={wrong}")
    signed_in.get("user/current-user-details", X_Other=wrong)
    signed_in.post("user/change-password", {"oldPassword": wrong, "newPassword": PASSWORD + "2"})
    api.post("user/register", {**login, "email": user.email, "fullname": "Ann"})
    api.http.post("/admin/login/", {"username": "ann", "password": wrong})
    video = VideoFactory.create()

    def crash(*args: Any, **kwargs: Any) -> Any:
        try:
            raise IntegrityError(  # noqa: TRY301 - as a view meets it
                'duplicate key value violates unique constraint "one"\n'
                f"DETAIL:  Failing row contains (1, {wrong}, {user.email}\n, {user.password})."
            )
        except IntegrityError as error:
            raise Boom(
                f"Authorization: Bearer {access}; password={wrong} at /media/{video.folder}/x"
                f"?t={wrong} {user.email} {django_settings.SECRET_KEY}"
                f" {{'refreshToken': '{refresh}'}} postgres://viztube:{wrong}@db/viztube"
            ) from error

    with monkeypatch.context() as broken:
        broken.setattr("videos.views.wanted", crash)
        assert signed_in.get("videos", query={"query": wrong}).status == 500
        broken.setattr("viztube.media.views._answer", crash)
        assert api.http.get(f"/media/{video.folder}/video.mp4?x={wrong}").status_code == 500

    text = written.getvalue()
    assert "test_logs.py" in text
    assert "Boom" in text
    assert "violates unique constraint" in text
    assert len(lines()) >= 14
    assert {line["request_id"] for line in lines()} != {"-"}
    secrets = [PASSWORD, wrong, access, refresh, refresh[-20:], user.email, user.password]
    secrets += [video.folder[2:], django_settings.SECRET_KEY, django_settings.JWT_SIGNING_KEY]
    for secret in secrets:
        assert secret not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A used refresh token came again: 5", "A used refresh token came again: 5"),
        ("refresh_token: abc, x=1", "refresh_token: [hidden], x=1"),
        ("Cookie: a=b; c=d\nnext", "Cookie: [hidden]\nnext"),
        ('{"password": "two words", "x": 1}', '{"password": [hidden], "x": 1}'),
        ("redis://:pass@cache:6379/0", "redis://[hidden]@cache:6379/0"),
        ("GET /x?code=5&a=b HTTP/1.1", "GET /x?[hidden] HTTP/1.1"),
        ("Why? Because 5=5", "Why? Because 5=5"),
        ("ann@viztube.example wrote", "[hidden] wrote"),
        ("delete_folder[3](folder=p/" + "0f" * 16 + ")", "delete_folder[3](folder=p/[hidden])"),
    ],
)
def test_texts_lose_what_nobody_may_read(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_values_under_telling_names_are_hidden_at_any_depth() -> None:
    assert redact({"a": [{"Authorization": "x", "n": 1}], "newPassword": ["y"], "ok": None}) == {
        "a": [{"Authorization": "[hidden]", "n": 1}],
        "newPassword": "[hidden]",
        "ok": None,
    }


def test_development_has_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    formatter = dict(logging_config(level="INFO", readable=True)["formatters"]["line"])
    made = formatter.pop("()")(**formatter)
    record = logging.makeLogRecord({"msg": "hello", "levelname": "INFO", "route": "livez"})

    text = made.format(record)
    assert "hello" in text
    assert "route=livez" in text
    with pytest.raises(ValueError, match=r"Expecting|Extra"):
        json.loads(text)

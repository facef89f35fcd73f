"""Addresses, methods, hosts, slashes and content negotiation, before any view has its say."""

from typing import Any, NoReturn

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse

from viztube.api.tests.fixtures import Client

HEALTH = "/api/v2/healthcheck"


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/api/v2/nowhere", "/api/v1/user", "/api/v2", "/api/", "/api"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_is_a_404_in_the_envelope(
    api: Client, settings: Any, debug: bool, path: str, method: str
) -> None:
    settings.DEBUG = debug

    answer = api.request(method, path)

    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.body["message"] == "There is nothing at this address."
    assert answer.response["Content-Type"] == "application/json"
    assert int(answer.response["Content-Length"]) == len(answer.response.content)


def test_an_unknown_page_outside_the_api_stays_a_page(api: Client) -> None:
    response = api.http.get("/nowhere")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", [HEALTH, "/api/v2/schema"])
def test_a_wrong_method_names_the_right_ones(api: Client, path: str) -> None:
    answer = api.request("PUT", path)

    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "GET" in answer.response["Allow"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(HEALTH, "GET, HEAD, OPTIONS"), ("user/login", "POST, OPTIONS"), ("videos", "GET, POST")],
)
def test_options_says_what_is_allowed_to_anyone(api: Client, path: str, allowed: str) -> None:
    answer = api.request("OPTIONS", path)

    assert (answer.status, answer.response.content) == (204, b"")
    assert answer.response["Allow"].startswith(allowed)


def test_a_method_nobody_takes_is_405_before_anyone_must_sign_in(api: Client) -> None:
    assert api.request("PUT", "videos").status == 405


@pytest.mark.parametrize("debug", [False, True])
def test_a_foreign_host_is_refused_in_the_envelope(api: Client, settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    settings.ALLOWED_HOSTS = ["viztube.example"]

    answer = api.get(HEALTH, Host="evil.example")

    assert (answer.status, answer.code) == (400, "invalid")
    assert "evil.example" not in answer.response.content.decode()
    assert api.get(HEALTH, Host="viztube.example").status == 200


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PermissionDenied("inner"), 403, "permission_denied"),
        (SuspiciousOperation("inner"), 400, "invalid"),
        (Http404("inner"), 404, "not_found"),
        (RuntimeError("inner"), 500, "server_error"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_a_failure_outside_of_views_is_in_the_envelope(
    api: Client,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
    debug: bool,
) -> None:
    settings.DEBUG = debug

    def fail(self: object, request: HttpRequest) -> NoReturn:
        raise error

    monkeypatch.setattr("viztube.api.middleware.TrailingSlashMiddleware.__call__", fail)

    answer = api.get("/api/v2/nowhere")

    assert (answer.status, answer.code) == (status, code)
    assert "inner" not in answer.response.content.decode()


@pytest.mark.parametrize(
    ("status", "code"), [(418, "invalid"), (502, "server_error"), (503, "unavailable")]
)
def test_a_bare_error_status_is_filled_in(
    api: Client, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    def answer_bare(self: object, request: HttpRequest) -> HttpResponse:
        return HttpResponse("<h1>Oops</h1>", status=status, headers={"Retry-After": "7"})

    monkeypatch.setattr("viztube.api.middleware.TrailingSlashMiddleware.__call__", answer_bare)

    answer = api.get("/api/v2/nowhere")

    assert (answer.status, answer.code) == (status, code)
    assert answer.response["Retry-After"] == "7"


@pytest.mark.parametrize("path", [HEALTH, f"{HEALTH}/"])
def test_a_trailing_slash_makes_no_difference_and_no_redirect(api: Client, path: str) -> None:
    assert api.get(path).status == 200


def test_a_post_to_an_address_with_a_slash_keeps_its_body(api: Client) -> None:
    answer = api.post("user/login/", {"username": "nobody", "password": "whatever-it-is"})

    assert (answer.status, answer.code) == (401, "invalid_credentials")


def test_only_one_slash_is_forgiven(api: Client) -> None:
    assert api.get(f"{HEALTH}//").status == 404


@pytest.mark.parametrize(
    "accept", ["text/html", "image/png", "nonsense", "", "application/xml;q=1"]
)
def test_whatever_is_accepted_the_answer_is_json(api: Client, accept: str) -> None:
    for path in (HEALTH, "/api/v2/nowhere", "/api/v2/user/current-user-details"):
        answer = api.get(path, Accept=accept)
        assert answer.response["Content-Type"] == "application/json"
        assert answer.status in {200, 401, 404}


def test_head_answers_like_get_without_a_body(api: Client) -> None:
    answer = api.request("HEAD", HEALTH)

    assert answer.status == 200
    assert answer.response.content == b""


def test_a_success_has_the_whole_envelope(api: Client) -> None:
    assert api.get(HEALTH).body == {
        "statusCode": 200,
        "data": "Health check passed!",
        "message": "Health check passed!",
        "success": True,
    }

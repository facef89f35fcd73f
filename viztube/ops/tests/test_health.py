"""The health check, and the checks before a deployment."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from django.db import connection, connections
from django.test import Client as DjangoClient

from users.models import User
from users.tokens import AccessToken
from viztube.api.tests.fixtures import Answer, Client
from viztube.ops.checks import public_url_is_https

pytestmark = pytest.mark.django_db

Result = TypeVar("Result")


def without_database(call: Callable[[], Result], monkeypatch: pytest.MonkeyPatch) -> Result:
    """Make a call over a new connection, to a port on which nobody listens."""
    results: list[Result] = []

    def run() -> None:
        try:
            results.append(call())
        finally:
            connection.close()

    with monkeypatch.context() as away:
        away.setitem(connections.settings["default"], "PORT", 1)
        away.setitem(connections.settings["default"], "HOST", "127.0.0.1")
        away.setitem(connections.settings["default"], "OPTIONS", {})
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    return results[0]


def test_a_healthy_service(api: Client) -> None:
    answer = api.get("healthcheck")

    assert (answer.status, answer.data) == (200, "Health check passed!")


def test_a_slash_changes_nothing(api: Client) -> None:
    assert api.get("healthcheck/").status == 200


def test_head(api: Client) -> None:
    answer = api.request("HEAD", "healthcheck")

    assert (answer.status, answer.response.content) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405(api: Client, method: str) -> None:
    assert api.request(method, "healthcheck").code == "method_not_allowed"


def test_a_database_that_is_away_is_503(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Answer = without_database(lambda: api.get("healthcheck"), monkeypatch)

    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.body["message"] == "The database is away."
    assert answer.response["Retry-After"]
    assert api.get("healthcheck").status == 200


def test_a_cache_that_is_away_changes_nothing(api: Client, settings: Any) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }

    assert api.get("healthcheck").status == 200


def test_a_token_that_expired_does_not_matter(user: User, settings: Any) -> None:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=-timedelta(hours=1))

    assert Client(str(token)).get("healthcheck").status == 200
    browser = Client()
    browser.http.cookies[settings.ACCESS_COOKIE] = str(token)
    assert browser.get("healthcheck").status == 200


def test_a_database_that_is_away_is_503_for_other_calls_too(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: Answer = without_database(lambda: api.get("videos"), monkeypatch)

    assert (answer.status, answer.code) == (503, "unavailable")


@pytest.mark.parametrize(("https", "found"), [(True, []), (False, ["viztube.E001"])])
def test_a_deployment_needs_https(settings: Any, https: bool, found: list[str]) -> None:
    settings.HTTPS = https

    assert [error.id for error in public_url_is_https(None)] == found


def test_the_admin_address_works_without_its_slash() -> None:
    answer = DjangoClient().get("/admin")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")

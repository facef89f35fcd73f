"""What browsers on other sites may do."""

from typing import Any

import pytest

from viztube.api.tests.fixtures import Client

APP = "https://app.example"
HEALTH = "/api/v2/healthcheck"


@pytest.fixture
def one_origin(settings: Any) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.CORS_ALLOWED_ORIGINS = [APP]
    settings.CORS_ALLOW_CREDENTIALS = True


@pytest.mark.usefixtures("one_origin")
@pytest.mark.parametrize("path", [HEALTH, "/api/v2/nowhere", "/api/v2/user/current-user-details"])
def test_an_allowed_site_may_read_answers_and_errors_with_cookies(api: Client, path: str) -> None:
    response = api.get(path, Origin=APP).response

    assert response["Access-Control-Allow-Origin"] == APP
    assert response["Access-Control-Allow-Credentials"] == "true"
    assert "origin" in response["Vary"].lower()
    assert "X-Request-ID" in response["Access-Control-Expose-Headers"]


@pytest.mark.usefixtures("one_origin")
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://app.example", "https://app.example.evil", "null"]
)
def test_any_other_site_gets_no_permission(api: Client, origin: str) -> None:
    response = api.get(HEALTH, Origin=origin).response

    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response


@pytest.mark.usefixtures("one_origin")
def test_a_preflight_names_what_may_be_sent(api: Client) -> None:
    response: Any = api.http.options(
        "/api/v2/videos",
        headers={
            "Origin": APP,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )

    assert response.status_code == 200
    assert "PATCH" in response["Access-Control-Allow-Methods"]
    assert "authorization" in response["Access-Control-Allow-Headers"]
    assert response["Access-Control-Allow-Origin"] == APP


def test_a_star_allows_everyone_but_without_cookies(api: Client, settings: Any) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = True
    settings.CORS_ALLOWED_ORIGINS = []
    settings.CORS_ALLOW_CREDENTIALS = False

    response = api.get(HEALTH, Origin="https://anyone.example").response

    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.usefixtures("one_origin")
def test_pages_for_people_are_not_shared(api: Client) -> None:
    response: Any = api.http.get("/", headers={"Origin": APP})

    assert "Access-Control-Allow-Origin" not in response

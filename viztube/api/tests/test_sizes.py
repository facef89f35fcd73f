"""Bodies that are too large are refused by their Content-Length, before anything is read."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test.client import FakePayload

from viztube.api.tests.fixtures import Client

LIMIT = 1_000_000
MULTIPART = "multipart/form-data; boundary=X"


class Unread(FakePayload):
    """A body that must not be read."""

    def read(self, *args: Any, **kwargs: Any) -> bytes:
        raise AssertionError("The body was read.")


@pytest.fixture
def announce(api: Client) -> Callable[..., Any]:
    """Return a way to send a request of which only the length is announced."""

    def send(
        method: str, path: str, length: int, content_type: str, token: str | None = None
    ) -> Any:
        environ: dict[str, Any] = {
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(length),
            "wsgi.input": Unread(),
        }
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return api.http.generic(
            method,
            f"/api/v2/{path}",
            headers=headers,
            **environ,
        )

    return send


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", MULTIPART, "a/b"]
)
@pytest.mark.parametrize("path", ["user/login", "user/register-nowhere"])
def test_a_body_over_one_megabyte_is_refused_before_it_is_read(
    announce: Callable[..., Any], content_type: str, path: str
) -> None:
    response = announce("POST", path, LIMIT + 1, content_type)

    if path == "user/login":
        assert response.status_code == 413
        assert response.json()["code"] == "too_large"
        assert response.json()["message"] == "The request body may have at most 1,000,000 bytes."
    else:
        assert response.status_code == 404


def test_a_body_of_exactly_one_megabyte_is_read(api: Client) -> None:
    filler = b'{"username": "nobody", "password": "x", "more": "'
    body = filler + b"x" * (LIMIT - len(filler) - 2) + b'"}'
    assert len(body) == LIMIT

    assert api.post("user/login", body).status == 401
    assert api.post("user/login", body + b" ").status == 413


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "videos", 110_200_000),
        ("PATCH", "videos/0198a000-0000-7000-8000-000000000000", 10_200_000),
        ("POST", "user/register", 20_200_000),
        ("PATCH", "user/update-avatar", 10_200_000),
        ("PATCH", "user/update-cover-image", 10_200_000),
    ],
)
def test_multipart_has_the_limit_of_its_call(
    announce: Callable[..., Any],
    user_client: Client,
    stored_files: Callable[[], set[str]],
    method: str,
    path: str,
    limit: int,
) -> None:
    response = announce(method, path, limit + 1, MULTIPART, user_client.token)

    assert response.status_code == 413
    assert response.json()["message"] == f"The request body may have at most {limit:,} bytes."
    assert stored_files() == set()
    # JSON to the same address has the common limit.
    response = announce(method, path, LIMIT + 1, "application/json", user_client.token)
    assert response.status_code == 413


def test_size_is_checked_before_who_is_calling(announce: Callable[..., Any]) -> None:
    response = announce("POST", "user/change-password", LIMIT + 1, "application/json", "bad-token")

    assert response.status_code == 413


def test_text_fields_of_multipart_stay_within_the_common_limit(
    user_client: Client, stored_files: Callable[[], set[str]]
) -> None:
    body = {"title": "x", "description": "x" * (django_settings.MAX_BODY_BYTES + 1)}

    answer = user_client.post("videos", body, content_type="multipart/form-data")

    assert (answer.status, answer.code) == (413, "too_large")
    assert stored_files() == set()


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/media/x"])
def test_nothing_but_the_api_takes_large_bodies(api: Client, path: str) -> None:
    large: dict[str, Any] = {
        "CONTENT_TYPE": MULTIPART,
        "CONTENT_LENGTH": str(LIMIT + 1),
        "wsgi.input": Unread(),
    }

    assert api.http.generic("POST", path, **large).status_code == 413

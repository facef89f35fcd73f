"""Only the files that a call asked for are received, one in each field."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as HttpClient

from viztube.api.tests.fixtures import Answer, Client
from viztube.media.tests.fixtures import picture
from viztube.media.tests.multipart import END, MULTIPART, file_part, text_part
from viztube.media.uploads import ReceivedFile

pytestmark = pytest.mark.django_db

Listing = Callable[[], set[str]]
AVATAR = "user/update-avatar"


def send(client: Client, path: str, *parts: bytes) -> Answer:
    method = "PATCH" if path == AVATAR else "POST"
    return client.request(method, path, b"".join(parts) + END, content_type=MULTIPART)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each file that is begun on the disk."""
    begun: list[int] = []
    original = ReceivedFile.__init__

    def begin(file: ReceivedFile, content_type: str) -> None:
        begun.append(1)
        original(file, content_type)

    monkeypatch.setattr(ReceivedFile, "__init__", begin)
    return begun


@pytest.mark.parametrize("field", ["extra", "coverImage", "avatar2", "fullname"])
def test_a_file_in_a_field_that_takes_none_is_400_and_never_stored(
    user_client: Client, stored_files: Listing, started: list[int], field: str
) -> None:
    answer = send(user_client, AVATAR, file_part(field, bytes(500_000)))

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["errors"] == [f"{field}: takes no file"]
    assert started == []
    assert stored_files() == set()


def test_what_came_before_an_unexpected_file_is_deleted(
    user_client: Client, stored_files: Listing, started: list[int]
) -> None:
    good = file_part("avatar", picture().getvalue())

    answer = send(user_client, AVATAR, good, file_part("extra", bytes(500_000)))

    assert (answer.status, list(answer.body["details"])) == (400, ["extra"])
    assert len(started) == 1
    assert stored_files() == set()


def test_two_files_in_one_field_are_400_and_leave_neither(
    user_client: Client, stored_files: Listing, started: list[int]
) -> None:
    one = file_part("avatar", picture().getvalue())

    answer = send(user_client, AVATAR, one, one)

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["errors"] == ["avatar: takes one file only"]
    assert len(started) == 1
    assert stored_files() == set()


@pytest.mark.parametrize("path", ["user/login", "user/refresh-token"])
def test_a_call_without_files_takes_none(
    api: Client, stored_files: Listing, started: list[int], path: str
) -> None:
    answer = send(api, path, text_part("username"), file_part("password", b"x"))

    assert (answer.status, list(answer.body["details"])) == (400, ["password"])
    assert started == []
    assert stored_files() == set()


def test_signing_out_succeeds_and_stores_nothing_all_the_same(
    api: Client, stored_files: Listing, started: list[int]
) -> None:
    assert send(api, "user/logout", file_part("refreshToken", b"x")).status == 200
    assert started == []
    assert stored_files() == set()


@pytest.mark.parametrize("path", ["/", "/admin/login/"])
def test_an_address_outside_the_api_takes_no_file(
    api: Client, stored_files: Listing, started: list[int], path: str
) -> None:
    # With the cookie that comes before Django looks for its twin in the body.
    http = HttpClient(enforce_csrf_checks=True)
    http.cookies[settings.CSRF_COOKIE_NAME] = "x" * 32
    body: Any = file_part("avatar", bytes(100_000)) + END

    response = http.generic("POST", path, body, MULTIPART)

    assert response.status_code == 400
    assert started == []
    assert stored_files() == set()


@pytest.mark.parametrize(
    "part",
    [
        text_part("x"),
        file_part("avatar", b"x", ""),
        file_part("avatar", b"x", "/"),
        b"--X\r\n\r\nx\r\n",
    ],
    ids=["texts", "files without a name", "files of no name", "parts without a header"],
)
def test_ten_thousand_parts_are_413_at_once_and_leave_nothing(
    user_client: Client, stored_files: Listing, part: bytes
) -> None:
    good = file_part("avatar", picture().getvalue())
    began = time.monotonic()

    answer = send(user_client, AVATAR, good, part * 10_000)

    assert (answer.status, answer.code) == (413, "too_large")
    assert time.monotonic() - began < 1
    assert stored_files() == set()


def test_ten_thousand_files_are_400_at_the_second(
    user_client: Client, stored_files: Listing, started: list[int]
) -> None:
    answer = send(user_client, AVATAR, file_part("avatar", b"x") * 10_000)

    assert (answer.status, list(answer.body["details"])) == (400, ["avatar"])
    assert len(started) == 1
    assert stored_files() == set()


@pytest.mark.parametrize(
    "parameter", ["", "; boundary=", "; boundary=Y", "; boundary=" + "X" * 300]
)
def test_a_body_without_its_boundary_is_400_and_leaves_nothing(
    user_client: Client, stored_files: Listing, parameter: str
) -> None:
    body = file_part("avatar", picture().getvalue()) + END

    answer = user_client.request(
        "PATCH", AVATAR, body, content_type=f"Multipart/Form-Data{parameter}"
    )

    assert (answer.status, answer.code) == (400, "invalid")
    assert stored_files() == set()

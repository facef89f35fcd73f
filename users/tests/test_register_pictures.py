"""Signing up with pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from users.models import User
from users.tests.factories import UserFactory
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import named_file, picture

pytestmark = pytest.mark.django_db

VALID = {
    "username": "person",
    "email": "person@example.com",
    "fullname": "Person",
    "password": "Tr0ub4dor and three",
}
StoredFiles = Callable[[], set[str]]


def left_behind(media_root: Path) -> list[Path]:
    """Return what is still being received."""
    return [path for path in media_root.rglob("*") if path.is_file()]


def test_both_pictures_are_stored_and_served(api: Client, stored_files: StoredFiles) -> None:
    pictures = {"avatar": picture("PNG"), "coverImage": picture("JPEG", (600, 200))}

    answer = api.post("user/register", {**VALID, **pictures})

    assert answer.status == 201
    user = User.objects.get()
    assert stored_files() == {user.avatar, user.cover_image}
    assert user.avatar.endswith("/avatar.png")
    assert user.cover_image.endswith("/cover-image.jpg")
    assert Path(user.avatar).parent != Path(user.cover_image).parent
    for address, content_type in (
        (answer.data["avatar"], "image/png"),
        (answer.data["coverImage"], "image/jpeg"),
    ):
        served = api.get(address)
        assert served.status == 200
        assert served.response["Content-Type"] == content_type


@pytest.mark.parametrize(("field", "other"), [("avatar", "coverImage"), ("coverImage", "avatar")])
def test_one_picture_is_enough(api: Client, field: str, other: str) -> None:
    answer = api.post("user/register", {**VALID, field: picture()})

    assert answer.status == 201
    assert answer.data[field].startswith("http")
    assert answer.data[other] == ""


@pytest.mark.parametrize("field", ["avatar", "coverImage"])
@pytest.mark.parametrize(
    "content",
    [
        b"just text",
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
    ids=["text", "gif", "svg"],
)
def test_what_is_no_picture_leaves_neither_account_nor_file(
    api: Client, media_root: Path, field: str, content: bytes
) -> None:
    pictures = {"avatar": picture(), "coverImage": picture(), field: named_file(content, "a.png")}

    answer = api.post("user/register", {**VALID, **pictures})

    assert (answer.status, answer.code) == (415, "unsupported_media")
    assert list(answer.body["details"]) == [field]
    assert not User.objects.exists()
    assert left_behind(media_root) == []


def test_a_taken_name_leaves_no_file(api: Client, media_root: Path) -> None:
    UserFactory.create(username="person")

    answer = api.post("user/register", {**VALID, "avatar": picture()})

    assert answer.status == 409
    assert left_behind(media_root) == []


def test_a_name_taken_at_the_last_moment_leaves_no_file(
    api: Client, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*args: Any) -> None:
        UserFactory.create(username="person")

    monkeypatch.setattr("users.serializers.check_new_password", meanwhile)

    answer = api.post(
        "user/register", {**VALID, "avatar": picture(), "coverImage": picture("WEBP")}
    )

    assert (answer.status, answer.code) == (409, "conflict")
    assert answer.body["details"]["username"][0]["code"] == "unique"
    assert User.objects.count() == 1
    assert left_behind(media_root) == []


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data"])
def test_a_picture_that_is_text_is_refused(api: Client, content_type: str) -> None:
    body = {**VALID, "avatar": "https://example.com/a.png"}

    answer = api.post("user/register", body, content_type=content_type)

    assert answer.status == 400
    assert list(answer.body["details"]) == ["avatar"]


def test_a_file_input_left_empty_is_no_picture(api: Client) -> None:
    body = {**VALID, "avatar": ""}

    answer = api.post("user/register", body, content_type="multipart/form-data")

    assert answer.status == 201
    assert answer.data["avatar"] == ""


def test_an_empty_file_is_refused(api: Client) -> None:
    answer = api.post("user/register", {**VALID, "avatar": named_file(b"", "a.png")})

    assert answer.status == 400
    assert list(answer.body["details"]) == ["avatar"]


def test_a_picture_over_ten_megabytes_is_refused_while_it_arrives(
    api: Client, media_root: Path
) -> None:
    large = named_file(bytes(10_000_001), "a.png")

    answer = api.post("user/register", {**VALID, "avatar": large})

    assert (answer.status, answer.code) == (413, "too_large")
    assert answer.body["message"] == "avatar: may have at most 10,000,000 bytes"
    assert not User.objects.exists()
    assert left_behind(media_root) == []


def test_a_body_over_both_pictures_is_refused_by_its_length(api: Client) -> None:
    answer = api.post(
        "user/register", {**VALID, "avatar": picture()}, Content_Length=str(20_200_001)
    )

    assert (answer.status, answer.code) == (413, "too_large")
    assert "20,200,000" in answer.body["message"]

"""Receiving files: bounded while they arrive, and nothing left of what fails."""

import errno
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import pytest

from viztube.api.tests.fixtures import Client
from viztube.media import uploads
from viztube.media.tests.fixtures import picture
from viztube.media.tests.multipart import END, MULTIPART, file_part
from viztube.media.uploads import ReceivedFile, working_folder

Listing = Callable[[], set[str]]
AVATAR = "user/update-avatar"


@pytest.mark.parametrize(
    ("view", "action", "path", "field", "size"),
    [
        ("videos.views.VideoViewSet", "create", "videos", "videoFile", 600_000),
        ("users.views.UserViewSet", "update_avatar", AVATAR, "avatar", 300_000),
    ],
)
def test_a_file_over_the_limit_of_its_field_is_refused_while_it_arrives(
    user_client: Client,
    stored_files: Listing,
    monkeypatch: pytest.MonkeyPatch,
    view: str,
    action: str,
    path: str,
    field: str,
    size: int,
) -> None:
    monkeypatch.setattr(f"{view}.file_fields", {action: {field: size}})
    method = "POST" if path == "videos" else "PATCH"

    at_limit = user_client.request(
        method, path, file_part(field, bytes(size)) + END, content_type=MULTIPART
    )
    over = user_client.request(
        method, path, file_part(field, bytes(size + 1)) + END, content_type=MULTIPART
    )

    assert at_limit.status in {400, 415}
    assert (over.status, over.code) == (413, "too_large")
    assert over.body["message"] == f"{field}: may have at most {size:,} bytes"
    assert stored_files() == set()


def test_the_limits_are_those_of_the_contract() -> None:
    assert (uploads.VIDEO_BYTES, uploads.IMAGE_BYTES) == (100_000_000, 10_000_000)


TWO_FILES = file_part("thumbnail", picture().getvalue()) + file_part("videoFile", bytes(600_000))
SECOND_FILE = len(file_part("thumbnail", picture().getvalue()))


@pytest.mark.parametrize(
    "cut", [10, 120, SECOND_FILE - 2, SECOND_FILE, SECOND_FILE + 60, 300_000, len(TWO_FILES) + 2]
)
def test_a_body_that_ends_early_is_refused_and_leaves_nothing(
    user_client: Client, stored_files: Listing, cut: int
) -> None:
    body = TWO_FILES + END

    environ: dict[str, Any] = {
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body[:cut]),
    }
    response: Any = user_client.http.generic(
        "POST",
        "/api/v2/videos",
        body[:cut],
        MULTIPART,
        headers={"Authorization": f"Bearer {user_client.token}"},
        **environ,
    )

    assert response.status_code == 400
    assert response.json()["code"] == "invalid"
    assert response.json()["message"].startswith("The body could not be read")
    assert stored_files() == set()


@pytest.mark.parametrize(
    "name",
    [
        "x" * 800 + ".png",
        "../../../etc/passwd",
        "C:\\a\\b.png",
        "\u202egnp.exe",
        "\udcff\udcfe.png",
        ".",
        "..",
        "a;b\tc.png",
        "%00.png",
        "ü" * 300,
        " ",
        "a.png.",
        "a\0.png",
        "\u2066a\u2069\u200f.png",
        "<script>alert(1)</script>.png",
    ],
    ids=lambda name: ascii(name)[:20],
)
def test_whatever_a_file_is_called_it_is_stored_under_our_name(
    user_client: Client, stored_files: Listing, name: str
) -> None:
    body = file_part("avatar", picture().getvalue(), name) + END

    answer = user_client.request("PATCH", AVATAR, body, content_type=MULTIPART)

    if answer.status == 400:  # no name can be made of it, so it is no file
        assert name in {".", "..", " ", "\udcff\udcfe.png"}
        assert stored_files() == set()
    else:
        assert answer.status == 200
        assert [path.rpartition("/")[2] for path in stored_files()] == ["avatar.png"]


def test_a_name_of_three_thousand_characters_is_400_and_stores_nothing(
    user_client: Client, stored_files: Listing
) -> None:
    body = file_part("avatar", picture().getvalue(), "x" * 3000) + END

    answer = user_client.request("PATCH", AVATAR, body, content_type=MULTIPART)

    assert (answer.status, answer.code) == (400, "invalid")
    assert stored_files() == set()


def test_a_file_without_a_name_is_no_file(user_client: Client, stored_files: Listing) -> None:
    body = file_part("avatar", picture().getvalue(), "") + END

    answer = user_client.request("PATCH", AVATAR, body, content_type=MULTIPART)

    assert (answer.status, list(answer.body["details"])) == (400, ["avatar"])
    assert stored_files() == set()


def test_text_where_a_file_belongs_is_400(user_client: Client) -> None:
    body = b'--X\r\nContent-Disposition: form-data; name="avatar"\r\n\r\ntext\r\n--X--\r\n'

    answer = user_client.request("PATCH", AVATAR, body, content_type=MULTIPART)

    assert (answer.status, list(answer.body["details"])) == (400, ["avatar"])


def test_one_who_is_signed_out_stores_nothing(api: Client, stored_files: Listing) -> None:
    answer = api.patch(AVATAR, {"avatar": picture()})

    assert answer.status == 401
    assert stored_files() == set()


def test_a_disk_that_is_full_while_receiving_is_503_and_leaves_nothing(
    user_client: Client, stored_files: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, data: bytes) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ReceivedFile, "write", full, raising=False)

    answer = user_client.patch(AVATAR, {"avatar": picture()})

    assert (answer.status, answer.code) == (503, "unavailable")
    assert stored_files() == set()


def received(content: bytes) -> ReceivedFile:
    file = ReceivedFile("video/mp4")
    file.write(content)
    file.flush()
    return file


def test_a_file_is_on_disk_while_it_arrives_and_gone_when_it_is_closed(
    stored_files: Listing,
) -> None:
    file = received(b"content")
    assert len(stored_files()) == 1

    file.close()
    assert stored_files() == set()


def test_taking_a_file_is_a_rename_that_outlives_the_request(stored_files: Listing) -> None:
    file = received(b"content")
    number = Path(file.temporary_file_path()).stat().st_ino

    with working_folder() as folder:
        path = folder.take(file, "video.mp4")

    assert path.read_bytes() == b"content"
    assert path.stat().st_ino == number
    assert path.stat().st_mode & 0o777 == 0o644
    assert stored_files() == {f"{folder.name}/video.mp4"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_fails_in_a_working_folder_nothing_of_it_stays(
    media_root: Path, error: type[BaseException]
) -> None:
    def work() -> NoReturn:
        with working_folder() as folder:
            folder.take(received(b"content"), "video.mp4")
            raise error

    with pytest.raises(error):
        work()

    assert list((media_root / "incoming").iterdir()) == []

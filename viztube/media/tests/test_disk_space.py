"""A disk that is nearly full: nothing is received that would fill it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test.client import BOUNDARY, MULTIPART_CONTENT, FakePayload, encode_multipart

from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import picture
from viztube.media.uploads import RESERVED_BYTES

pytestmark = pytest.mark.django_db

AVATAR = "user/update-avatar"


class Unread(FakePayload):
    """A body that must not be read."""

    def read(self, *args: Any, **kwargs: Any) -> bytes:
        raise AssertionError("The body was read.")


@pytest.fixture
def leave_free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a way to say how many bytes the disk of the media root has left."""

    def set_free(free: int) -> None:
        def usage(path: Path) -> Any:
            assert Path(path).is_relative_to(settings.MEDIA_ROOT)
            assert Path(path).is_dir()
            return SimpleNamespace(free=free)

        monkeypatch.setattr("viztube.media.uploads.shutil.disk_usage", usage)

    return set_free


@pytest.mark.parametrize(
    ("method", "path", "length"), [("POST", "videos", 100_000_000), ("PATCH", AVATAR, 20_000)]
)
def test_what_the_disk_has_no_room_for_is_503_before_it_is_read(
    user_client: Client,
    stored_files: Callable[[], set[str]],
    leave_free: Callable[[int], None],
    method: str,
    path: str,
    length: int,
) -> None:
    leave_free(RESERVED_BYTES + length - 1)
    announced: dict[str, Any] = {
        "CONTENT_TYPE": "multipart/form-data; boundary=X",
        "CONTENT_LENGTH": str(length),
        "wsgi.input": Unread(),
    }

    response: Any = user_client.http.generic(
        method,
        f"/api/v2/{path}",
        headers={"Authorization": f"Bearer {user_client.token}"},
        **announced,
    )

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response["Retry-After"]) > 0
    assert stored_files() == set()


def test_what_just_fits_is_taken_though_nothing_was_stored_before(
    user_client: Client, media_root: Path, leave_free: Callable[[int], None]
) -> None:
    body = encode_multipart(BOUNDARY, {"avatar": picture()})
    leave_free(RESERVED_BYTES + len(body))
    assert not media_root.exists()

    assert user_client.request("PATCH", AVATAR, body, content_type=MULTIPART_CONTENT).status == 200


def test_others_who_fill_the_disk_meanwhile_end_it_before_the_reserve_is_used(
    user_client: Client,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = {"avatar": picture("BMP", (1000, 1000))}
    left = iter([RESERVED_BYTES * 2, RESERVED_BYTES + 1_000_000, RESERVED_BYTES + 200_000])
    monkeypatch.setattr(
        "viztube.media.uploads.shutil.disk_usage", lambda path: SimpleNamespace(free=next(left))
    )

    answer = user_client.patch(AVATAR, body)

    assert (answer.status, answer.code) == (503, "unavailable")
    assert next(left, None) is None
    assert stored_files() == set()


def test_what_carries_no_file_needs_no_room(
    api: Client, user_client: Client, leave_free: Callable[[int], None]
) -> None:
    leave_free(0)
    body = {"username": "nobody", "password": "wrong"}

    assert api.post("user/login", body, content_type="multipart/form-data").status == 401
    assert user_client.patch("user/update-account", {"fullname": "New"}).status == 200

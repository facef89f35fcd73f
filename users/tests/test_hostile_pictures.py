"""Pictures that are made to break or to deceive us are refused and leave nothing."""

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image

from users.models import User
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import named_file, picture

pytestmark = pytest.mark.django_db

AVATAR = "user/update-avatar"
NO_PICTURE = "avatar: must be a JPEG, PNG or WebP picture"
TOO_MANY_PIXELS = "avatar: may have at most 40 megapixels"
SCRIPT = b"<html><script>alert(1)</script></html>"


def saved(kind: str, size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    content = BytesIO()
    Image.effect_noise(size, 50).save(content, kind, **options)
    return content.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG (RFC 2083)."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(width: int, height: int, pixels: bytes, *extra: bytes) -> bytes:
    """Return a black-and-white PNG whose header claims a size in pixels."""
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
            *extra,
            chunk(b"IDAT", zlib.compress(pixels, 9)),
            chunk(b"IEND", b""),
        )
    )


def archive() -> bytes:
    content = BytesIO()
    with ZipFile(content, "w") as file:
        file.writestr("index.html", SCRIPT)
    return content.getvalue()


# Made when they are used: some take a moment.
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"just text", NO_PICTURE),
    "HTML": (lambda: SCRIPT, NO_PICTURE),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", NO_PICTURE),
    "GIF": (lambda: saved("GIF"), NO_PICTURE),
    "BMP": (lambda: saved("BMP"), NO_PICTURE),
    "TIFF": (lambda: saved("TIFF"), NO_PICTURE),
    "PostScript": (lambda: saved("EPS"), NO_PICTURE),
    "zip": (archive, NO_PICTURE),
    "half a JPEG": (lambda: saved("JPEG")[:-500], NO_PICTURE),
    "half a PNG": (lambda: saved("PNG")[:-500], NO_PICTURE),
    "half a WebP": (lambda: saved("WEBP")[:-500], NO_PICTURE),
    "a GIF that begins like a JPEG": (lambda: b"\xff\xd8\xff" + saved("GIF"), NO_PICTURE),
    "a page that begins like a PNG": (lambda: b"\x89PNG\r\n\x1a\n" + SCRIPT, NO_PICTURE),
    "a little too much": (lambda: png(6400, 6400, bytes(801 * 6400)), TOO_MANY_PIXELS),
    "a bomb": (lambda: png(20_000, 20_000, bytes(2501 * 20_000)), TOO_MANY_PIXELS),
    "a bigger bomb": (lambda: png(60_000, 60_000, bytes(1000)), TOO_MANY_PIXELS),
    "the biggest claim": (lambda: png(2**31 - 1, 2**31 - 1, b""), TOO_MANY_PIXELS),
    "no pixels": (lambda: png(0, 0, b""), NO_PICTURE),
    "fewer pixels than claimed": (lambda: png(6000, 6000, bytes(1000)), NO_PICTURE),
    "a bomb beside the pixels": (
        lambda: png(
            8, 8, bytes(16), chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(100_000_000), 9))
        ),
        NO_PICTURE,
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_picture_is_refused_with_a_reason(
    user_client: Client, stored_files: Callable[[], set[str]], kind: str
) -> None:
    make, reason = HOSTILE[kind]
    before = User.objects.values().get()

    answer = user_client.patch(AVATAR, {"avatar": named_file(make(), "me.png")})

    assert (answer.status, answer.code) == (415, "unsupported_media")
    assert answer.body["errors"] == [reason]
    assert User.objects.values().get() == before
    assert stored_files() == set()


def test_no_other_program_is_started_for_a_picture(
    user_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow would hand PostScript to Ghostscript."""
    for name in ("gs", "gswin32c", "gswin64c"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    answer = user_client.patch(AVATAR, {"avatar": named_file(saved("EPS"), "me.png")})

    assert answer.status == 415
    assert not (tmp_path / "started").exists()


def test_a_gif_named_like_a_jpeg_is_refused_at_sign_up(
    api: Client, stored_files: Callable[[], set[str]]
) -> None:
    person = {
        "username": "person",
        "email": "person@example.com",
        "fullname": "Person",
        "password": "Tr0ub4dor and three",
    }
    good, bad = picture(), named_file(saved("GIF"), "me.jpg")

    answer = api.post("user/register", {**person, "avatar": good, "coverImage": bad})

    assert (answer.status, list(answer.body["details"])) == (415, ["coverImage"])
    assert not User.objects.exists()
    assert stored_files() == set()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("extra", [SCRIPT, archive()], ids=["page", "zip"])
def test_what_hides_in_or_behind_a_picture_is_not_kept(
    user_client: Client, api: Client, kind: str, extra: bytes
) -> None:
    options: dict[str, dict[str, Any]] = {"JPEG": {"comment": SCRIPT}, "WEBP": {"exif": SCRIPT}}
    content = saved(kind, **options.get(kind, {})) + extra

    answer = user_client.patch(AVATAR, {"avatar": named_file(content, "page.html")})

    served = api.get(answer.data["avatar"]).response
    assert served["Content-Type"] == f"image/{kind.lower()}"
    assert served["X-Content-Type-Options"] == "nosniff"
    assert served["Content-Security-Policy"].startswith(
        "sandbox allow-same-origin; default-src 'none';"
    )
    stored = served.getvalue()
    assert extra not in stored
    assert SCRIPT not in stored
    with Image.open(BytesIO(stored)) as image:
        assert (image.format, image.size) == (kind, (64, 48))


def test_a_picture_that_takes_too_long_is_given_up(
    user_client: Client, stored_files: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viztube.media.images.ENCODE_SECONDS", 0.01)

    answer = user_client.patch(AVATAR, {"avatar": picture("PNG", (4000, 4000))})

    assert (answer.status, list(answer.body["details"])) == (415, ["avatar"])
    assert stored_files() == set()


def test_a_picture_that_takes_too_much_memory_is_given_up(
    user_client: Client, stored_files: Callable[[], set[str]]
) -> None:
    bomb = BytesIO()
    Image.new("RGB", (6324, 6324)).save(bomb, "WEBP", lossless=True)
    assert len(bomb.getvalue()) < 10_000

    answer = user_client.patch(AVATAR, {"avatar": named_file(bomb.getvalue(), "a.webp")})

    assert (answer.status, list(answer.body["details"])) == (415, ["avatar"])
    assert stored_files() == set()

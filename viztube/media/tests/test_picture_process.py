"""Pictures are decoded in a process of their own, with bounded memory."""

import errno
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from viztube.media import picture_encoder
from viztube.media.commands import CommandFailed
from viztube.media.images import NotAnImage, store_image
from viztube.media.tests.fixtures import picture
from viztube.media.uploads import ReceivedFile


def received(content: bytes) -> ReceivedFile:
    file = ReceivedFile("image/png")
    file.write(content)
    file.seek(0)
    return file


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def test_a_picture_is_stored_small_and_named(tmp_path: Path) -> None:
    with received(picture("PNG", (640, 480)).getvalue()) as file:
        name = store_image(file, tmp_path, "avatar", max_side=320)

    assert name == "avatar.png"
    with Image.open(tmp_path / name) as image:
        assert image.size == (320, 240)


def test_a_text_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with received(b"hello") as file, pytest.raises(NotAnImage, match="must be a JPEG"):
        store_image(file, tmp_path, "avatar", max_side=320)
    assert list(tmp_path.glob("avatar*")) == []


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("PNG", "RGBA")])
def test_forty_megapixels_fit_into_the_memory_allowed(tmp_path: Path, kind: str, mode: str) -> None:
    with received(saved(Image.new(mode, (6324, 6324)), kind)) as file:
        name = store_image(file, tmp_path, "cover", max_side=320)

    with Image.open(tmp_path / name) as image:
        assert image.size == (320, 320)


def test_a_few_bytes_that_decode_to_too_much_are_refused(tmp_path: Path) -> None:
    bomb = saved(Image.new("RGB", (6324, 6324)), "WEBP", lossless=True)
    assert len(bomb) < 10_000

    with received(bomb) as file, pytest.raises(NotAnImage):
        store_image(file, tmp_path, "cover", max_side=320)
    assert list(tmp_path.glob("cover*")) == []


def test_a_sixteen_bit_picture_larger_than_its_bounds_is_taken(tmp_path: Path) -> None:
    grey = Image.new("I;16", (4000, 100), 40000)

    with received(saved(grey, "PNG")) as file:
        name = store_image(file, tmp_path, "cover", max_side=320)

    with Image.open(tmp_path / name) as image:
        assert image.getpixel((0, 0)) == (156, 156, 156)


def test_a_picture_that_breaks_the_decoder_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def crash(*args: object, **kwargs: object) -> bytes:
        raise CommandFailed("python", "timed out")

    monkeypatch.setattr("viztube.media.images.run_guarded", crash)

    with received(b"x") as file, pytest.raises(NotAnImage, match="could not be read"):
        store_image(file, tmp_path, "cover", max_side=320)


def test_a_full_disk_is_not_the_pictures_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = json.dumps({"errno": errno.ENOSPC}).encode()
    monkeypatch.setattr("viztube.media.images.run_guarded", lambda *a, **k: answer)

    with received(b"x") as file, pytest.raises(OSError, match="No space left"):
        store_image(file, tmp_path, "cover", max_side=320)


@pytest.mark.parametrize(
    ("failure", "answer"),
    [
        (MemoryError(), {"refused": "takes too much memory to read: send a smaller one"}),
        (OSError(errno.ENOSPC, "full"), {"errno": errno.ENOSPC}),
        (picture_encoder.NotAnImage("is odd"), {"refused": "is odd"}),
    ],
)
def test_the_program_says_why_it_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception, answer: dict[str, Any]
) -> None:
    def fail(*args: object, **kwargs: object) -> str:
        raise failure

    monkeypatch.setattr(picture_encoder, "encode_picture", fail)
    (tmp_path / "a").touch()

    assert picture_encoder.main([str(tmp_path / "a"), str(tmp_path), "name", "10"]) == answer


def test_the_program_names_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(picture("WEBP").getvalue())

    answer = picture_encoder.main([str(tmp_path / "a"), str(tmp_path), "name", "10"])

    assert answer == {"name": "name.webp"}

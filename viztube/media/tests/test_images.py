"""Pictures: judged by content, bounded, upright, and without what was not meant to be sent."""

import errno
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from viztube.media.picture_encoder import NotAnImage, encode_picture
from viztube.media.tests.fixtures import picture

KINDS = [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")]
WRONG_KIND = "must be a JPEG, PNG or WebP picture"


def store(content: bytes | BytesIO, folder: Path, max_side: int = 400) -> Image.Image:
    """Store a picture and return it as it was stored."""
    source = BytesIO(content) if isinstance(content, bytes) else content
    name = encode_picture(source, folder, "poster", max_side=max_side)
    stored = Image.open(folder / name)
    stored.load()
    return stored


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and has no pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b""
    for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")):
        check = struct.pack(">I", zlib.crc32(kind + data))
        chunks += struct.pack(">I", len(data)) + kind + data + check
    return b"\x89PNG\r\n\x1a\n" + chunks


def near(pixel: Any, colour: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 24 for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize(("kind", "extension"), KINDS)
def test_each_kind_keeps_its_format_and_gets_our_name(
    tmp_path: Path, kind: str, extension: str
) -> None:
    stored = store(picture(kind, (64, 48), name="../../evil.php"), tmp_path)

    assert (stored.format, stored.size) == (kind, (64, 48))
    assert [file.name for file in tmp_path.iterdir()] == [f"poster.{extension}"]


@pytest.mark.parametrize(("kind", "extension"), KINDS)
@pytest.mark.parametrize(
    ("size", "fitted"), [((1000, 500), (400, 200)), ((300, 1200), (100, 400)), ((30, 20), (30, 20))]
)
def test_a_picture_is_fitted_into_its_box_and_never_enlarged(
    tmp_path: Path, kind: str, extension: str, size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    assert store(picture(kind, size), tmp_path).size == fitted


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_is_applied_and_all_metadata_dropped(tmp_path: Path, kind: str) -> None:
    image = Image.new("RGB", (80, 40), "white")
    image.paste("red", (0, 0, 40, 40))  # red on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise: red on top
    exif[0x010E] = "my secret caption"
    exif.get_ifd(0x8825)[1] = "N"  # GPS

    stored = store(saved(image, kind, exif=exif, comment=b"my secret comment"), tmp_path)

    assert stored.size == (40, 80)
    assert near(stored.convert("RGB").getpixel((20, 10)), (255, 0, 0))
    assert near(stored.convert("RGB").getpixel((20, 70)), (255, 255, 255))
    assert dict(stored.getexif()) == {}
    assert b"secret" not in next(tmp_path.iterdir()).read_bytes()


def test_a_broken_orientation_leaves_the_picture_as_it_is(tmp_path: Path) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + b"\x01\x12\0\x02\0\0\0\x04ab\0\0" + b"\xff" * 30

    assert store(saved(Image.new("RGB", (80, 40)), "JPEG", exif=exif), tmp_path).size == (80, 40)


def test_an_orientation_that_its_reader_fails_on_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: Image.Image) -> None:
        raise struct.error("required argument is not an integer")

    monkeypatch.setattr("PIL.ImageOps.exif_transpose", fail)

    assert store(picture("JPEG", (80, 40)), tmp_path).size == (80, 40)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_kept(tmp_path: Path, kind: str) -> None:
    stored = store(saved(Image.new("RGBA", (20, 20), (255, 0, 0, 0)), kind), tmp_path)

    assert stored.mode == "RGBA"
    assert stored.getpixel((5, 5))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("transparent", [None, 0])
def test_a_palette_becomes_plain_colours(tmp_path: Path, transparent: int | None) -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([200, 30, 30, 0, 0, 0])
    options = {} if transparent is None else {"transparency": transparent}

    stored = store(saved(image, "PNG", **options), tmp_path)

    assert stored.mode == ("RGB" if transparent is None else "RGBA")
    assert near(stored.convert("RGB").getpixel((5, 5)), (200, 30, 30))


@pytest.mark.parametrize(("mode", "value"), [("L", 128), ("LA", (128, 255)), ("1", 1)])
def test_grey_pictures_are_taken(tmp_path: Path, mode: str, value: Any) -> None:
    grey = 255 if mode == "1" else 128

    stored = store(saved(Image.new(mode, (20, 20), value), "PNG"), tmp_path)

    assert near(stored.convert("RGB").getpixel((5, 5)), (grey, grey, grey))


def test_sixteen_bits_of_grey_do_not_turn_white(tmp_path: Path) -> None:
    stored = store(saved(Image.new("I;16", (20, 20), 0x4000), "PNG"), tmp_path)

    assert near(stored.convert("RGB").getpixel((5, 5)), (64, 64, 64))


def test_print_colours_are_taken(tmp_path: Path) -> None:
    stored = store(saved(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"), tmp_path)

    assert stored.mode == "RGB"
    red, green, blue = stored.getpixel((5, 5))  # type: ignore[misc]
    assert red > 180
    assert green < 90
    assert blue < 90


def test_the_first_of_a_phones_several_pictures_is_taken(tmp_path: Path) -> None:
    several = saved(
        Image.new("RGB", (40, 30), "red"),
        "MPO",
        save_all=True,
        append_images=[Image.new("RGB", (40, 30), "blue")],
    )

    stored = store(several, tmp_path)

    assert stored.format == "JPEG"
    assert near(stored.getpixel((5, 5)), (255, 0, 0))
    assert next(tmp_path.iterdir()).name == "poster.jpg"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_becomes_its_first_picture(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]

    stored = store(saved(frames[0], kind, save_all=True, append_images=frames[1:]), tmp_path)

    assert getattr(stored, "n_frames", 1) == 1
    assert near(stored.convert("RGB").getpixel((5, 5)), (255, 0, 0))


@pytest.mark.parametrize("size", [(8001, 5000), (40_000_001, 1), (20_000, 20_000)])
def test_more_than_forty_megapixels_are_refused_by_the_header(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with pytest.raises(NotAnImage, match="may have at most 40 megapixels"):
        store(png_header(*size), tmp_path)

    assert list(tmp_path.iterdir()) == []


GIF = saved(Image.new("P", (4, 4)), "GIF")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        GIF,
        saved(Image.new("RGB", (4, 4)), "BMP"),
        saved(Image.new("RGB", (4, 4)), "TIFF"),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        png_header(100, 100),
        png_header(0, 0),
        picture("JPEG").getvalue()[:300],
        picture("PNG").getvalue()[:50],
        picture("WEBP").getvalue()[:40],
    ],
    ids=lambda content: repr(content[:12]),
)
def test_anything_else_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NotAnImage, match=WRONG_KIND):
        store(content, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_what_hides_behind_the_pixels_is_dropped(tmp_path: Path) -> None:
    payload = b"<script>alert(1)</script><?php system($_GET[0]);PK\x03\x04"
    for kind, _ in KINDS:
        store(picture(kind).getvalue() + payload, tmp_path)

    for file in tmp_path.iterdir():
        assert b"script" not in file.read_bytes()


def test_a_fault_of_the_disk_is_not_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError):
        store(picture(), tmp_path / "missing")

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space") as caught:
        store(picture("JPEG"), tmp_path)
    assert caught.value.errno == errno.ENOSPC

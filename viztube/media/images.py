"""Pictures that people send: judged by content, bounded, re-encoded without metadata."""

import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
MAX_PIXELS = 40_000_000


class NotAnImage(Exception):
    """The file is not a picture of a kind that is taken; the text says why, for a person."""


def store_image(source: BinaryIO, folder: Path, name: str, *, max_side: int) -> str:
    """Write a picture into a folder, fitted into ``max_side`` pixels; return its file name.

    Re-encoding drops EXIF (with the place it was taken at) and anything hidden behind the pixels;
    the orientation that EXIF asks for is applied first. Raises NotAnImage.
    """
    try:
        image = _opened(source)
        # Phones write several pictures into one JPEG, which Pillow calls MPO: the first counts.
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        # JPEG decodes straight to a smaller size: a fraction of the memory and time.
        image.draft("RGB", (max_side, max_side))
        # Made small first: turning copies the picture.
        image.thumbnail((max_side, max_side))
        image = _plain_mode(_upright(image), kind)
        file_name = f"{name}.{FORMATS[kind]}"
        options = {"optimize": True} if kind == "PNG" else {"quality": 85}
        # A new image has none of the old one's metadata.
        clean = Image.new(image.mode, image.size)
        clean.paste(image)
        clean.save(folder / file_name, format=kind, **options)
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the picture's
        raise NotAnImage("must be a JPEG, PNG or WebP picture") from error
    return file_name


def _opened(source: BinaryIO) -> Image.Image:
    """Return a picture whose header was read and none of its pixels; raises NotAnImage."""
    too_many = NotAnImage(f"may have at most {MAX_PIXELS // 1_000_000} megapixels")
    try:
        with warnings.catch_warnings():
            # Our own cap is far below the one that Pillow warns about.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(source, formats=tuple(FORMATS))
    except Image.DecompressionBombError as error:
        raise too_many from error
    if image.width * image.height > MAX_PIXELS:
        raise too_many
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture the way its EXIF says; one whose EXIF is broken stays as it is."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF fails in many ways, struct.error and TypeError among them
        return image


def _plain_mode(image: Image.Image, kind: str) -> Image.Image:
    """Return the picture in a mode every browser shows, keeping transparency where it can be."""
    if kind == "JPEG":
        return image.convert("RGB")
    if image.mode.startswith("I"):
        # 16 bits a pixel, which convert() would clip to white.
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")

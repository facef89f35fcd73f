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
        with warnings.catch_warnings():
            # Our own cap, in pixels, is checked below before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(source, formats=tuple(FORMATS))
        kind = str(image.format)
        if image.width * image.height > MAX_PIXELS:
            raise NotAnImage(f"may have at most {MAX_PIXELS // 1_000_000} megapixels")
        # JPEG decodes straight to a smaller size: a fraction of the memory and time.
        image.draft("RGB", (max_side, max_side))
        image = ImageOps.exif_transpose(image)
        image.thumbnail((max_side, max_side))
        image = _plain_mode(image, kind)
        file_name = f"{name}.{FORMATS[kind]}"
        options = {"optimize": True} if kind == "PNG" else {"quality": 85}
        # A new image has none of the old one's metadata.
        clean = Image.new(image.mode, image.size)
        clean.paste(image)
        clean.save(folder / file_name, format=kind, **options)
    except NotAnImage:
        raise
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        Image.DecompressionBombError,
    ) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the picture's
        raise NotAnImage("must be a JPEG, PNG or WebP picture") from error
    return file_name


def _plain_mode(image: Image.Image, kind: str) -> Image.Image:
    """Return the picture in a mode every browser shows, keeping transparency where it can be."""
    if kind == "JPEG":
        return image.convert("RGB")
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")

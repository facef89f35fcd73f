"""Re-encode one picture: a program of its own, run by path, with Pillow and nothing of ours.

``picture_encoder.py SOURCE FOLDER NAME MAX_SIDE`` prints a JSON object: ``{"name": ...}`` of the
file written, ``{"refused": ...}`` with a sentence for the sender, or ``{"errno": ...}`` when it is
the disk's fault. A process of its own because a few kilobytes can decode to hundreds of megabytes:
here they are bounded, and given back.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
MAX_PIXELS = 40_000_000


class NotAnImage(Exception):
    """The file is not a picture of a kind that is taken; the text says why, for a person."""


def encode_picture(source: BinaryIO, folder: Path, name: str, *, max_side: int) -> str:
    """Write a picture into a folder, fitted into ``max_side`` pixels; return its file name.

    Re-encoding drops EXIF (with the place it was taken at) and anything hidden behind the pixels;
    the orientation that EXIF asks for is applied first. Raises NotAnImage, OSError, MemoryError.
    """
    try:
        image = _opened(source)
        # Phones write several pictures into one JPEG, which Pillow calls MPO: the first counts.
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        # JPEG decodes straight to a smaller size: a fraction of the memory and time.
        image.draft("RGB", (max_side, max_side))
        if image.mode.startswith("I"):
            # 16 bits a pixel, which convert() would clip to white and thumbnail() cannot scale.
            image = image.convert("I").point(lambda value: value / 256).convert("L")
        # Made small first: turning copies the picture.
        image.thumbnail((max_side, max_side))
        image = _plain_mode(_upright(image), kind)
        file_name = f"{name}.{FORMATS[kind]}"
        options = {"optimize": True} if kind == "PNG" else {"quality": 85}
        # A new image has none of the old one's metadata.
        clean = Image.new(image.mode, image.size)
        clean.paste(image)
        clean.save(folder / file_name, format=kind, **options)
    except (NotAnImage, MemoryError):
        raise
    except Exception as error:  # a broken picture fails in more ways than Pillow documents
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
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def main(arguments: list[str]) -> dict[str, str | int]:
    """Encode what the arguments name; return what is to be printed."""
    source, folder, name, max_side = arguments
    try:
        with Path(source).open("rb") as file:
            return {"name": encode_picture(file, Path(folder), name, max_side=int(max_side))}
    except NotAnImage as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"refused": "takes too much memory to read: send a smaller one"}
    except OSError as error:
        return {"errno": error.errno or 0}


if __name__ == "__main__":  # pragma: no cover - runs in a process of its own
    sys.stdout.write(json.dumps(main(sys.argv[1:])))

"""Pictures that people send: judged by content, bounded, re-encoded without metadata."""

import json
import os
import sys
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile

from viztube.media import picture_encoder
from viztube.media.commands import CommandFailed, Kind, run_guarded
from viztube.media.picture_encoder import NotAnImage

__all__ = ["NotAnImage", "store_image"]

ENCODE_SECONDS = 5.0
# Enough for 40 megapixels of JPEG or PNG with transparency; WebP takes more, so about 27.
ENCODE_MEMORY = 450_000_000


def store_image(source: "UploadedFile[bytes]", folder: Path, name: str, *, max_side: int) -> str:
    """Write an uploaded picture, fitted into ``max_side`` pixels; return its file name.

    Raises NotAnImage, OSError (the disk's fault), Unavailable (too much is being checked).
    """
    path = source.temporary_file_path()  # type: ignore[attr-defined]
    program = str(Path(picture_encoder.__file__).resolve())
    try:
        answer = json.loads(
            run_guarded(
                # Isolated: neither our settings nor the working folder reach it.
                [sys.executable, "-I", program, path, str(folder), name, str(max_side)],
                kind=Kind.PICTURE,
                timeout=ENCODE_SECONDS,
                memory=ENCODE_MEMORY,
            )
        )
    except CommandFailed as error:
        raise NotAnImage("could not be read as a picture") from error
    if "errno" in answer:
        raise OSError(answer["errno"], os.strerror(answer["errno"]))
    if "refused" in answer:
        raise NotAnImage(answer["refused"])
    return str(answer["name"])

"""Videos of any size."""

from pathlib import Path

from viztube.media.tests.fixtures import CLIP


def padded_clip(path: Path, size: int) -> Path:
    """Write a video of exactly ``size`` bytes: the clip and a ``free`` box (ISO/IEC 14496-12)."""
    clip = CLIP.read_bytes()
    free = size - len(clip)
    with path.open("wb") as file:
        file.write(clip + free.to_bytes(4, "big") + b"free")
        file.truncate(size)
    return path

"""Which qualities a video is offered in."""

from collections.abc import Collection
from dataclasses import dataclass

# Kilobits a second at most for what is hard to encode; easy pictures take less. After Apple's
# HLS Authoring Specification, table of H.264 variants.
CAPS = {240: 365, 360: 730, 480: 1400, 720: 3000, 1080: 4500}
AUDIO_KBPS = 128
MAX_FRAME_RATE = 60.0


@dataclass(frozen=True)
class Rung:
    """One quality: what it is called by (its shorter side), its pixels, its cap in kbit/s."""

    name: int
    width: int
    height: int
    kbps: int

    @property
    def folder(self) -> str:
        """Return the name of the folder with its files."""
        return f"{self.name}p"


def up_to(top: int) -> tuple[int, ...]:
    """Return the names of the qualities up to one."""
    return tuple(name for name in CAPS if name <= top)


def rungs_for(width: int, height: int, names: Collection[int]) -> list[Rung]:
    """Return qualities for a picture of so many pixels as shown, the lowest first.

    Those that are named and no larger than the picture; if it is smaller than all of them, one of
    its own size. Sides are even, as 4:2:0 wants them.
    """
    shorter = min(width, height)
    fitting = sorted(name for name in names if name <= shorter) or [shorter]
    return [_rung(name, width, height) for name in fitting]


def _rung(name: int, width: int, height: int) -> Rung:
    scale = name / min(width, height)
    cap = CAPS.get(name, min(CAPS.values()))
    return Rung(name, _even(width * scale), _even(height * scale), cap)


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)

"""The master playlist, with what was measured of the rungs (RFC 8216, section 4.3.4)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from viztube.media.hls.command import AUDIO_FOLDER, PLAYLIST
from viztube.media.hls.ladder import Rung
from viztube.media.paths import MASTER

AUDIO_CODEC = "mp4a.40.2"  # AAC-LC (RFC 6381)
_MAP = re.compile(r'#EXT-X-MAP:URI="(init(?:_[0-9]+)?\.mp4)"')
_SEGMENT = re.compile(r"#EXTINF:([0-9.]+),\n(?:#[^\n]*\n)*([0-9]+\.m4s)")


@dataclass(frozen=True)
class Media:
    """One encoded rung or its sound: its header, seconds and bytes of each segment in order."""

    head: Path
    segments: tuple[tuple[float, int], ...]

    @property
    def duration(self) -> float:
        """Return its length in seconds."""
        return sum(seconds for seconds, _ in self.segments)

    @property
    def peak(self) -> float:
        """Return the bits a second of its largest segment."""
        return max(8 * size / seconds for seconds, size in self.segments if seconds > 0)

    @property
    def average(self) -> float:
        """Return its bits a second over all."""
        return 8 * sum(size for _, size in self.segments) / self.duration

    @property
    def starts(self) -> list[float]:
        """Return when each segment starts, in seconds."""
        starts, now = [], 0.0
        for seconds, _ in self.segments:
            starts.append(now)
            now += seconds
        return starts


@dataclass(frozen=True)
class Variant:
    """One entry of a master playlist: its rung, what was measured in bits a second, its codecs."""

    rung: Rung
    peak: int
    average: int
    codecs: str


class BrokenLadder(Exception):
    """What ffmpeg wrote is not what it was asked for."""


def read_media(folder: Path) -> Media:
    """Return what a media playlist lists and how large that is; raises BrokenLadder."""
    try:
        text = (folder / PLAYLIST).read_text()
        segments = tuple(
            (float(seconds), (folder / name).stat().st_size)
            for seconds, name in _SEGMENT.findall(text)
        )
        ended = text.rstrip().endswith("#EXT-X-ENDLIST")
        head = folder / "".join(_MAP.findall(text))
        whole = head.is_file() and head.stat().st_size > 0
    except OSError as error:
        raise BrokenLadder(f"{folder.name}: {error}") from error
    if not (segments and ended and whole):
        raise BrokenLadder(f"{folder.name}: the playlist is not complete")
    return Media(head, segments)


def video_codec(media: Media) -> str:
    """Return the codec of a rung as RFC 6381 writes it, from its avcC box; raises BrokenLadder.

    Source: ISO/IEC 14496-15, section 5.3.3.1 (profile, compatibility and level follow a version).
    """
    head = media.head.read_bytes()
    at = head.find(b"avcC")
    if at < 0 or len(head) < at + 8:
        raise BrokenLadder(f"{media.head.parent.name}: no H.264")
    return f"avc1.{head[at + 5 : at + 8].hex()}"


def write_master(folder: Path, rungs: Sequence[Rung], frame_rate: Fraction) -> list[Variant]:
    """Write the master playlist of a folder that holds these rungs; return what it lists.

    By a rename, so that whoever asks meanwhile gets the one before. Raises BrokenLadder, OSError.
    """
    sound = read_media(folder / AUDIO_FOLDER) if (folder / AUDIO_FOLDER).is_dir() else None
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if sound:
        lines.append(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,'
            f'CHANNELS="2",URI="{AUDIO_FOLDER}/{PLAYLIST}"'
        )
    variants = [_measured(folder, rung, sound) for rung in rungs]
    for one in variants:
        attributes = {
            "BANDWIDTH": one.peak,
            "AVERAGE-BANDWIDTH": one.average,
            "CODECS": f'"{one.codecs}"',
            "RESOLUTION": f"{one.rung.width}x{one.rung.height}",
            "FRAME-RATE": f"{float(frame_rate):.3f}",
            **({"AUDIO": '"sound"'} if sound else {}),
        }
        listed = ",".join(f"{name}={value}" for name, value in attributes.items())
        lines += [f"#EXT-X-STREAM-INF:{listed}", f"{one.rung.folder}/{PLAYLIST}"]
    new = folder / f"{MASTER}.new"
    new.write_text("\n".join(lines) + "\n")
    new.rename(folder / MASTER)
    return variants


def _measured(folder: Path, rung: Rung, sound: Media | None) -> Variant:
    media = read_media(folder / rung.folder)
    return Variant(
        rung,
        round(media.peak + (sound.peak if sound else 0)),
        round(media.average + (sound.average if sound else 0)),
        ",".join([video_codec(media), *([AUDIO_CODEC] if sound else [])]),
    )

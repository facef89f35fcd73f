"""Whether what an encoder wrote is what it was asked for, before anybody gets to see it."""

import json
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from viztube.media.commands import CommandFailed, Kind, run_guarded
from viztube.media.hls.command import AUDIO_FOLDER, PLAYLIST
from viztube.media.hls.ladder import Rung
from viztube.media.hls.playlist import BrokenLadder, read_media
from viztube.media.hls.source import Source

# How far an output may be from its source and from each other, in seconds.
LENGTH_TOLERANCE = 0.1
CUT_TOLERANCE = 0.001
PROBE_SECONDS = 20.0
PROBE_MEMORY = 512 << 20  # bytes of addresses
# Longer than a request would: minutes of encoding are not to be lost for want of a turn.
PATIENCE = 300.0  # seconds


def check(source: Source, rungs: Sequence[Rung], target: Path) -> None:
    """Raise BrokenLadder unless all is whole, as long as the source, cut alike and readable.

    A source lasts as long as the longer of its picture and its sound, but as long as its picture
    where its container does not say how long it is.
    """
    media = [read_media(target / rung.folder) for rung in rungs]
    has_sound = (target / AUDIO_FOLDER).is_dir()
    sound = [read_media(target / AUDIO_FOLDER)] if has_sound else []
    for folder in (*(rung.folder for rung in rungs), *([AUDIO_FOLDER] if has_sound else [])):
        for segment in sorted((target / folder).glob("*.m4s")):
            if not _is_whole(segment):
                raise BrokenLadder(f"{folder}: {segment.name} is not whole")
    longest = max(one.duration for one in (*media, *sound))
    tolerance = LENGTH_TOLERANCE + 1 / float(source.frame_rate)
    if all(abs(one - source.info.duration) > tolerance for one in (longest, media[0].duration)):
        raise BrokenLadder(f"{longest:.3f} s of {source.info.duration:.3f} s")
    for rung, one in zip(rungs, media, strict=True):
        apart = [abs(a - b) for a, b in zip(one.starts, media[0].starts, strict=False)]
        if len(one.segments) != len(media[0].segments) or max(apart) > CUT_TOLERANCE:
            raise BrokenLadder(f"{rung.folder}: cut elsewhere than {rungs[0].folder}")
        expected = f"h264 {rung.width}x{rung.height} yuv420p"
        if (found := _described(target / rung.folder)) != expected:
            raise BrokenLadder(f"{rung.folder}: {found} and not {expected}")
    if has_sound and (found := _described(target / AUDIO_FOLDER)) != "aac":
        raise BrokenLadder(f"{AUDIO_FOLDER}: {found}")


def _is_whole(segment: Path) -> bool:
    """Tell whether a file holds the boxes that it says, to the last byte (ISO/IEC 14496-12, 4.2).

    What a full disk did not take is missing there, while the playlist lists it as if it were whole.
    """
    size, at, kinds = segment.stat().st_size, 0, set()
    with segment.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(8)
            length = int.from_bytes(head[:4])
            if len(head) < 8 or length < 8:
                return False
            kinds.add(head[4:])
            at += length
    return at == size and kinds >= {b"moof", b"mdat"}


def _described(folder: Path) -> str:
    """Return what ffprobe reads through a playlist of ours; raises BrokenLadder."""
    entries = "stream=codec_name,width,height,pix_fmt"
    try:
        said = run_guarded(
            [
                settings.FFPROBE,
                *("-v", "error", "-protocol_whitelist", "file", "-format_whitelist", "hls,mov"),
                *("-show_entries", entries, "-of", "json", "-i", str(folder / PLAYLIST)),
            ],
            kind=Kind.VIDEO,
            timeout=PROBE_SECONDS,
            memory=PROBE_MEMORY,
            patience=PATIENCE,
        )
    except CommandFailed as error:
        raise BrokenLadder(f"{folder.name}: {error}") from error
    streams = json.loads(said).get("streams", [])
    if len(streams) != 1:
        raise BrokenLadder(f"{folder.name}: {len(streams)} streams")
    (one,) = streams
    if "width" not in one:
        return str(one.get("codec_name"))
    return f"{one.get('codec_name')} {one['width']}x{one['height']} {one.get('pix_fmt')}"

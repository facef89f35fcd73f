"""Streams on a disk, as whoever follows their playlists finds them."""

import json
import re
import subprocess
from pathlib import Path

from viztube.ops.dev.services import ffmpeg_addresses

_URI = re.compile(r'^#.*URI="([^"]+)"', re.MULTILINE)
_ENTRY = re.compile(r"^([^#\s].*)$", re.MULTILINE)


def led_to(playlist: Path) -> set[Path]:
    """Return a playlist and all files that it leads to, through other playlists too."""
    found = {playlist}
    text = playlist.read_text()
    for name in _URI.findall(text) + _ENTRY.findall(text):
        path = playlist.parent / name
        found |= led_to(path) if path.suffix == ".m3u8" else {path}
    return found


def decoded(playlist: Path) -> dict[str, int]:
    """Decode all that a playlist leads to; return how many frames of picture and of sound.

    Raises AssertionError when ffmpeg complains about anything.
    """
    argv = [ffmpeg_addresses({})["FFPROBE"], "-v", "error", "-count_frames", "-of", "json"]
    argv += ["-show_entries", "stream=codec_type,nb_read_frames", str(playlist)]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    frames: dict[str, int] = {}
    for stream in json.loads(ran.stdout)["streams"]:
        kind = stream["codec_type"]
        frames[kind] = frames.get(kind, 0) + int(stream["nb_read_frames"])
    return frames

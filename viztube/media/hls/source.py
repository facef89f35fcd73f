"""What the encoder needs to know of a source beyond what the upload was told."""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from viztube.media.hls.ladder import MAX_FRAME_RATE
from viztube.media.probe import VideoInfo, probe, run_ffprobe, video_stream_of

USUAL_RATE = Fraction(30)
_ENTRIES = (
    "stream=codec_type,codec_name,avg_frame_rate,r_frame_rate,channels"
    ":stream_disposition=attached_pic"
)


@dataclass(frozen=True)
class Source:
    """A video to encode: its facts, the constant frame rate it gets, and whether it has sound."""

    path: Path
    info: VideoInfo
    frame_rate: Fraction
    has_sound: bool


def read_source(path: Path) -> Source:
    """Return a source's facts; raises NotAVideo."""
    info = probe(path)
    report = json.loads(run_ffprobe(path, "-show_entries", _ENTRIES, "-of", "json"))
    sound = [one for one in report["streams"] if one.get("codec_type") == "audio"]
    has_sound = any(int(one.get("channels") or 0) > 0 for one in sound)
    return Source(path, info, _frame_rate(video_stream_of(report)), has_sound)


def _frame_rate(stream: dict[str, Any]) -> Fraction:
    """Return a constant rate for the output: a variable one becomes its average."""
    for name in ("avg_frame_rate", "r_frame_rate"):
        try:
            rate = Fraction(stream.get(name, ""))
        except (ValueError, ZeroDivisionError):
            continue
        if 1 <= rate <= MAX_FRAME_RATE:
            return rate.limit_denominator(1001)
        if rate > MAX_FRAME_RATE:
            return Fraction(int(MAX_FRAME_RATE))
    return USUAL_RATE

"""What a video file is, judged by its content, and a frame to stand for it."""

import errno
import json
import math
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from viztube.media.commands import (
    INPUT_GUARDS,
    MAX_OUTPUT_FILE,
    MAX_STREAMS,
    CommandFailed,
    Kind,
    run_guarded,
)
from viztube.media.containers import (
    NotAVideo,
    container_extension,
    require_duration,
    require_size,
)

__all__ = ["NotAVideo", "VideoInfo", "extract_poster", "probe"]

PROBE_SECONDS = 5.0
POSTER_SECONDS = 5.0
PROBE_MEMORY = 1 << 29
# Of addresses. Decoding 4K with as many reference pictures as H.264 allows took 420 MB by an ffmpeg
# of one file, and 720 MB by Debian's, which is in the image and begins with 210 MB of libraries.
POSTER_MEMORY = 1 << 30
POSTER_SIDE = 1280
KEY_FRAMES_FROM = 20.0  # seconds

# Decoders that may touch a stranger's stream: what browsers play and cameras record.
# ffprobe opens one for every stream, and gives up on a file with one that it may not open.
CODECS = (
    "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1,mpeg4,mpeg2video,mjpeg,prores,"
    "aac,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,eac3,dca,"
    "amrnb,amrwb,adpcm_ms,adpcm_ima_qt,adpcm_ima_wav,pcm_mulaw,pcm_alaw,pcm_u8,pcm_s16le,pcm_s16be,"
    "pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,"
    "mov_text,text,srt,subrip,ass,ssa,webvtt,cc_dec,pgssub,dvdsub,dvbsub"
)
VIDEO_CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mjpeg", "prores"}

_ENTRIES = (
    "format=format_name,duration"
    ":stream=codec_type,codec_name,width,height,duration"
    ":stream_disposition=attached_pic"
    ":stream_side_data=rotation"
)


@dataclass(frozen=True)
class VideoInfo:
    """A video file's facts: seconds, pixels as they are shown, and the extension that fits."""

    duration: float
    width: int
    height: int
    extension: str


def probe(path: Path) -> VideoInfo:
    """Return a video's facts, in at most ten seconds; raises NotAVideo."""
    extension = container_extension(path)
    facts = run_ffprobe(path, "-show_entries", _ENTRIES, "-of", "json")
    try:
        report = json.loads(facts)
    except ValueError as error:
        raise NotAVideo("could not be read as a video") from error
    # Of more than that ffprobe lists the first ones, or none at all.
    if len(report.get("streams", [])) >= MAX_STREAMS:
        raise NotAVideo(f"may have at most {MAX_STREAMS - 1} tracks")
    stream = video_stream_of(report)
    width, height = int(stream.get("width") or 0), int(stream.get("height") or 0)
    require_size(width, height)
    if _rotation(stream) % 180 == 90:
        width, height = height, width
    duration = _seconds(report.get("format", {}).get("duration")) or _seconds(
        stream.get("duration")
    )
    if duration is None:
        duration = _measured_duration(path)
    require_duration(duration)
    return VideoInfo(round(duration, 3), width, height, extension)


def extract_poster(video: Path, target: Path, duration: float) -> None:
    """Write a representative frame as JPEG, at most 1280 pixels a side; raises NotAVideo, OSError.

    It is the most typical of ten, from a tenth into the video: key frames of a long video, two a
    second of a short one, which may have a single key frame. Frames are made small before they are
    compared, because ten of 4K would take 120 MB. A file too slow to search gives its first frame.
    """
    attempt: tuple[float, tuple[str, ...], tuple[str, ...]]
    if duration > KEY_FRAMES_FROM:
        attempt = (duration / 10, ("-skip_frame", "nokey", "-noaccurate_seek"), ("thumbnail=10",))
    else:
        attempt = (duration / 10, (), ("fps=2", "thumbnail=10"))
    for start, options, pick in (attempt, (0.0, (), ())):
        try:
            _one_frame(video, target, start, options, pick)
        except CommandFailed:
            continue
        if target.is_file() and target.stat().st_size:
            return
    if shutil.disk_usage(target.parent).free < MAX_OUTPUT_FILE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise NotAVideo("has no picture that can be decoded")


def _one_frame(
    video: Path, target: Path, start: float, options: tuple[str, ...], pick: tuple[str, ...]
) -> None:
    scale = (
        f"scale=w='min({POSTER_SIDE},iw)':h='min({POSTER_SIDE},ih)'"
        ":force_original_aspect_ratio=decrease"
    )
    *sampling, choice = pick or ("null",)
    run_guarded(
        [
            settings.FFMPEG,
            # Not one a processor: on a large machine their stacks would use the memory up.
            *("-nostdin", "-v", "error", "-threads", "2", "-filter_threads", "2"),
            *INPUT_GUARDS,
            *("-codec_whitelist", CODECS),
            *options,
            *("-ss", f"{start:.3f}", "-i", str(video)),
            *("-map", "0:V:0", "-an", "-sn", "-dn", "-map_metadata", "-1"),
            *("-vf", ",".join((*sampling, scale, "format=yuvj420p", choice))),
            *("-frames:v", "1", "-q:v", "3", "-f", "mjpeg", "-y", str(target)),
        ],
        kind=Kind.VIDEO,
        timeout=POSTER_SECONDS,
        memory=POSTER_MEMORY,
    )


def run_ffprobe(path: Path, *arguments: str) -> bytes:
    """Return what ffprobe says of a file, guarded; raises NotAVideo."""
    try:
        return run_guarded(
            [
                settings.FFPROBE,
                *("-v", "error"),
                *INPUT_GUARDS,
                *("-codec_whitelist", CODECS),
                *arguments,
                *("-i", str(path)),
            ],
            kind=Kind.VIDEO,
            timeout=PROBE_SECONDS,
            memory=PROBE_MEMORY,
        )
    except CommandFailed as error:
        raise NotAVideo("could not be read as a video") from error


def video_stream_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return the first stream of moving pictures (cover art of a song is not one)."""
    for stream in report.get("streams", []):
        if stream.get("codec_type") == "video" and not stream.get("disposition", {}).get(
            "attached_pic"
        ):
            if stream.get("codec_name") not in VIDEO_CODECS:
                raise NotAVideo("is encoded in a way that is not supported")
            return dict(stream)
    raise NotAVideo("has no video track")


def _rotation(stream: dict[str, Any]) -> int:
    for side_data in stream.get("side_data_list", []):
        if "rotation" in side_data:
            return int(side_data["rotation"])
    return 0


def _seconds(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _measured_duration(path: Path) -> float:
    """Return where the last packet ends: files that browsers record carry no duration."""
    try:
        progress = run_guarded(
            [
                settings.FFMPEG,
                *("-nostdin", "-v", "error"),
                *INPUT_GUARDS,
                *("-codec_whitelist", CODECS, "-i", str(path)),
                *("-map", "0:V:0", "-c", "copy", "-f", "null"),
                *("-progress", "pipe:1", "-stats_period", "60", "-"),
            ],
            kind=Kind.VIDEO,
            timeout=PROBE_SECONDS,
            memory=PROBE_MEMORY,
        )
    except CommandFailed as error:
        raise NotAVideo("could not be read as a video") from error
    times = re.findall(rb"^out_time_us=(\d+)$", progress, re.MULTILINE)
    return int(times[-1]) / 1_000_000 if times else 0.0

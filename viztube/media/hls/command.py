"""The ffmpeg command that makes rungs of a ladder in one pass over the source.

Only server-made paths and values of our own enumerations reach it. Key frames are forced by time,
so that every rung, also of another pass, has its segments cut at the same moments.
"""

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from viztube.media.commands import INPUT_GUARDS
from viztube.media.hls.ladder import AUDIO_KBPS, Rung
from viztube.media.hls.source import Source
from viztube.media.probe import CODECS

SEGMENT_SECONDS = 6
KEY_FRAME_SECONDS = 2
PRESET = "veryfast"
QUALITY = 23  # x264's constant rate factor, under each rung's cap
# Threads share a picture, and few pictures are looked ahead at: 300 MB for a ladder up to 1080p and
# not 450, in the same time and size.
FRUGAL = "sliced-threads=1:rc-lookahead=5"
PLAYLIST = "index.m3u8"
AUDIO_FOLDER = "audio"


def encode_command(
    source: Source, rungs: Sequence[Rung], target: Path, *, sound: bool, threads: int
) -> list[str]:
    """Return the command that writes ``target/<rung>/`` and, with sound, ``target/audio/``.

    It tells its progress on standard output (``-progress``).
    """
    sound = sound and source.has_sound
    return [
        settings.FFMPEG,
        *("-nostdin", "-v", "error", "-y"),
        *("-threads", str(threads), "-filter_threads", "1", "-filter_complex_threads", "1"),
        *INPUT_GUARDS,
        *("-codec_whitelist", CODECS, "-i", str(source.path)),
        *("-filter_complex", _filters(source, rungs)),
        *_video_outputs(rungs, threads),
        *(_audio_output() if sound else ()),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn"),
        *("-max_muxing_queue_size", "1024"),
        # Else all would be shifted by what B frames are ahead, each track by an empty edit, and
        # Chromium passes over those: the sound would be early.
        *("-avoid_negative_ts", "disabled"),
        *("-f", "hls", "-hls_time", str(SEGMENT_SECONDS), "-hls_playlist_type", "vod"),
        *("-hls_segment_type", "fmp4", "-hls_flags", "independent_segments"),
        # ffmpeg puts the number of the stream behind its name.
        *("-hls_fmp4_init_filename", "init.mp4"),
        *("-hls_segment_filename", str(target / "%v" / "%05d.m4s")),
        *("-var_stream_map", _streams(rungs, sound=sound)),
        *("-progress", "pipe:1", "-stats_period", "0.5"),
        str(target / "%v" / PLAYLIST),
    ]


def _filters(source: Source, rungs: Sequence[Rung]) -> str:
    rate = source.frame_rate
    split = "".join(f"[in{n}]" for n in range(len(rungs)))
    parts = [f"[0:V:0]fps={rate.numerator}/{rate.denominator},split={len(rungs)}{split}"]
    parts += [
        f"[in{n}]scale={rung.width}:{rung.height}:flags=bicubic,setsar=1,format=yuv420p[out{n}]"
        for n, rung in enumerate(rungs)
    ]
    return ";".join(parts)


def _video_outputs(rungs: Sequence[Rung], threads: int) -> list[str]:
    options = []
    for n, rung in enumerate(rungs):
        options += ["-map", f"[out{n}]", f"-c:v:{n}", "libx264", f"-threads:v:{n}", str(threads)]
        options += [f"-maxrate:v:{n}", f"{rung.kbps}k", f"-bufsize:v:{n}", f"{2 * rung.kbps}k"]
    return [
        *options,
        *("-preset", PRESET, "-crf", str(QUALITY), "-profile:v", "high", "-x264-params", FRUGAL),
        # B frames refer to the future; a closed group of pictures never refers across a cut.
        *("-flags", "+cgop", "-sc_threshold", "0"),
        *("-force_key_frames", f"expr:gte(t,n_forced*{KEY_FRAME_SECONDS})"),
    ]


def _audio_output() -> list[str]:
    return [
        *("-map", "0:a:0", "-c:a", "aac", "-b:a", f"{AUDIO_KBPS}k", "-ac", "2", "-ar", "48000"),
        # What starts late or has holes stays with its picture.
        *("-af", "aresample=async=1:first_pts=0"),
    ]


def _streams(rungs: Sequence[Rung], *, sound: bool) -> str:
    group = ",agroup:sound" if sound else ""
    streams = [f"v:{n}{group},name:{rung.folder}" for n, rung in enumerate(rungs)]
    if sound:
        streams.append(f"a:0,agroup:sound,name:{AUDIO_FOLDER}")
    return " ".join(streams)

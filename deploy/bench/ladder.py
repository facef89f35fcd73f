"""What a stream costs: as the worker makes it, against one bare ffmpeg command with the same rungs.

``.venv/bin/python deploy/bench/ladder.py [video] [--times 5]`` on a machine that does nothing else.
They take turns, so that what else the machine does hits both; what counts is the ratio of medians.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT = Path(__file__).resolve().parents[2]
CLIP = PROJECT / "viztube/media/tests/data/bigbuckbunny.mp4"
SECONDS = 20
TOP = 720
PRESET = "veryfast"
MOST = 1.6  # the limit that was set


def main() -> int:
    """Measure and print; return 1 when the ratio is over the limit."""
    parser = argparse.ArgumentParser(description="Compare the cost of a stream with bare ffmpeg.")
    parser.add_argument("video", nargs="?", type=Path, help="By default a clip, looped to 20 s.")
    parser.add_argument("--times", type=int, default=5, help="How often each is run (default 5).")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        _configure(Path(folder))
        video = options.video or _looped(Path(folder) / "source.mp4")
        ours, bare = _compare(video, Path(folder), options.times)
    ratio = statistics.median(ours) / statistics.median(bare)
    sys.stdout.write(
        f"As the worker does: {_told(ours)}\nOne bare command: {_told(bare)}\n"
        f"Ratio of medians: {ratio:.2f} (at most {MOST})\n"
    )
    return int(ratio > MOST)


def _configure(folder: Path) -> None:
    """Let Django have settings that lead to no server."""
    sys.path.insert(0, str(PROJECT))
    from viztube.ops.embedded.wheels import ffmpeg_program

    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "viztube.settings",
        "DEBUG": "1",
        "DATABASE_URL": "postgres://viztube:unused@127.0.0.1:1/viztube",
        "REDIS_URL": "redis://:unused@127.0.0.1:1/0",
        "MEDIA_ROOT": str(folder),
    }
    for name in ("FFMPEG", "FFPROBE"):
        os.environ.setdefault(name, str(ffmpeg_program(name.lower())))
    import django

    django.setup()


def _looped(target: Path) -> Path:
    argv = [os.environ["FFMPEG"], "-nostdin", "-v", "error", "-stream_loop", "-1", "-i", str(CLIP)]
    argv += ["-t", str(SECONDS), "-c", "copy", str(target)]
    subprocess.run(argv, check=True)  # noqa: S603 - our own argv
    return target


def _compare(video: Path, folder: Path, times: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each run, ours and bare."""
    from viztube.media.hls.encoder import encode
    from viztube.media.hls.ladder import rungs_for, up_to
    from viztube.media.hls.source import read_source

    source = read_source(video)
    rungs = rungs_for(source.info.width, source.info.height, up_to(TOP))
    ours, bare = [], []
    for number in range(times):
        started = time.monotonic()
        # The lowest first, with the sound, then the others.
        for passage, sound in ((rungs[:1], True), (rungs[1:], False)):
            if passage:
                target = folder / f"ours-{number}"
                encode(source, passage, target, sound=sound, advance=lambda _: None)
        ours.append(time.monotonic() - started)

        target = folder / f"bare-{number}"
        target.mkdir()
        argv = _bare(video, [(rung.width, rung.height, rung.kbps) for rung in rungs], target)
        started = time.monotonic()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own argv
        bare.append(time.monotonic() - started)
        sys.stderr.write(f"{number + 1} of {times}: {ours[-1]:.1f} s and {bare[-1]:.1f} s\n")
    return ours, bare


def _bare(video: Path, rungs: Sequence[tuple[int, int, int]], target: Path) -> list[str]:
    """Return the command as one would write it by hand: all at once, as ffmpeg likes it best."""
    inputs = "".join(f"[in{n}]" for n in range(len(rungs)))
    scaled = [f"[in{n}]scale={w}:{h}[out{n}]" for n, (w, h, _) in enumerate(rungs)]
    argv = [os.environ["FFMPEG"], "-nostdin", "-v", "error", "-y", "-i", str(video)]
    argv += ["-filter_complex", ";".join([f"[0:v]split={len(rungs)}{inputs}", *scaled])]
    for n, (_, _, kbps) in enumerate(rungs):
        argv += [
            "-map",
            f"[out{n}]",
            f"-maxrate:v:{n}",
            f"{kbps}k",
            f"-bufsize:v:{n}",
            f"{2 * kbps}k",
        ]
    argv += ["-map", "0:a", "-c:v", "libx264", "-preset", PRESET, "-crf", "23", "-c:a", "aac"]
    argv += ["-sc_threshold", "0", "-force_key_frames", "expr:gte(t,n_forced*2)"]
    argv += [
        "-f",
        "hls",
        "-hls_time",
        "6",
        "-hls_playlist_type",
        "vod",
        "-hls_segment_type",
        "fmp4",
    ]
    streams = [f"v:{n},agroup:sound" for n in range(len(rungs))]
    argv += ["-var_stream_map", " ".join([*streams, "a:0,agroup:sound"])]
    return [*argv, str(target / "%v.m3u8")]


def _told(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"


if __name__ == "__main__":
    sys.exit(main())

"""Making the rungs of a ladder in a folder, and checking what came out."""

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from viztube.media.commands import FEW_ARENAS, PASSED_ON, CommandFailed, limit
from viztube.media.hls.command import AUDIO_FOLDER, encode_command
from viztube.media.hls.ladder import AUDIO_KBPS, Rung
from viztube.media.hls.playlist import BrokenLadder, read_media
from viztube.media.hls.source import Source
from viztube.media.uploads import require_room

# Of addresses; resident it takes a quarter of that.
MEMORY = 2 << 30
THREADS = 2
# A ladder up to 1080p takes up to six times as long as the video plays on a slow machine.
TIMES_DURATION = 12
LEAST_SECONDS = 120.0
# A segment of the highest rung at its cap, and room for a peak.
MAX_SEGMENT = 50_000_000  # bytes
# How far an output may be from its source and from each other, in seconds.
LENGTH_TOLERANCE = 0.1
CUT_TOLERANCE = 0.001
POLL_SECONDS = 0.25
MAX_SAID = 4096  # bytes of progress that are looked at
_OUT_TIME = re.compile(rb"^out_time_us=(\d+)$", re.MULTILINE)

# Hears how many seconds of the video are done; what it raises ends the encoding.
Advance = Callable[[float], object]


def encode(
    source: Source,
    rungs: Sequence[Rung],
    target: Path,
    *,
    sound: bool,
    advance: Advance,
    threads: int = THREADS,
) -> None:
    """Write rungs, and the sound if there is any, into folders of ``target``; check them.

    Raises CommandFailed (ffmpeg refuses, or takes too long), BrokenLadder, OSError (no room, then
    with ENOSPC), and what ``advance`` raises. Whatever fails, ``target`` may hold part of it.
    """
    require_room(needed_bytes(source, rungs))
    for folder in (*(rung.folder for rung in rungs), *([AUDIO_FOLDER] if sound else [])):
        (target / folder).mkdir(parents=True, exist_ok=True)
    deadline = max(LEAST_SECONDS, TIMES_DURATION * source.info.duration)
    argv = encode_command(source, rungs, target, sound=sound, threads=threads)
    _run(argv, deadline, advance)
    if sound and not source.has_sound:
        (target / AUDIO_FOLDER).rmdir()
    check(source, rungs, target)


def needed_bytes(source: Source, rungs: Sequence[Rung]) -> int:
    """Return how much room rungs may take at their caps."""
    kbps = sum(rung.kbps for rung in rungs) + AUDIO_KBPS
    return int(source.info.duration * kbps * 1000 / 8)


def check(source: Source, rungs: Sequence[Rung], target: Path) -> None:
    """Raise BrokenLadder unless all is complete, as long as the source and cut alike.

    A source lasts as long as the longer of its picture and its sound.
    """
    media = [read_media(target / rung.folder) for rung in rungs]
    sound = [read_media(target / AUDIO_FOLDER)] if (target / AUDIO_FOLDER).is_dir() else []
    longest = max(one.duration for one in (*media, *sound))
    tolerance = LENGTH_TOLERANCE + 1 / float(source.frame_rate)
    if abs(longest - source.info.duration) > tolerance:
        raise BrokenLadder(f"{longest:.3f} s of {source.info.duration:.3f} s")
    for rung, one in zip(rungs, media, strict=True):
        apart = [abs(a - b) for a, b in zip(one.starts, media[0].starts, strict=False)]
        if len(one.segments) != len(media[0].segments) or max(apart) > CUT_TOLERANCE:
            raise BrokenLadder(f"{rung.folder}: cut elsewhere than {rungs[0].folder}")


def _run(argv: Sequence[str], seconds: float, advance: Advance) -> None:
    with TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - an argv list, no shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=FEW_ARENAS | {name: os.environ[name] for name in PASSED_ON if name in os.environ},
            start_new_session=True,
        )
        try:
            limit(process.pid, memory=MEMORY, processor=seconds * 2, file=MAX_SEGMENT)
            assert process.stdout is not None
            _follow(process.stdout.fileno(), time.monotonic() + seconds, argv[0], advance)
            process.wait(timeout=10)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if process.returncode != 0:
            complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - 500))
            raise CommandFailed(argv[0], complaints.read().decode(errors="replace").strip())


def _follow(output: int, deadline: float, program: str, advance: Advance) -> None:
    """Tell how far the command is until it closes its output; raises CommandFailed when late."""
    said, done = b"", 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            if time.monotonic() > deadline:
                raise CommandFailed(program, "timed out")
            if selector.select(POLL_SECONDS):
                piece = os.read(output, 65536)
                if not piece:
                    return
                said = (said + piece)[-MAX_SAID:]
                times = _OUT_TIME.findall(said)
                done = int(times[-1]) / 1_000_000 if times else done
            # Also when nothing was said: whoever listens may want to end it.
            advance(done)

"""Making the rungs of a ladder in a folder, and checking what came out."""

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from django.conf import settings

from viztube.media.commands import FEW_ARENAS, PASSED_ON, CommandFailed, limit
from viztube.media.hls.checks import check
from viztube.media.hls.command import AUDIO_FOLDER, encode_command
from viztube.media.hls.ladder import AUDIO_KBPS, Rung
from viztube.media.hls.playlist import BrokenLadder
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
POLL_SECONDS = 0.25
MAX_SAID = 4096  # bytes of progress that are looked at
# A worker that is killed has its encoder killed by the kernel (Linux): else that would write on,
# beside the one that another worker starts.
_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()
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
) -> None:
    """Write rungs, and the sound if there is any, into folders of ``target``; check them.

    Raises CommandFailed (ffmpeg refuses), TookTooLong, BrokenLadder, OSError (no room, then with
    ENOSPC), and what ``advance`` raises. Whatever fails, ``target`` may hold part of it.
    """
    require_room(needed_bytes(source, rungs))
    for folder in (*(rung.folder for rung in rungs), *([AUDIO_FOLDER] if sound else [])):
        (target / folder).mkdir(parents=True, exist_ok=True)
    deadline = max(LEAST_SECONDS, TIMES_DURATION * source.info.duration)
    argv = [*_WITH_US, *encode_command(source, rungs, target, sound=sound, threads=THREADS)]
    try:
        _run(argv, deadline, advance)
        if sound and not source.has_sound:
            (target / AUDIO_FOLDER).rmdir()
        check(source, rungs, target)
    except TookTooLong:
        raise
    except (CommandFailed, BrokenLadder):
        # On a full disk ffmpeg goes on, says nothing and calls it a success.
        require_room(0)
        raise


class TookTooLong(CommandFailed):
    """An encoding ran out of time; it would again."""


def needed_bytes(source: Source, rungs: Sequence[Rung]) -> int:
    """Return how much room rungs may take at their caps."""
    kbps = sum(rung.kbps for rung in rungs) + AUDIO_KBPS
    return int(source.info.duration * kbps * 1000 / 8)


def _run(argv: Sequence[str], seconds: float, advance: Advance) -> None:
    program = settings.FFMPEG
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
            _follow(process.stdout.fileno(), time.monotonic() + seconds, program, advance)
            process.wait(timeout=10)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if process.returncode != 0:
            complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - 500))
            raise CommandFailed(program, complaints.read().decode(errors="replace").strip())


def _follow(output: int, deadline: float, program: str, advance: Advance) -> None:
    """Tell how far the command is until it closes its output; raises TookTooLong."""
    said, done = b"", 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            if time.monotonic() > deadline:
                raise TookTooLong(program, "timed out")
            if selector.select(POLL_SECONDS):
                piece = os.read(output, 65536)
                if not piece:
                    return
                said = (said + piece)[-MAX_SAID:]
                times = _OUT_TIME.findall(said)
                done = int(times[-1]) / 1_000_000 if times else done
            # Also when nothing was said: whoever listens may want to end it.
            advance(done)

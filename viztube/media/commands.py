"""Running programs (ffmpeg, ffprobe, our picture encoder) on files that strangers sent.

Bounded in time, memory and output, at low priority, in a process group of its own that is killed as
a whole. Arguments are lists; only server-made paths and our own constants reach them.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile

from django.conf import settings

from viztube.api.errors import Unavailable

# 4K; what a decoder needs grows with it, times the sixteen pictures that H.264 may keep.
MAX_PIXELS = 4096 * 2304
# A crafted ".mp4" can be a playlist that names other files or hosts: only plain files, only these
# containers. (ffmpeg's names; "mov" covers MP4, "matroska" covers WebM.)
INPUT_GUARDS = (
    "-protocol_whitelist",
    "file",
    "-format_whitelist",
    "mov,matroska",
    "-max_streams",
    "32",
    "-max_pixels",
    str(MAX_PIXELS),
)
MAX_OUTPUT_FILE = 50_000_000  # bytes
MAX_PRINTED = 1_000_000  # bytes
SLOT_SECONDS = 20.0
SLOT_POLL_SECONDS = 0.02


class CommandFailed(Exception):
    """A command ended with an error or ran out of time."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(f"{program}: {reason}")


def run_guarded(argv: Sequence[str], *, timeout: float, memory: int) -> bytes:
    """Run a command and return what it printed, at most ``MAX_PRINTED`` bytes.

    ``timeout`` is in seconds of wall clock, ``memory`` in bytes of address space. One command runs
    at a time on a machine. Raises CommandFailed, and Unavailable when others take too long; a
    program that is not installed raises FileNotFoundError.
    """
    settings.MEDIA_INCOMING.mkdir(parents=True, exist_ok=True)
    with _only_one():
        return _run(argv, timeout, memory)


@contextmanager
def _only_one() -> Iterator[None]:
    """Wait for this machine's turn: a few commands at once would not fit into a small memory."""
    deadline = time.monotonic() + SLOT_SECONDS
    # A lock on the folder itself, which every process of this machine shares and which a dead one
    # gives back.
    folder = os.open(settings.MEDIA_INCOMING, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        "Too many files are being checked. Try again in a few seconds."
                    ) from None
                time.sleep(SLOT_POLL_SECONDS)
        yield
    finally:
        os.close(folder)


def _run(argv: Sequence[str], timeout: float, memory: int) -> bytes:
    # Into files, which the limit on file sizes bounds: through pipes a crafted file could make
    # a program print more than fits into our memory.
    with (
        TemporaryFile(dir=settings.MEDIA_INCOMING) as printed,
        TemporaryFile(dir=settings.MEDIA_INCOMING) as complaints,
    ):
        process = subprocess.Popen(  # noqa: S603 - an argv list, no shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=complaints,
            start_new_session=True,
        )
        try:
            _limit(process.pid, memory, timeout)
            process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise CommandFailed(argv[0], "timed out") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode != 0:
            complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - 500))
            raise CommandFailed(argv[0], complaints.read().decode(errors="replace").strip())
        printed.seek(0)
        output = printed.read(MAX_PRINTED + 1)
    if len(output) > MAX_PRINTED:
        raise CommandFailed(argv[0], "printed too much")
    return output


def _limit(pid: int, memory: int, timeout: float) -> None:
    """Lower a child's priority and bound it.

    From outside, because code between fork and exec is not safe in a threaded server; the few
    milliseconds before it do no harm.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, 10)
        if sys.platform == "linux":
            import resource

            resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (MAX_OUTPUT_FILE, MAX_OUTPUT_FILE))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
            # For when nobody is left to watch the clock; two threads can use it up twice as fast.
            processor = int(2 * timeout) + 1
            resource.prlimit(pid, resource.RLIMIT_CPU, (processor, processor))
    except ProcessLookupError:
        return

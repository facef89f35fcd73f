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
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from pathlib import Path
from tempfile import TemporaryFile
from threading import BoundedSemaphore

from django.conf import settings

from viztube.api.errors import Unavailable
from viztube.media.paths import SLOTS, incoming_folder

# 4K; what a decoder needs grows with it, times the sixteen pictures that H.264 may keep.
MAX_PIXELS = 4096 * 2304
MAX_STREAMS = 32
# A crafted ".mp4" can be a playlist that names other files or hosts: only plain files, only these
# containers. (ffmpeg's names; "mov" covers MP4, "matroska" covers WebM.)
INPUT_GUARDS = (
    "-protocol_whitelist",
    "file",
    "-format_whitelist",
    "mov,matroska",
    "-max_streams",
    str(MAX_STREAMS),
    "-max_pixels",
    str(MAX_PIXELS),
)
MAX_OUTPUT_FILE = 50_000_000  # bytes
MAX_PRINTED = 1_000_000  # bytes
# Of our environment a command gets what finds programs and libraries, and no secrets.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
# glibc reserves 64 MB of addresses for each thread that allocates, which count against the limit.
FEW_ARENAS = {"MALLOC_ARENA_MAX": "1"}
# Those that we may use, and our programs always: the server's processes then keep to one each.
CORES = os.sched_getaffinity(0) if sys.platform == "linux" else set()
SLOTS_A_KIND = 2
# Threads of a web process that may be busy with files, running or waiting: of gunicorn's four one
# stays free, so that slow files cannot hold up everything else.
PLACES = BoundedSemaphore(3)
SLOT_SECONDS = 10.0
SLOT_POLL_SECONDS = 0.02


class Kind(Enum):
    """What a command works on. Each kind takes turns of its own: a picture waits for no video."""

    PICTURE = "picture"
    VIDEO = "video"


class CommandFailed(Exception):
    """A command ended with an error or ran out of time."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(f"{program}: {reason}")


def run_guarded(
    argv: Sequence[str], *, kind: Kind, timeout: float, memory: int, patience: float | None = None
) -> bytes:
    """Run a command and return what it printed, at most ``MAX_PRINTED`` bytes.

    ``timeout`` is in seconds of wall clock, ``memory`` in bytes of address space. Two commands of a
    kind run at a time on a machine. Raises CommandFailed, and Unavailable when others take longer
    than ``patience`` (seconds, by default ten); a program that is not installed raises
    FileNotFoundError.
    """
    with slot(kind, patience):
        return _run(argv, timeout, memory)


@contextmanager
def slot(kind: Kind, patience: float | None = None) -> Iterator[None]:
    """Hold one of this machine's turns: many commands at once would not fit into a small memory.

    Raises Unavailable when it takes too long, or when enough are waiting already.
    """
    if not PLACES.acquire(blocking=False):
        raise _too_many()
    try:
        with _turn(kind, patience):
            yield
    finally:
        PLACES.release()


@contextmanager
def _turn(kind: Kind, patience: float | None) -> Iterator[None]:
    deadline = time.monotonic() + (SLOT_SECONDS if patience is None else patience)
    with ExitStack() as stack:
        locks = []
        for number in range(SLOTS_A_KIND):
            # A lock on a folder, which every process of this machine shares and which a dead one
            # gives back. A folder, because nothing that looks for leftover files will remove it.
            folder = Path(settings.MEDIA_ROOT) / SLOTS / f"{kind.value}-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            locks.append(os.open(folder, os.O_RDONLY))
            stack.callback(os.close, locks[-1])
        while not any(map(_is_ours, locks)):
            if time.monotonic() > deadline:
                raise _too_many()
            time.sleep(SLOT_POLL_SECONDS)
        yield


def _too_many() -> Unavailable:
    return Unavailable("Too many files are being checked. Try again in a few seconds.")


def _is_ours(lock: int) -> bool:
    """Take a lock that nobody holds; tell whether it was taken."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run(argv: Sequence[str], timeout: float, memory: int) -> bytes:
    # Into files, which the limit on file sizes bounds: through pipes a crafted file could make
    # a program print more than fits into our memory.
    folder = incoming_folder()
    with TemporaryFile(dir=folder) as printed, TemporaryFile(dir=folder) as complaints:
        process = subprocess.Popen(  # noqa: S603 - an argv list, no shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=complaints,
            env=FEW_ARENAS | {name: os.environ[name] for name in PASSED_ON if name in os.environ},
            start_new_session=True,
        )
        try:
            # Two threads can use a processor up twice as fast.
            limit(process.pid, memory=memory, processor=2 * timeout, file=MAX_OUTPUT_FILE)
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


def limit(pid: int, *, memory: int, processor: float, file: int) -> None:
    """Lower a child's priority and bound it.

    ``memory`` is in bytes of address space, ``processor`` in seconds of processor time (for when
    nobody is left to watch the clock), ``file`` in bytes of each file it writes. From outside,
    because code between fork and exec is not safe in a threaded server; the few milliseconds before
    it do no harm.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, 10)
        if sys.platform == "linux":
            import resource

            seconds = int(processor) + 1
            os.sched_setaffinity(pid, CORES)
            resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (file, file))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
            resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))
            # When memory runs out the kernel shall take this one and not the web server. Not every
            # sandbox lets us ask for it; the limits above hold all the same.
            with suppress(OSError):
                Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    except ProcessLookupError:
        return

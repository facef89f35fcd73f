"""Processes that children left behind, wherever they went: none of them may outlive a run.

A process group is not enough: a program that a child started in a session of its own, as every
ffmpeg is, survives the child that is killed. Linux hands such orphans to the nearest ancestor that
asks for them; elsewhere they are left to end by themselves.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def no_orphans() -> Iterator[None]:
    """Kill, at the end of the block, every process that descends from what was started in it.

    Children this process had before are left alone; those started inside the block should have
    been stopped by then.
    """
    if sys.platform != "linux":  # pragma: no cover - macOS has nothing like it
        yield
        return
    libc = ctypes.CDLL(None)
    before = _children()
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        # Those who die hand over children of their own.
        while left := _children() - before:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _children() -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # "pid (name) state parent ...", where the name may hold anything.
            parent = int(
                (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            )
            if parent == os.getpid():
                found.add(int(folder.name))
    return found

"""gunicorn's workers: each on a core, and a new connection to the one that has fewest.

Of the threads of a process one runs at a time. Where they may run on any core, each change of
threads leaves behind on another core what the last one had in its cache.

All workers wait at one socket, and the first to wake takes what comes, even if all its threads are
busy and another worker has nothing to do: a request then waits behind an upload, and connections
that are kept may all be in one process, which uses one core.
"""

import mmap
import os
import sys
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# How long another worker has to take a connection, should it be slow to wake, and how often to look
# whether it has.
LEFT_SECONDS = 0.005
LOOK_SECONDS = 0.0005

# Shared by all processes that are forked after this: by the number of a worker one more than the
# connections it has, 0 for one that takes none.
_taken = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("I")[:256]


class EvenWorker(ThreadWorker):
    """A worker that others can tell how many connections it has."""

    slot: str  # its number, from 1
    _connections = 0

    @property
    def nr_conns(self) -> int:
        """How many connections it has, as gunicorn counts them."""
        return self._connections

    @nr_conns.setter
    def nr_conns(self, number: int) -> None:
        self._connections = number
        if getattr(self, "_accepting", False):
            _taken[int(self.slot)] = number + 1

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Take connections, or take none from now on."""
        super().set_accept_enabled(enabled)
        _taken[int(self.slot)] = self._connections + 1 if enabled else 0

    def accept(self, listener: Any) -> None:
        """Take a connection, unless a worker that has fewer is faster."""
        until = time.monotonic() + LEFT_SECONDS
        while self._another_has_fewer() and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
        super().accept(listener)

    def _another_has_fewer(self) -> bool:
        return any(0 < other <= self._connections for other in _taken)


def has_ended(slot: str) -> None:
    """Remember that a worker takes no connections any more, however it ended."""
    _taken[int(slot)] = 0


def stay_on_a_core(slot: str) -> None:
    """Keep this process and its threads on a core of those that it may use (Linux).

    Programs that it starts may use all of them, see ``viztube.media.commands.limit``.
    """
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(slot) % len(cores)]})

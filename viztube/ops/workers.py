"""gunicorn's worker with threads, which leaves a new connection to a worker that has fewer.

All workers wait at one socket, and the first to wake takes what comes, even if all its threads are
busy and another worker has nothing to do: a request then waits behind an upload, and connections
that are kept may all be in one process, which uses one core.
"""

import mmap
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

"""Calls that happen at the same time, each over a connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Generic, TypeVar

from django.db import connection

from viztube.api.tests.fixtures import documented_paths

Result = TypeVar("Result")


def at_once(calls: Sequence[Callable[[], Result]], *, threads: int = 8) -> list[Result]:
    """Make calls in parallel and return what they returned, in their order; raises what they do.

    Test clients leave connections open, and a pool has few: each call gives its one back.
    """
    # Every answer is checked against the document, which two threads cannot generate at once.
    documented_paths()

    def run(call: Callable[[], Result]) -> Result:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, calls))


class Started(Generic[Result]):
    """Calls that are under way, one after another, in a thread of their own."""

    def __init__(self, *calls: Callable[[], Result]) -> None:
        self._results: list[Result] = []
        self._thread = Thread(target=lambda: self._results.extend(at_once(calls, threads=1)))
        self._thread.start()

    def waits(self) -> bool:
        """Tell whether they are not done after a while."""
        self._thread.join(0.3)
        return self._thread.is_alive()

    def results(self) -> list[Result]:
        """Return what they returned; fails when they are not done in ten seconds."""
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self._results

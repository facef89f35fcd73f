"""Calls that happen at the same time, each over a connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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

"""Waiting for what other processes and threads do."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait for a condition and return whether it held in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@contextlib.contextmanager
def when(condition: Callable[[], bool], act: Callable[[], object]) -> Iterator[None]:
    """Act beside the block once a condition holds, or after ten seconds; never after the block."""
    is_over = threading.Event()

    def wait_and_act() -> None:
        eventually(lambda: is_over.is_set() or condition())
        if not is_over.is_set():
            act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()

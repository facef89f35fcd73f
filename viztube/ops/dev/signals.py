"""Requests to stop: Ctrl-C, SIGTERM, and the terminal that goes away."""

import signal
from types import FrameType, TracebackType
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):
    """A signal asked this process to stop."""


class StopSignals:
    """Collects the stop signals that arrive inside a ``with`` block, in ``received``.

    A signal only leaves a note, which waiting code looks at between two steps. Raising from the
    handler could strike between the start of a child and the record of it, and lose the child.
    """

    def __init__(self) -> None:
        self.received: list[signal.Signals] = []
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        for number in STOP_SIGNALS:
            # Under nohup the end of the terminal is meant to be survived.
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise StopRequested if a stop signal has arrived."""
        if self.received:
            raise StopRequested

    def is_urgent(self) -> bool:
        """Tell whether the request was repeated: stopping should be quick now."""
        return len(self.received) > 1

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received.append(signal.Signals(number))

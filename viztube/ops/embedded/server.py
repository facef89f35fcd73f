"""What the embedded servers have in common: a free port on loopback, a log, a child process."""

import os
import signal
import socket
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO

from viztube.ops.embedded import process
from viztube.ops.embedded.process import Check, Child, EmbeddedError, Hurried

HOST = "127.0.0.1"
ATTEMPTS = 5
RETRY_SECONDS = 0.2
# Reasons to try again: somebody took the port between our choice and the server's, or the last
# processes of a killed server are not gone yet.
_PASSING = ("Address already in use", "pre-existing shared memory block")


def free_port() -> int:
    """Return a TCP port that nothing on loopback uses at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Server(ABC):
    """A server process; subclasses say how it is launched, recognised as ready, and stopped."""

    name: str
    ready_seconds: float
    stop_steps: tuple[tuple[signal.Signals, float], ...]

    def __init__(self, folder: Path) -> None:
        # Resolved, because a server has to be recognised by this path, and because paths must
        # stay right in processes with another working folder.
        self.folder = folder.resolve()
        self.log = self.folder / "server.log"
        self.child: Child | None = None

    @abstractmethod
    def launch(self, port: int) -> Child:
        """Start the process on a port."""

    @abstractmethod
    def is_ready(self, child: Child, port: int) -> bool:
        """Tell whether the process just launched answers on the port."""

    def has_ended(self) -> bool:
        """Tell whether the process, once started, ended by itself."""
        return self.child is not None and self.child.poll() is not None

    def stop(self, hurried: Hurried = process.not_hurried) -> None:
        """Stop the process if it runs, at once when ``hurried`` returns True."""
        if self.child is not None:
            process.stop(self.child, self.stop_steps, hurried)
            self.child = None

    def start_on_free_port(self, check: Check) -> int:
        """Start the process and return its port; raises EmbeddedError with the log's last lines."""
        for _ in range(ATTEMPTS):
            port = free_port()
            self.child = self.launch(port)
            if self._becomes_ready(self.child, port, check):
                return port
            if not any(reason in self._last_lines() for reason in _PASSING):
                break
            time.sleep(RETRY_SECONDS)
        raise EmbeddedError(
            f"{self.name} ended while starting: what it said last, from {self.log}, "
            f"should tell why.\n{self._last_lines()}"
        )

    def open_log(self) -> IO[bytes]:
        """Open an empty log; a new file, because the last one may belong to another account."""
        self.log.unlink(missing_ok=True)
        return os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _becomes_ready(self, child: Child, port: int, check: Check) -> bool:
        deadline = time.monotonic() + self.ready_seconds
        while child.poll() is None:
            check()
            if self.is_ready(child, port):
                return True
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{self.name} did not get ready within {self.ready_seconds:.0f} s: "
                    f"look into {self.log} and try again."
                )
            time.sleep(process.POLL_SECONDS)
        return False

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

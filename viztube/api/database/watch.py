"""Whether PostgreSQL is there, for a process that answers requests.

A server that refuses is noticed at once. One that hangs is not: its connections stay open, and a
statement could wait for ever. So whoever has waited a while for an answer has somebody look, who
makes a new connection: when that has no answer either, the server is away. Then all that wait give
up, and what comes later is refused without waiting, until a new connection is answered. A slow
statement of a server that is there goes on.
"""

import logging
import threading
import time
from typing import Any

import psycopg
from psycopg import Connection, OperationalError
from psycopg.abc import RV, PQGen, PQGenConn

logger = logging.getLogger(__name__)

# psycopg looks up so often while it waits. These are counted, not the clock: time in which this
# process itself did not run is no fault of the server.
LOOK_SECONDS = 0.1
# Together, and with what the request did before, less than the two seconds an answer may take.
SLOW_LOOKS = 5
CONNECT_LOOKS = 8

AGAIN_SECONDS = 0.25
# Looking costs a connection, and statements may be slow for long.
PAUSE_SECONDS = 1.0


class Watch:
    """What this process knows of the server; safe in threads."""

    def __init__(self) -> None:
        self.is_away = False
        self._parameters: dict[str, Any] = {}
        self._is_looking = False
        self._answered_at = 0.0
        self._lock = threading.Lock()

    def connect(self, parameters: dict[str, Any]) -> "WatchedConnection":
        """Return a new connection; raises OperationalError, at once when the server is away."""
        if self.is_away:
            self._look()
            raise refusal()
        self._parameters = parameters
        try:
            return WatchedConnection.connect(**parameters)
        except OperationalError as error:
            if not has_answered(error):
                self._is_gone(error)
                self._look()
            raise

    def gives_up(self, looks: int) -> bool:
        """Tell whether to give up a statement after so many looks for its answer."""
        if (
            looks >= SLOW_LOOKS
            and not self.is_away
            and time.monotonic() - self._answered_at > PAUSE_SECONDS
        ):
            self._look()
        return self.is_away

    def _look(self) -> None:
        """Have somebody look, who stays until there is an answer."""
        with self._lock:
            if self._is_looking:
                return
            self._is_looking = True
        try:
            threading.Thread(target=self._look_until_answered, name="watch", daemon=True).start()
        except RuntimeError:  # no thread left: whoever comes next has somebody look
            with self._lock:
                self._is_looking = False

    def _look_until_answered(self) -> None:
        while True:
            try:
                WatchedConnection.connect(**self._parameters).close()
            except psycopg.Error as error:
                if not has_answered(error):
                    self._is_gone(error)
                    time.sleep(AGAIN_SECONDS)
                    continue
            except OSError:  # no descriptors left: nobody else would look
                time.sleep(AGAIN_SECONDS)
                continue
            break
        with self._lock:
            was_away, self.is_away = self.is_away, False
            self._answered_at = time.monotonic()
            self._is_looking = False
        if was_away:
            logger.warning("PostgreSQL is back")

    def _is_gone(self, error: psycopg.Error) -> None:
        with self._lock:
            is_news, self.is_away = not self.is_away, True
        if is_news:
            logger.error("PostgreSQL is away (%s): %s", type(error).__name__, error)


watch = Watch()


class WatchedConnection(Connection[Any]):
    """A connection that waits for a server only as long as it is there."""

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn["WatchedConnection"]:
        # libpq takes whole seconds, and psycopg no fewer than two.
        looks = 0
        connecting = super()._connect_gen(conninfo)
        try:
            awaited = next(connecting)
            while True:
                ready = yield awaited
                if not ready:
                    looks += 1
                    if looks >= CONNECT_LOOKS:
                        connecting.close()
                        raise psycopg.errors.ConnectionTimeout("no answer to a new connection")
                awaited = connecting.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def wait(
        self, gen: PQGen[RV], interval: float = LOOK_SECONDS, timeout: float | None = None
    ) -> RV:
        """Wait for what a statement answers; raises OperationalError when the server is away."""
        if watch.is_away:
            self.close()
            raise refusal()
        return super().wait(self._watched(gen), interval, timeout)

    def _watched(self, gen: PQGen[RV]) -> PQGen[RV]:
        looks = 0
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if not ready:
                    looks += 1
                    if watch.gives_up(looks):
                        # What it answers later must not be taken for the answer to something else.
                        self.close()
                        raise refusal()
                awaited = gen.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def refusal() -> OperationalError:
    """Return what is raised in place of waiting."""
    return OperationalError("PostgreSQL is away")


def has_answered(error: psycopg.Error) -> bool:
    """Tell whether it was the server that refused: it starts, stops, or has no room for more."""
    return "FATAL" in str(error)

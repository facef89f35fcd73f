"""The shared cache: what it may hold, what it raises when it is away, and who then stops asking.

Valkey may refuse connections, hang, be full or be read-only. Each call has a short time-out, and a
circuit breaker keeps further calls from waiting for it: after a failure they fail at once, and once
a second one of them is let through to try. A Valkey that takes no writes goes on being read, so
writes have a circuit of their own.

The breaker is ours because pybreaker, the one that is maintained, makes all threads take turns: it
holds its lock while the call runs.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import hiredis
import orjson
import redis
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from prometheus_client import Counter
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError

logger = logging.getLogger(__name__)

# Refused, timed out, out of memory, read-only.
CACHE_AWAY = (RedisError, OSError)
# Of those, what says that no call would do better: not a mistake in one of them.
_NO_ANSWER = (redis.ConnectionError, redis.TimeoutError, OSError)
# How Valkey begins when it cannot save to disk, or has too few replicas, and takes no writes. What
# is full or read-only has a class.
_NO_WRITES = ("MISCONF", "NOREPLICAS")

# A server that is full still takes these: they go on, and say nothing of other writes.
FREEING = frozenset({"DEL"})

PAUSE_SECONDS = 1.0
FRESH_SECONDS = 1.0

# While it is away, each process fails once a second, so the rate tells how long.
FAILURES = Counter(
    "viztube_cache_failures",
    "Calls of Valkey that failed: it gave no answer, or took no writes.",
    ["kind"],
)


class CacheAway(redis.ConnectionError):
    """The cache failed a moment ago and was not asked."""


class Circuit:
    """Whether this process asks for something that has failed; safe in threads.

    The fields are read without the lock: whoever is late by an instant only asks once more, or once
    less.
    """

    def __init__(self, kind: str, *, away: str, back: str) -> None:
        self.is_open = False
        self._failures = FAILURES.labels(kind)
        self._away, self._back = away, back
        self._next_try = 0.0
        self._trier: int | None = None
        self._lock = threading.Lock()

    def let_one_try(self) -> None:
        """Return for the one call that tries whether it is back; raise CacheAway for others."""
        me = threading.get_ident()
        with self._lock:
            if not self.is_open or self._trier == me:
                return
            if self._trier is None and time.monotonic() >= self._next_try:
                self._trier = me
                return
        raise CacheAway(self._away)

    def has_failed(self, error: BaseException) -> None:
        """Stop asking for a while."""
        self._failures.inc()
        with self._lock:
            is_news, self.is_open = not self.is_open, True
            self._next_try = time.monotonic() + PAUSE_SECONDS
            if self._trier == threading.get_ident():
                self._trier = None
        if is_news:
            logger.warning("%s (%s)", self._away, type(error).__name__)

    def has_answered(self) -> None:
        """Ask again, when it was the call that tries. Others may have begun before the failure."""
        with self._lock:
            if self._trier != threading.get_ident():
                return
            self._trier = None
            self.is_open = False
        logger.warning(self._back)

    def has_not_told(self) -> None:
        """Let another call try: this one ended otherwise."""
        with self._lock:
            if self._trier == threading.get_ident():
                self._trier = None


_server = Circuit(
    "answers",
    away="The cache is away: the service goes on without it",
    back="The cache is back",
)
_writes = Circuit(
    "writes",
    away="The cache takes no writes: the service goes on without them",
    back="The cache takes writes again",
)

_insistence = threading.local()


class _Guard:
    """What ``guarded()`` returns; without state, so there is one of each kind."""

    __slots__ = ("_is_write",)

    def __init__(self, *, is_write: bool) -> None:
        self._is_write = is_write

    def __enter__(self) -> None:
        if _server.is_open and not _insists():
            _server.let_one_try()
        if self._is_write and _writes.is_open and not _insists():
            try:
                _writes.let_one_try()
            except CacheAway:
                _server.has_not_told()
                raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._judge(error)
            return
        if _server.is_open:
            _server.has_answered()
        if self._is_write and _writes.is_open:
            _writes.has_answered()

    def _judge(self, error: BaseException) -> None:
        """Tell the circuits what an error says of them; a mistake in a call says nothing."""
        if isinstance(error, _NO_ANSWER) and not isinstance(error, CacheAway):
            _server.has_failed(error)
        elif isinstance(error, ResponseError):
            _server.has_answered()
        else:
            _server.has_not_told()
        if self._is_write and _refuses_writes(error):
            _writes.has_failed(error)
        else:
            _writes.has_not_told()


_READ = _Guard(is_write=False)
_WRITE = _Guard(is_write=True)


def guarded(*, is_write: bool = True) -> _Guard:
    """Return a context manager for calls of Valkey: CacheAway at once while it is known to be away.

    What the block raises of CACHE_AWAY is passed on, and tells the calls after it. Without lock or
    clock as long as all is well.
    """
    return _WRITE if is_write else _READ


@contextmanager
def insisting() -> Iterator[None]:
    """Let the calls of this block be made though the cache is known to be away.

    For what must not be left untried; each may take the time-out.
    """
    _insistence.is_on = True
    try:
        yield
    finally:
        _insistence.is_on = False


def is_away() -> bool:
    """Tell whether it failed a moment ago, so that no call but one that tries would be made."""
    return _server.is_open


def _insists() -> bool:
    return getattr(_insistence, "is_on", False)


def _refuses_writes(error: BaseException | None) -> bool:
    return isinstance(error, (OutOfMemoryError, ReadOnlyError)) or (
        isinstance(error, ResponseError) and str(error).startswith(_NO_WRITES)
    )


class Asked:
    """A command that goes to Valkey with the next one of its thread, and what is answered."""

    def __init__(self, client: "Commands", command: tuple[Any, ...]) -> None:
        self.command = command
        self._client = client
        self._answer: Any = None
        self.is_answered = False

    def take(self, answer: Any) -> None:
        """Keep an answer, or the error that stands for one."""
        self._answer, self.is_answered = answer, True

    def answer(self) -> Any:
        """Return the answer; raises what the command would have."""
        if not self.is_answered:
            self._client.send_asked()
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


class Commands(redis.Redis):
    """Commands of Valkey, each one guarded."""

    is_write = False
    _asked: list[Asked]
    _used_at = 0.0

    def ask(self, *command: Any) -> Asked | None:
        """Let a command go along with the next one: both take one round trip.

        None while Valkey is known to be away, or to take no writes.
        """
        if _server.is_open or _writes.is_open:
            return None
        asked = Asked(self, command)
        self._asked = [*self.__dict__.get("_asked", ()), asked]
        return asked

    def forget_asked(self) -> None:
        """Do not send what nobody asked to be answered."""
        for one in self.__dict__.pop("_asked", ()):
            one.take(CacheAway("It was not asked."))

    def send_asked(self) -> None:
        """Send what goes along without anything to go along with."""
        with guarded(is_write=self.is_write):
            self._send()

    def _send(self, *args: Any) -> Any:
        """Send a command, if any, and what goes along; return the connection it is answered on."""
        asked = self.__dict__.pop("_asked", ())
        try:
            connection = self._kept()
            commands = [one.command for one in asked] + ([args] if args else [])
            packed = b"".join(hiredis.pack_command(one) for one in commands)
            connection.send_packed_command([packed])
            for one, answer in zip(asked, _answers(connection, len(asked)), strict=True):
                # Now: once it is looked at, writes may be taken again.
                if isinstance(answer, ResponseError) and _refuses_writes(answer):
                    _writes.has_failed(answer)
                one.take(answer)
        except BaseException as error:
            for one in asked:
                if not one.is_answered:
                    one.take(error)
            raise
        return connection

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Make one call, once: redis-py would try again and again, and measure itself.

        The connection is kept, for there is one of these objects a thread. What fails in the middle
        of a call closes it, and with what it was not asked for nothing is read from it.
        """
        with guarded(is_write=self.is_write and args[0] not in FREEING):
            return self.parse_response(self._send(*args), args[0], **options)  # type: ignore[no-untyped-call]

    def run(self, *command: Any, wrote: Callable[[Any], bool]) -> Any:
        """Make one call that writes or not, as its answer tells.

        What did not write says nothing of whether writes are taken.
        """
        with guarded():
            answer = self.parse_response(self._send(*command), command[0])  # type: ignore[no-untyped-call]
            if not wrote(answer):
                _writes.has_not_told()
            return answer

    def _kept(self) -> Any:
        connection: Any = self.connection
        # What was opened before a fork is the other process's.
        if connection is None or connection.pid != os.getpid():
            connection = self.connection = self.connection_pool.get_connection()
            self._used_at = 0.0
        # Each look lets another thread run, and what was in use just now has not ended unnoticed.
        now = time.monotonic()
        is_fresh = now - self._used_at < FRESH_SECONDS
        if not is_fresh and connection.is_connected and _has_more(connection):
            connection.disconnect()
        self._used_at = now
        return connection

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> "Pipeline":
        """Return what collects commands and sends them at once."""
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def _has_more(connection: Any) -> bool:
    """Tell whether there is something to read though nothing was asked: a late answer, an end."""
    try:
        return bool(connection.can_read())
    except redis.ConnectionError:
        return True


def _answers(connection: Any, number: int) -> list[Any]:
    """Return what so many commands are answered, an error of theirs in the place of an answer."""
    try:
        return [connection._parser.read_response() for _ in range(number)]
    except BaseException:
        # What comes later must not be taken for the answer to something else.
        connection.disconnect()
        raise


class Writes(Commands):
    """Those that change something, or may."""

    is_write = True


class Pipeline(redis.client.Pipeline):
    """Commands that are sent at once, guarded together."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Make the calls."""
        with guarded():
            return super().execute(raise_on_error)


class CacheClient(RedisCacheClient):
    """Django's, with guarded commands; and one object for all of a thread's, as it costs time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The jobs of a worker share this object, each in a thread of its own.
        self._mine = threading.local()

    def get_client(self, key: Any = None, *, write: bool = False) -> Commands:
        """Return this thread's commands that read, or those that write."""
        kind = Writes if write else Commands
        found: Commands | None = getattr(self._mine, kind.__name__, None)
        if found is None:
            pool = self._get_connection_pool(write=write)  # type: ignore[attr-defined]
            found = kind(connection_pool=pool)
            setattr(self._mine, kind.__name__, found)
        return found


class SharedCache(RedisCache):
    """Django's cache in Valkey (``django.core.cache.cache``), which may be away."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = CacheClient


class JSONSerializer:
    """Values as JSON: whoever can write to the cache cannot make us run code, as with a pickle."""

    def dumps(self, value: Any) -> bytes:
        """Return the text of a value."""
        return orjson.dumps(value)

    def loads(self, data: bytes) -> Any:
        """Return the value of a text."""
        return orjson.loads(data)

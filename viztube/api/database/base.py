"""The backend, as Django finds it by its ENGINE."""

import select
import threading
import time
from typing import Any

from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.signals import request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections, reset_queries
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from viztube.api.database.prepared import Prepared
from viztube.api.database.watch import watch

# Each thread keeps its connection for so long: the server's memory for one grows.
KEEP_SECONDS = 3600
FRESH_SECONDS = 1.0

_serves = False
_thread = threading.local()


def serve_requests() -> None:
    """Make this a process that answers requests; others wait as long as it takes.

    Its threads, of which there are few, keep their connections: a pool would have to be asked twice
    a request, and would let requests wait for a server that refuses.
    """
    global _serves  # noqa: PLW0603 - one a process
    _serves = True
    # There is one database, and no record of what it was asked: Django would look at all that could
    # have one.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
        signal.connect(_close_old)
    if not settings.DEBUG:
        request_started.disconnect(reset_queries)
    # Nor is there a cache that has anything to close, or another urlconf than the settings'.
    request_finished.disconnect(close_caches)
    request_finished.disconnect(reset_urlconf)


def this_connection() -> Any:
    """Return this thread's connection: ``connections`` finds out each time which that is."""
    if not _serves:
        return connections[DEFAULT_DB_ALIAS]
    found = _thread.__dict__.get("connection")
    if found is None:
        found = _thread.connection = connections[DEFAULT_DB_ALIAS]
    return found


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with connections that are watched, and kept."""

    prepared: Prepared
    _looked_at = 0.0

    def connect(self) -> None:
        """Connect, and remember until when the connection may be kept."""
        super().connect()
        self.prepared = Prepared(self.connection, watch.gives_up if _serves else _goes_on)
        if _serves:
            self.close_at = time.monotonic() + KEEP_SECONDS

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that is watched."""
        if not _serves:
            return super().get_new_connection(conn_params)
        self.isolation_level = IsolationLevel.READ_COMMITTED
        return watch.connect(conn_params)

    def close_if_unusable_or_obsolete(self) -> None:
        """Close the connection also when the server has: before a request, without asking it.

        Not where it was in use just now: each look lets another thread run.
        """
        super().close_if_unusable_or_obsolete()
        if not _serves or self.connection is None:
            return
        now = time.monotonic()
        if now - self._looked_at > FRESH_SECONDS and self._was_told_something():
            self.close()
        self._looked_at = now

    def _was_told_something(self) -> bool:
        """Tell whether something can be read though nothing was asked: an end, or a farewell."""
        ready = select.poll()
        ready.register(self.connection.pgconn.socket, select.POLLIN)
        return bool(ready.poll(0))


def _close_old(**kwargs: Any) -> None:
    """Close the connection of this thread before and after a request, if it must not be kept."""
    this_connection().close_if_unusable_or_obsolete()


def _goes_on(looks: int) -> bool:
    return False

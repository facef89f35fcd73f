"""A connection waits for a slow server, and not for one that is away."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from unittest.mock import Mock

import psycopg
import pytest
from django.db import connection

from viztube.api.database import watch as watching
from viztube.api.database.watch import Watch, WatchedConnection

pytestmark = pytest.mark.django_db


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return the watch of a process that knows nothing yet."""
    watch = Watch()
    monkeypatch.setattr(watching, "watch", watch)
    return watch


@pytest.fixture
def parameters() -> dict[str, Any]:
    """Return where the database of the tests is."""
    return dict(connection.get_connection_params())


@pytest.fixture
def silent() -> Iterator[dict[str, Any]]:
    """Return where a server takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield {"host": "127.0.0.1", "port": server.getsockname()[1], "dbname": "x", "user": "x"}


def refuses(watch: Watch, parameters: dict[str, Any]) -> str:
    """Return what a connection is refused with."""
    with pytest.raises(psycopg.OperationalError) as refusal:
        watch.connect(parameters)
    return str(refusal.value)


def test_a_slow_statement_goes_on(
    watch: Watch, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []
    connect = WatchedConnection.connect
    with watch.connect(parameters) as slow:

        def look(**kwargs: Any) -> Any:
            looked.append(kwargs)
            return connect(**kwargs)

        monkeypatch.setattr(WatchedConnection, "connect", look)
        assert slow.execute("SELECT pg_sleep(1.2), 7").fetchone() == ("", 7)

    # Once is enough for a while.
    assert len(looked) == 1
    assert not watch.is_away


def test_what_waits_gives_up_when_the_server_is_found_away(
    watch: Watch, parameters: dict[str, Any], silent: dict[str, Any]
) -> None:
    with watch.connect(parameters) as frozen:
        # As if the server were frozen: what looks finds it silent.
        watch._parameters = silent
        with pytest.raises(psycopg.OperationalError, match="is away"):
            frozen.execute("SELECT pg_sleep(5)")

    # Its answer must not be read as that to the next statement.
    assert frozen.closed
    assert watch.is_away


def test_a_server_that_is_silent_is_asked_once_and_then_only_looked_at(
    watch: Watch,
    parameters: dict[str, Any],
    silent: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert "no answer" in refuses(watch, silent)
    assert {refuses(watch, silent) for _ in range(20)} == {"PostgreSQL is away"}
    watch._parameters = parameters
    deadline = time.monotonic() + 20
    while watch.is_away and time.monotonic() < deadline:
        time.sleep(0.05)

    watch.connect(parameters).close()
    assert caplog.text.count("PostgreSQL is away (") == caplog.text.count("is back") == 1


def test_a_server_that_says_why_it_refuses_is_there(
    watch: Watch, parameters: dict[str, Any]
) -> None:
    assert "FATAL" in refuses(watch, parameters | {"dbname": "nowhere"})

    assert not watch.is_away
    watch.connect(parameters).close()


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("no thread")])
def test_who_looks_goes_on_when_the_process_has_run_out_of_something(
    watch: Watch,
    parameters: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    with monkeypatch.context() as broken:
        if isinstance(error, OSError):
            broken.setattr(WatchedConnection, "connect", Mock(side_effect=error))
        else:
            broken.setattr(threading.Thread, "start", Mock(side_effect=error))
        watch.is_away, watch._parameters = True, parameters
        assert refuses(watch, parameters) == "PostgreSQL is away"
        time.sleep(0.1)

    deadline = time.monotonic() + 10
    while watch.is_away and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            watch.connect(parameters).close()
        time.sleep(0.05)
    assert not watch.is_away

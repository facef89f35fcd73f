"""Statements that a connection prepares: what psycopg's cursor gives, whatever happened."""

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection

from viztube.api.database import prepared as preparing
from viztube.api.database.prepared import MOST, USES, WATCHED, Prepared
from viztube.api.statements import run

pytestmark = pytest.mark.django_db

NAMES = "SELECT statement FROM pg_prepared_statements WHERE name LIKE 'viztube%' ORDER BY name"


@pytest.fixture
def server() -> Iterator[psycopg.Connection[Any]]:
    """Return a connection of one's own, as requests have it."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as connected:
        yield connected


@pytest.fixture
def prepared(server: psycopg.Connection[Any]) -> Prepared:
    """Return what that connection has prepared."""
    return Prepared(server, lambda looks: False)


def often(prepared: Prepared, sql: str, *parameters: Any) -> Any:
    """Return what a statement answers that is asked for often."""
    for _ in range(USES - 1):
        assert prepared.rows(sql, parameters) is None
    return prepared.rows(sql, parameters)


@pytest.mark.parametrize(
    ("cast", "values"),
    [
        ("text", ["", "%s %", "Ää \"' $1", "1" * 5000, None]),
        ("int8", [0, -1, 2**15, 2**31, 2**62, None]),
        ("float8", [0.5, float("inf"), 1e-300]),
        ("bool", [True, False]),
        ("uuid", [UUID(int=0), UUID(int=2**128 - 1), None]),
        ("timestamptz", [datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(9999)]),
        ("text[]", [[], ["a", 'b"', ""]]),
    ],
)
def test_values_come_back_as_the_cursor_gives_them(
    server: psycopg.Connection[Any], prepared: Prepared, cast: str, values: list[Any]
) -> None:
    sql = f"SELECT %s::{cast}, '100%%', %s::{cast} IS NULL"
    for _ in range(2):
        for value in values:
            found = [prepared.rows(sql, [value, value]) for _ in range(USES)][-1]
            cursor = psycopg.Cursor(server)
            cursor.execute(sql, [value, value], binary=True)
            assert found == cursor.fetchall() == [(value, "100%", value is None)]


def test_a_statement_is_prepared_once_it_is_asked_for_often(
    server: psycopg.Connection[Any], prepared: Prepared
) -> None:
    assert often(prepared, "SELECT 1") == [(1,)]
    assert prepared.rows("SELECT 1", []) == [(1,)]
    assert server.execute(NAMES).fetchall() == [("SELECT 1",)]


def test_no_more_is_kept_than_the_server_may_keep(
    server: psycopg.Connection[Any], prepared: Prepared
) -> None:
    for number in range(MOST + 3):
        assert often(prepared, f"SELECT {number}") == [(number,)]
        assert prepared.rows("SELECT 0", []) == [(0,)]
    kept = {sql for (sql,) in server.execute(NAMES)}
    assert len(kept) == MOST
    assert "SELECT 0" in kept, "the one that is asked for all the time"
    assert "SELECT 1" not in kept
    for number in range(WATCHED + 10):
        assert prepared.rows(f"SELECT {number} + 1", []) is None
    assert len(prepared._uses) <= WATCHED + 1


def test_what_was_let_go_is_prepared_again(
    server: psycopg.Connection[Any], prepared: Prepared
) -> None:
    assert often(prepared, "SELECT 1") == [(1,)]
    server.execute("DEALLOCATE ALL")
    assert prepared.rows("SELECT 1", []) is None
    assert [prepared.rows("SELECT 1", []) for _ in range(USES)][-1] == [(1,)]


def test_a_changed_table_is_read_as_it_is(
    server: psycopg.Connection[Any], prepared: Prepared
) -> None:
    server.execute("CREATE TEMPORARY TABLE thing AS SELECT 1 AS one")
    assert often(prepared, "SELECT * FROM thing") == [(1,)]
    server.execute("ALTER TABLE thing ADD two text DEFAULT 'b'")
    assert prepared.rows("SELECT * FROM thing", []) is None
    assert [prepared.rows("SELECT * FROM thing", []) for _ in range(USES)][-1] == [(1, "b")]


def test_an_error_is_psycopgs_and_the_connection_goes_on(
    server: psycopg.Connection[Any], prepared: Prepared
) -> None:
    for _ in range(USES - 1):
        assert prepared.rows("SELECT 1 / %s", [0]) is None
    with pytest.raises(psycopg.errors.DivisionByZero):
        prepared.rows("SELECT 1 / %s", [0])
    assert prepared.rows("SELECT 1 / %s", [1]) == [(1,)]
    for _ in range(USES - 1):
        assert prepared.rows("SELECT nothing", []) is None
    with pytest.raises(psycopg.errors.UndefinedColumn):
        prepared.rows("SELECT nothing", [])


def test_a_transaction_is_the_cursors(server: psycopg.Connection[Any], prepared: Prepared) -> None:
    assert often(prepared, "SELECT 1") == [(1,)]
    with server.transaction():
        assert prepared.rows("SELECT 1", []) is None
    server.autocommit = False
    assert prepared.rows("SELECT 1", []) is None


def test_an_answer_larger_than_a_packet_comes_whole(prepared: Prepared) -> None:
    sql = "SELECT repeat('x', %s) || %s"
    large = "y" * 3_000_000
    for _ in range(USES - 1):
        prepared.rows(sql, [5_000_000, large])
    found = prepared.rows(sql, [5_000_000, large])
    assert found == [("x" * 5_000_000 + large,)]


def test_a_lost_connection_is_told(server: psycopg.Connection[Any], prepared: Prepared) -> None:
    assert often(prepared, "SELECT pg_sleep(%s)::text", 0) == [("",)]
    pid = server.info.backend_pid
    ending = threading.Timer(0.3, os.kill, (pid, signal.SIGTERM))
    ending.start()
    with pytest.raises(psycopg.OperationalError):
        prepared.rows("SELECT pg_sleep(%s)::text", [20])
    ending.join()
    assert server.closed


def test_who_gives_up_reads_no_late_answer(
    server: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "LOOK_SECONDS", 0.01)
    looks: list[int] = []

    def gives_up(look: int) -> bool:
        looks.append(look)
        return look == 3

    impatient = Prepared(server, gives_up)
    often(impatient, "SELECT pg_sleep(%s)::text", 0)
    with pytest.raises(psycopg.OperationalError, match="away"):
        impatient.rows("SELECT pg_sleep(%s)::text", [1])
    assert looks[-3:] == [1, 2, 3]
    assert server.closed


def test_who_knows_that_it_is_away_does_not_ask(server: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.OperationalError, match="away"):
        Prepared(server, lambda looks: True).rows("SELECT 1", [])
    assert server.closed


@pytest.mark.django_db(transaction=True)
def test_a_statement_is_counted_once_whoever_runs_it() -> None:
    counted: list[str] = []

    def count(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        counted.append(sql)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(count):
        for _ in range(USES + 2):
            assert run("SELECT %s::int", [7]) == [(7,)]
        with pytest.raises(DatabaseError):
            run("SELECT nothing", [])
    assert counted == ["SELECT %s::int"] * (USES + 2) + ["SELECT nothing"]
    with connection.cursor() as cursor:
        cursor.execute(NAMES)
        assert cursor.fetchall() == [("SELECT $1::int",)]

"""Statements that a connection prepares, and then runs by a few calls of libpq.

psycopg's cursor is for everything that SQL can be. For a statement that PostgreSQL answers in a
tenth of a millisecond it takes longer than PostgreSQL; this is what is left of it where there is
one statement, outside a transaction, whose rows are all wanted.
"""

import re
import select
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from psycopg import Connection, errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from viztube.api.database.watch import LOOK_SECONDS, refusal

# What is asked for rarely is not worth a plan, which the server keeps for each connection: as many
# as psycopg has it keep.
USES = 5
MOST = 100
# How many statements are watched for whether they are asked for often.
WATCHED = 200

_PLACE = re.compile(r"%([s%])")


class Prepared:
    """What a connection has prepared. Like the connection, for one thread."""

    def __init__(self, connection: Connection[Any], gives_up: Callable[[int], bool]) -> None:
        self._connection, self._gives_up = connection, gives_up
        self._pgconn = connection.pgconn
        self._transformer: Any = Transformer(connection)
        # By what they are prepared from; the latest used last.
        self._names: OrderedDict[tuple[str, Any], bytes] = OrderedDict()
        self._uses: Counter[tuple[str, Any]] = Counter()
        self._numbers = count()
        self._readable = select.poll()
        self._readable.register(self._pgconn.socket, select.POLLIN)

    def rows(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]] | None:
        """Return the rows; None where psycopg's cursor has to be asked. Raises psycopg's errors."""
        if self._gives_up(0):
            self._connection.close()
            raise refusal()
        if (
            not self._connection.autocommit
            or self._pgconn.transaction_status != TransactionStatus.IDLE
        ):
            return None
        transformer = self._transformer
        given = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
        key = sql, transformer.types
        name = self._names.get(key) or self._prepare(key)
        if name is None:
            return None
        self._names.move_to_end(key)
        self._pgconn.send_query_prepared(name, given, transformer.formats, Format.BINARY)
        try:
            result = self._answer()
        except (errors.InvalidSqlStatementName, errors.FeatureNotSupported):
            # It did not run: psycopg lets all go after a rollback, or a table is another one since.
            del self._names[key]
            return None
        transformer.set_pgresult(result)
        found: list[tuple[Any, ...]] = transformer.load_rows(0, result.ntuples, tuple)
        return found

    def _prepare(self, key: tuple[str, Any]) -> bytes | None:
        """Return the name of a statement that is asked for often, None of others."""
        if len(self._uses) > WATCHED:
            self._uses.clear()
        self._uses[key] += 1
        if self._uses[key] < USES:
            return None
        del self._uses[key]
        if len(self._names) >= MOST:
            _, oldest = self._names.popitem(last=False)
            self._pgconn.send_query(b"DEALLOCATE " + oldest)
            with suppress(errors.InvalidSqlStatementName):
                self._answer()
        sql, types = key
        name = b"viztube_%d" % next(self._numbers)
        self._pgconn.send_prepare(name, _as_libpq_has_it(sql), types)
        self._answer()
        self._names[key] = name
        return name

    def _answer(self) -> PGresult:
        """Return what a statement answers, which is one result."""
        try:
            self._flush()
            results = []
            while (result := self._result()) is not None:
                results.append(result)
        except BaseException:
            # What it answers later must not be taken for the answer to something else.
            self._connection.close()
            raise
        for one in results:
            if one.status not in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
                raise errors.error_from_result(one, encoding=self._connection.info.encoding)
        return results[0]

    def _flush(self) -> None:
        while self._pgconn.flush():
            both = select.poll()
            both.register(self._pgconn.socket, select.POLLIN | select.POLLOUT)
            self._wait(both)
            self._pgconn.consume_input()

    def _result(self) -> PGresult | None:
        while self._pgconn.is_busy():
            self._wait(self._readable)
            self._pgconn.consume_input()
        return self._pgconn.get_result()

    def _wait(self, until: select.poll) -> None:
        looks = 0
        while not until.poll(LOOK_SECONDS * 1000):
            looks += 1
            if self._gives_up(looks):
                raise refusal()


def _as_libpq_has_it(sql: str) -> bytes:
    """Return SQL with ``$1`` and so on for ``%s``."""
    numbers = count(1)
    return _PLACE.sub(lambda found: f"${next(numbers)}" if found[1] == "s" else "%", sql).encode()

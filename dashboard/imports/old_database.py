"""Reading the old database: one snapshot of it, and nothing is ever written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.rows import dict_row, scalar_row
from psycopg.types.datetime import TimestampLoader

from dashboard.imports.address import OldAddress, OldDatabaseError
from dashboard.imports.rows import Kind, OldRow

IDS = 5000  # ids a batch


class UtcLoader(TimestampLoader):
    """Reads times without a zone as UTC, and as None what Python has no time for: infinity."""

    def load(self, data: Buffer) -> Any:
        """Return the time of a column."""
        try:
            return super().load(data).replace(tzinfo=UTC)
        except psycopg.DataError:
            return None


class OldDatabase:
    """An open session of the old database, in which everything stays as it was at the start."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def check(self, kinds: Sequence[Kind]) -> None:
        """Raise OldDatabaseError unless every table and column is there and may be read."""
        problems = []
        for kind in kinds:
            columns = self._columns(kind)
            if columns is None:
                problems.append(f"there is no table {kind.name}")
            elif missing := set(columns_of(kind)) - columns:
                problems.append(f"{kind.name} has no column {' and '.join(sorted(missing))}")
            elif not self._may_read(kind):
                problems.append(f"its user may not read {kind.name}")
        if problems:
            raise OldDatabaseError(
                f"The database that --from names cannot be imported: {', '.join(problems)}. Check "
                "that it is the old service's, with its schema (?schema=...), and that the user "
                "has the right to SELECT."
            )

    def count(self, kind: Kind) -> int:
        """Return how many rows a table has."""
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(kind.name))
        with _sentences(), self._connection.cursor(row_factory=scalar_row) as cursor:
            return int(cursor.execute(query).fetchone() or 0)

    def batches(self, kind: Kind) -> Iterator[Sequence[OldRow]]:
        """Yield the rows of a table in its order, so many at a time."""
        query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
            sql.SQL(", ").join(_expressions(kind)),
            sql.Identifier(kind.name),
            sql.SQL(", ").join(sql.Identifier(column) for column in kind.order),
        )
        yield from self._stream(query, kind.batch, dict_row)

    def ids(self, kind: Kind) -> Iterator[Sequence[str]]:
        """Yield the ids of a table, ``IDS`` at a time."""
        query = sql.SQL("SELECT id::text FROM {}").format(sql.Identifier(kind.name))
        yield from self._stream(query, IDS, scalar_row)

    def whole(self, kind: Kind, row_id: str, column: str) -> str:
        """Return a text of a row, however long it is."""
        query = sql.SQL("SELECT {} FROM {} WHERE id::text = %s").format(
            sql.Identifier(column), sql.Identifier(kind.name)
        )
        with _sentences(), self._connection.cursor(row_factory=scalar_row) as cursor:
            return str(cursor.execute(query, [row_id]).fetchone())

    def _stream(self, query: sql.Composed, size: int, row_factory: Any) -> Iterator[Sequence[Any]]:
        with _sentences(), self._connection.cursor("import_v2", row_factory=row_factory) as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(size):
                yield rows

    def _columns(self, kind: Kind) -> set[str] | None:
        """Return the columns of a table, None when there is no such table."""
        query = (
            "SELECT array_agg(attname::text) FROM pg_attribute "
            "WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0 AND NOT attisdropped"
        )
        with _sentences(), self._connection.cursor(row_factory=scalar_row) as cursor:
            found = cursor.execute(query, [kind.name]).fetchone()
            return None if found is None else set(found)

    def _may_read(self, kind: Kind) -> bool:
        """Tell whether the columns that are read may be read."""
        query = (
            "SELECT bool_and(has_column_privilege(quote_ident(%s), name, 'SELECT')) "
            "FROM unnest(%s::text[]) name"
        )
        with _sentences(), self._connection.cursor(row_factory=scalar_row) as cursor:
            return bool(cursor.execute(query, [kind.name, columns_of(kind)]).fetchone())


@contextmanager
def open_old_database(address: OldAddress) -> Iterator[OldDatabase]:
    """Connect, and look at one state of the database until the end; raises OldDatabaseError."""
    try:
        # Prepared statements would be lost behind a pooler.
        connection = psycopg.connect(
            address.conninfo,
            prepare_threshold=None,
            client_encoding="UTF8",
            application_name="viztube import_v2",
            # A network that is gone without a word is noticed within two minutes.
            keepalives_idle=60,
            keepalives_interval=15,
            keepalives_count=4,
        )
    except psycopg.Error as error:
        reason = address.without_password(" ".join(str(error).split()))
        raise OldDatabaseError(
            "No connection to the old database: check the address in --from, and that this "
            f"machine may connect. The reason given: {reason}"
        ) from None
    try:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.adapters.register_loader("timestamp", UtcLoader)
        with _sentences():
            # It waits while we write, and long: the state that it looks at would be gone.
            for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(sql.SQL("SET LOCAL {} = 0").format(sql.Identifier(setting)))
            connection.execute("SET LOCAL TimeZone = 'UTC'")
            if address.schema is not None:
                connection.execute(
                    sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(address.schema))
                )
        yield OldDatabase(connection)
    finally:
        connection.close()


def columns_of(kind: Kind) -> list[str]:
    """Return the columns of a table that are read."""
    return ["id", *kind.references, *kind.texts, *kind.others]


def _expressions(kind: Kind) -> Iterator[sql.Composable]:
    """Yield what to select: of a text one character more than is kept, to see that it is longer."""
    for column in columns_of(kind):
        name = sql.Identifier(column)
        limit = kind.texts.get(column)
        if limit is not None:
            yield sql.SQL("left({}, {}) AS {}").format(name, sql.Literal(limit + 1), name)
        elif column == "id" or column in kind.references:
            yield sql.SQL("{}::text AS {}").format(name, name)
        else:
            yield name


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        reason = error.diag.message_primary or "the connection was lost"
        raise OldDatabaseError(
            f"Reading the old database failed: {reason}. Run the same command again: an import "
            "goes on where it was."
        ) from None

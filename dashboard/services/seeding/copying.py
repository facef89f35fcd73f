"""Filling tables by COPY, the fastest way in."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from django.db import connection, models
from tqdm import tqdm

CHUNK = 50_000  # rows a COPY


@dataclass(frozen=True)
class Table:
    """What goes into one table: the names of the columns given, and the rows in that order.

    The other columns get their defaults. ``total`` is how many rows will come, when that is known.
    """

    title: str
    model: type[models.Model]
    columns: str
    rows: Iterator[tuple[Any, ...]]
    total: int | None = None


def copy_in(table: Table) -> int:
    """Insert a table's rows and return how many; needs a transaction. Raises IntegrityError.

    A terminal gets to see a progress bar. PostgreSQL's planner learns what is in the table now: it
    may remember from before that looking for a row is fastest by reading them all, and would check
    each row of the next tables like that.
    """
    meta = table.model._meta
    given = table.columns.split()
    defaults = {
        field.attname: field.get_default()
        for field in meta.concrete_fields
        if not (field.attname in given or field.generated or isinstance(field, models.AutoField))
    }
    # Names of attributes are names of columns in all of our tables.
    listed = ", ".join(map(connection.ops.quote_name, (*given, *defaults)))
    statement = f"COPY {connection.ops.quote_name(meta.db_table)} ({listed}) FROM STDIN"
    rest = tuple(defaults.values())
    bar = tqdm(
        table.rows,
        desc=table.title,
        total=table.total,
        unit=" rows",
        file=sys.stderr,
        disable=None,  # None: unless the file is a terminal
    )
    copied = 0
    for chunk in _chunks(iter(bar)):
        # COPY is psycopg's own, whose errors Django does not translate by itself.
        translated = connection.wrap_database_errors
        with connection.cursor() as cursor, translated, cursor.copy(statement) as copy:
            for row in chunk:
                copy.write_row(row + rest)
                copied += 1
        # PostgreSQL remembers each row whose foreign keys it has yet to check.
        connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {connection.ops.quote_name(meta.db_table)}")
    return copied


def _chunks(rows: Iterator[tuple[Any, ...]]) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Cut a stream into streams of ``CHUNK`` rows."""
    for first in rows:
        yield chain([first], islice(rows, CHUNK - 1))

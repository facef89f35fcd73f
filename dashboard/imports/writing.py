"""Writing rows of the import into our tables, many at a time."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Field, Model
from psycopg import sql

STAGE = sql.Identifier("import_v2_stage")


def lock_present(model: type[Model], ids: Collection[UUID]) -> set[UUID]:
    """Return which rows are here; they stay at least until the transaction ends.

    A weak lock: it stops nobody but who deletes such a row.
    """
    # The ORM has no lock as weak as this one, which foreign keys take too.
    query = sql.SQL("SELECT id FROM {} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE")
    with connection.cursor() as cursor:
        cursor.execute(query.format(_table(model)), [list(ids)])
        return {row[0] for row in cursor.fetchall()}


def insert(
    model: type[Model], rows: Sequence[Mapping[str, Any]], shared: Sequence[str] = ()
) -> set[UUID]:
    """Write rows by COPY, in a transaction; return the ids of those that nothing stood in the way.

    A row holds columns by name; the others get their defaults. ``shared`` names the columns whose
    uniqueness another row may stand in the way of; without, those of every unique constraint.
    Raises IntegrityError, DataError and OperationalError for what the database refuses otherwise.
    """
    # The database computes generated columns.
    fields: list[Field[Any, Any]] = [
        field for field in model._meta.concrete_fields if not field.generated
    ]
    columns = sql.SQL(", ").join([sql.Identifier(str(field.column)) for field in fields])
    conflict = sql.SQL(", ").join(map(sql.Identifier, shared))
    names = {
        "stage": STAGE,
        "table": _table(model),
        "columns": columns,
        "conflict": sql.SQL("({})").format(conflict) if shared else sql.SQL(""),
    }
    with connection.cursor() as cursor:

        def execute(query: str) -> None:
            cursor.execute(sql.SQL(query).format(**names))

        # Not straight into the table: a COPY ends at the first row that is there already.
        execute("CREATE TEMPORARY TABLE {stage} AS SELECT {columns} FROM {table} WITH NO DATA")
        copy = sql.SQL("COPY {stage} ({columns}) FROM STDIN").format(**names)
        with connection.wrap_database_errors, cursor.copy(copy) as target:
            for row in rows:
                target.write_row([_value(field, row) for field in fields])
        execute(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} "
            "ON CONFLICT {conflict} DO NOTHING RETURNING id"
        )
        written = {row[0] for row in cursor.fetchall()}
        execute("DROP TABLE {stage}")
        # Some constraints wait for the end of a transaction; a dry run has none.
        connection.check_constraints()
    return written


def _value(field: "Field[Any, Any]", row: Mapping[str, Any]) -> Any:
    return row[field.attname] if field.attname in row else field.get_default()


def _table(model: type[Model]) -> sql.Identifier:
    return sql.Identifier(model._meta.db_table)

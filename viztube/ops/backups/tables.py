"""What a database holds, in figures that two databases can be compared by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from viztube.ops.backups.postgres import Connection

Advance = Callable[[str, int], object]

# Ordinary tables: of a partitioned one its parts. What belongs to an extension comes with it.
_TABLES = """
    SELECT n.nspname, c.relname
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (
          SELECT FROM pg_depend AS d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1, 2
"""
# The sum of the digests of all rows: the order of rows does not count, and the server needs no
# memory for it. A digest is summed in two halves, as numbers of 64 bits.
_FIGURES = """
    SELECT count(*), concat_ws(
        '/',
        coalesce(sum(('x' || left(digest, 16))::bit(64)::bigint), 0),
        coalesce(sum(('x' || right(digest, 16))::bit(64)::bigint), 0))
    FROM (SELECT md5((t.*)::text) AS digest FROM ONLY {} AS t) AS digests
"""
_DATABASE = """
    SELECT pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datlocprovider::text,
           d.datcollate, d.datctype, d.datlocale,
           ARRAY(SELECT ARRAY[
                     CASE WHEN a.grantee = 0 THEN '' ELSE pg_get_userbyid(a.grantee) END,
                     a.privilege_type, a.is_grantable::text]
                 FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
                 WHERE a.grantee <> d.datdba ORDER BY 1),
           coalesce((SELECT s.setconfig FROM pg_db_role_setting AS s
                     WHERE s.setdatabase = d.oid AND s.setrole = 0), '{}')
    FROM pg_database AS d WHERE d.datname = current_database()
"""


@dataclass(frozen=True)
class Table:
    """How many rows a table has, and the checksum of them all."""

    rows: int
    checksum: str


@dataclass(frozen=True)
class DatabaseFacts:
    """What belongs to a database as a whole, which a dump of its content leaves out.

    ``grants`` are of others than the owner: role (empty for everybody), privilege, and "true" when
    it may be handed on. ``settings`` are like ``statement_timeout=15s``.
    """

    owner: str
    encoding: str
    provider: str
    collate: str
    ctype: str
    locale: str | None
    grants: list[list[str]]
    settings: list[str]


def table_names(connection: Connection) -> list[tuple[str, str]]:
    """Return the schema and name of every table."""
    return [(schema, name) for schema, name in connection.execute(_TABLES)]


def keep_tables(connection: Connection) -> None:
    """Keep every table from being dropped, changed or emptied until the transaction ends."""
    if tables := [sql.Identifier(*name) for name in table_names(connection)]:
        connection.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(
                sql.SQL(", ").join(sql.SQL("ONLY {}").format(table) for table in tables)
            )
        )


def read_tables(connection: Connection, advance: Advance) -> dict[str, Table]:
    """Return the figures of every table, by ``schema.table``."""
    return dict(_read_tables(connection, advance))


def _read_tables(connection: Connection, advance: Advance) -> Iterator[tuple[str, Table]]:
    for schema, name in table_names(connection):
        advance(f"Rows of {name}", 0)
        query = sql.SQL(_FIGURES).format(sql.Identifier(schema, name))
        rows, checksum = _row(connection, query)
        advance(f"Rows of {name}", 1)
        yield f"{schema}.{name}", Table(rows, checksum)


def read_migrations(connection: Connection) -> list[str]:
    """Return the migrations that were applied, like ``users.0001_initial``; none on a new one."""
    if ("public", "django_migrations") not in table_names(connection):
        return []
    query = "SELECT app || '.' || name FROM public.django_migrations ORDER BY 1"
    return [name for (name,) in connection.execute(query)]


def read_database(connection: Connection) -> DatabaseFacts:
    """Return the facts of the database that a connection is to."""
    return DatabaseFacts(*_row(connection, sql.SQL(_DATABASE)))


def _row(connection: Connection, query: sql.SQL | sql.Composed) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    assert row is not None
    return row

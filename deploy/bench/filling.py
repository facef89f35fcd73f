"""Filling the database that is measured, with millions of rows if need be.

Rows go in by COPY (``seed_demo``), before the indexes and foreign keys, which are made again
afterwards: for millions of rows that takes a fraction of keeping them up to date (PostgreSQL,
"Populating a Database").
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from shape import Shape, is_filled, settle_postgres

PASSWORD = "demo-password"  # noqa: S105 - of demo data
AMOUNTS = {
    "users": 50,
    "videos": 1000,
    "comments": 5000,
    "likes": 5000,
    "subscriptions": 1000,
    "tweets": 500,
    "playlists": 100,
    "playlist-videos": 1000,
    "history": 2000,
}
# For as long as the rows come in; what ships is for a small machine.
BULK = {
    "max_wal_size": "16GB",
    "wal_compression": "off",
    "synchronous_commit": "off",
    "maintenance_work_mem": "1GB",
}
_FOREIGN_KEYS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
        pg_get_constraintdef(oid))
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
# Those that no constraint is made of.
_INDEXES = """
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def fill(shape: Shape, scale: int) -> None:
    """Fill the database, unless an earlier run of this size has: that takes minutes."""
    if is_filled(shape.folder):
        return
    say(f"Filling the database with {AMOUNTS['videos'] * scale:,} videos and the rest.\n")
    amounts = [f"--{name}={number * scale}" for name, number in AMOUNTS.items()]
    with psycopg.connect(shape.environ["DATABASE_URL"], autocommit=True) as connection:
        for name, value in BULK.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")
        with _bare_tables(connection):
            say(shape.manage("seed_demo", "--force", "--password", PASSWORD, *amounts))
        for name in BULK:
            connection.execute(f"ALTER SYSTEM RESET {name}")
        settle_postgres(shape.environ["DATABASE_URL"])
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    shape.mark_filled()


@contextmanager
def _bare_tables(connection: psycopg.Connection) -> Iterator[None]:
    """Take indexes and foreign keys away, and make the same ones afterwards."""
    began = time.monotonic()
    taken = [row for query in (_FOREIGN_KEYS, _INDEXES) for row in connection.execute(query)]
    for drop, _ in taken:
        connection.execute(drop)
    yield
    say(f"The rows are in after {time.monotonic() - began:.0f} s; now the indexes.\n")
    for _, make in reversed(taken):
        connection.execute(make)
    say(f"Filled in {time.monotonic() - began:.0f} s.\n")


def say(text: str) -> None:
    """Tell what is going on."""
    sys.stdout.write(text)
    sys.stdout.flush()

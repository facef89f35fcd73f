"""The database that a dump is restored into, beside the real one, and how it takes its place."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from viztube.ops.backups import BackupError
from viztube.ops.backups.postgres import (
    MAINTENANCE,
    Connection,
    connected,
    database_name,
    first_line,
    running,
)
from viztube.ops.backups.tables import DatabaseFacts

# What PostgreSQL has room for in a name, less what is added here.
_NAME_BYTES = 63 - len("_restore_20261125T061500Z")
# The server's own workers, which have no user, it sends away itself. What kind of process another
# role's is, an ordinary role is not told.
_TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = %s AND usename IS NOT NULL
"""
_TERMINATE_SECONDS = 0.2
_PROVIDERS = {"b": "builtin", "i": "icu", "c": "libc"}


def related_name(kind: str, stamp: str) -> str:
    """Return the name of a database that belongs to VizTube's: ``viztube_restore_<stamp>``."""
    stem = database_name().encode()[:_NAME_BYTES].decode(errors="ignore")
    return f"{stem}_{kind}_{stamp}"


@contextmanager
def maintenance() -> Iterator[Connection]:
    """Open the session that makes and renames databases; only one restoration has it at a time.

    Raises BackupError also when the role may not make databases, and psycopg.Error.
    """
    if database_name() == MAINTENANCE:
        raise BackupError(
            f"The database {MAINTENANCE} cannot be replaced, for it is needed to do so: let "
            "DATABASE_URL name another."
        )
    with connected(MAINTENANCE) as connection:
        query = "SELECT pg_try_advisory_lock(hashtextextended('viztube restore ' || %s, 0))"
        if connection.execute(query, [database_name()]).fetchone() != (True,):
            raise BackupError("Another restoration is running: wait for its end.")
        query = "SELECT rolcreatedb OR rolsuper, rolname FROM pg_roles WHERE rolname = current_user"
        may, role = connection.execute(query).fetchone() or (False, "")
        if not may:
            raise BackupError(
                f'The role {role} may not make databases: as a superuser run ALTER ROLE "{role}" '
                "CREATEDB, then this again."
            )
        yield connection


@contextmanager
def scratch_database(maintenance: Connection, name: str, facts: DatabaseFacts) -> Iterator[None]:
    """Make an empty database, dropped afterwards if it still has its name.

    Those of restorations that died are dropped first.
    """
    dead = re.compile(re.escape(related_name("restore", "")) + r"\d{8}T\d{6}Z")
    for (other,) in maintenance.execute("SELECT datname FROM pg_database").fetchall():
        if dead.fullmatch(other):
            _drop(maintenance, other)
    try:
        maintenance.execute(_creation(name, facts))
        for setting in facts.settings:
            key, _, value = setting.partition("=")
            parameter = sql.Identifier(*key.split("."))
            # By way of this session, which knows how the values of lists are quoted.
            maintenance.execute("SELECT set_config(%s, %s, false)", [key, value])
            maintenance.execute(
                sql.SQL("ALTER DATABASE {} SET {} FROM CURRENT").format(
                    sql.Identifier(name), parameter
                )
            )
            maintenance.execute(sql.SQL("RESET {}").format(parameter))
        yield
    finally:
        _drop(maintenance, name)


def fill(name: str, dump: Path, facts: DatabaseFacts) -> None:
    """Restore a dump into a database; what is in it belongs to us, with all its grants.

    Raises BackupError.
    """
    target = make_conninfo(dbname=name)
    arguments = ["--exit-on-error", "--no-owner", f"--dbname={target}", str(dump)]
    try:
        with running("pg_restore", arguments, name):
            pass
        with connected(name) as connection:
            # Without statistics the first queries would be slow, and a dump has none.
            connection.execute("ANALYZE")
            grant(connection, name, facts)
    except BackupError as error:
        raise BackupError(
            f"{error}\nNothing was replaced. Roles belong to the server and not to a backup: if "
            "one is missing, make it, then run this again."
        ) from None


def grant(connection: Connection, name: str, facts: DatabaseFacts) -> None:
    """Give others than the owner the rights on the database as a whole that they had."""
    database = sql.Identifier(name)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    for role, privilege, may_hand_on in facts.grants:
        connection.execute(
            sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
                sql.SQL(privilege),
                database,
                sql.Identifier(role) if role else sql.SQL("PUBLIC"),
                sql.SQL(" WITH GRANT OPTION" if may_hand_on == "true" else ""),
            )
        )


def exists(maintenance: Connection, name: str) -> bool:
    """Tell whether there is a database of a name."""
    query = "SELECT FROM pg_database WHERE datname = %s"
    return maintenance.execute(query, [name]).fetchone() is not None


def check_replaceable(maintenance: Connection) -> None:
    """Raise BackupError unless we may rename the current database and disconnect others from it."""
    query = """
        SELECT pg_get_userbyid(datdba), pg_has_role(datdba, 'USAGE') FROM pg_database
        WHERE datname = %s
    """
    row = maintenance.execute(query, [database_name()]).fetchone()
    if row is not None and not row[1]:
        raise BackupError(
            f"The database {database_name()} belongs to {row[0]}: run this as that role, by "
            "DATABASE_URL."
        )
    query = """
        SELECT DISTINCT usename FROM pg_stat_activity
        WHERE datname = %s AND NOT pg_has_role(usesysid, 'MEMBER')
          AND NOT pg_has_role('pg_signal_backend', 'USAGE')
    """
    if row := maintenance.execute(query, [database_name()]).fetchone():
        raise BackupError(
            f"{row[0]} is connected to the database {database_name()}, and we may not disconnect "
            "it: stop VizTube, or grant us pg_signal_backend, then run this again."
        )


def swap(maintenance: Connection, name: str, before: str) -> bool:
    """Put a database in the place of the current one, which becomes ``before`` if there is one.

    Both renamings are one transaction: cut off at any moment, either the old or the new one is in
    place. While the server waits for the last connection to the old one to go, it lets no new one
    in, so whoever reconnects at once waits and then finds the new one. Returns whether there was
    an old one. Raises BackupError; then the old one is in place.
    """
    current = database_name()
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    old, new, aside = (sql.Identifier(one) for one in (current, name, before))
    there = exists(maintenance, current)
    try:
        with _terminating(current if there else None), maintenance.transaction():
            if there:
                maintenance.execute(rename.format(old, aside))
            maintenance.execute(rename.format(new, old))
    except psycopg.Error as error:
        raise BackupError(
            f"The database could not be replaced ({first_line(error)}), and {current} is as it "
            "was: stop VizTube, then run this again."
        ) from error
    return there


@contextmanager
def _terminating(database: str | None) -> Iterator[None]:
    """Disconnect everybody from a database, again and again beside the block."""
    if database is None:
        yield
        return
    with connected(MAINTENANCE) as connection:
        over = threading.Event()

        def terminate() -> None:
            while not over.is_set():
                try:
                    connection.execute(_TERMINATE, [database])
                except psycopg.Error:
                    # The renaming then says who is in the way.
                    return
                over.wait(_TERMINATE_SECONDS)

        thread = threading.Thread(target=terminate)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _creation(name: str, facts: DatabaseFacts) -> sql.Composed:
    """Return the statement that makes an empty database with the encoding and order of another."""
    query = sql.SQL(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE_PROVIDER {} LC_COLLATE {} "
        "LC_CTYPE {}"
    ).format(
        sql.Identifier(name),
        facts.encoding,
        sql.Identifier(_PROVIDERS[facts.provider]),
        facts.collate,
        facts.ctype,
    )
    if facts.provider == "b":
        return query + sql.SQL(" BUILTIN_LOCALE {}").format(facts.locale)
    if facts.provider == "i":
        return query + sql.SQL(" ICU_LOCALE {}").format(facts.locale)
    return query


def _drop(maintenance: Connection, name: str) -> None:
    maintenance.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )

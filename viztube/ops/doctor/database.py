"""PostgreSQL: whether it answers, which it is, and whether its tables are those of this version."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from viztube.ops.backups.folders import STAMP
from viztube.ops.backups.scratch import related_name
from viztube.ops.doctor.findings import Finding, failed, first_line, ok, warning

MAJOR_VERSION = 18
CONNECT_SECONDS = 3
# Until then a database that restoring has kept is looked at, or one is still being restored.
KEPT_FOR = timedelta(days=1)


def ask(statement: str) -> Any:
    """Return the one value of a statement, over a connection of its own. Raises psycopg.Error.

    Past the pool, which tries for long and then does not say what was wrong.
    """
    parameters = {**connection.get_connection_params(), "connect_timeout": CONNECT_SECONDS}
    with psycopg.connect(**parameters) as direct:
        row: Any = direct.execute(statement).fetchone()
    return row[0]


def answers() -> Finding:
    """Tell whether the database lets us in."""
    try:
        ask("SELECT 1")
    except psycopg.Error as error:
        return failed(
            f"The database is away: {first_line(error)}.",
            "Look whether PostgreSQL runs and whether DATABASE_URL is right.",
        )
    return ok("The database answers.")


def has_our_version() -> Finding:
    """Tell whether it is the PostgreSQL that the tests run with."""
    version = str(ask("SHOW server_version"))
    if version.partition(".")[0] == str(MAJOR_VERSION):
        return ok(f"It is PostgreSQL {version}.")
    return failed(
        f"It is PostgreSQL {version}, and VizTube is made for {MAJOR_VERSION}.",
        f"Move the data to PostgreSQL {MAJOR_VERSION}: back it up here and restore it there.",
    )


def is_migrated() -> Finding:
    """Tell whether every migration of this version is applied."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return ok("Every migration is applied.")
    names = ", ".join(str(migration) for migration, _ in plan[:3])
    more = ", ..." if len(plan) > 3 else ""
    return failed(
        f"{len(plan)} migrations are not applied: {names}{more}.", "Run `manage.py migrate`."
    )


def has_no_leftovers() -> Finding:
    """Look for databases that restoring kept, or left because it was killed, for over a day."""
    kept = []
    for kind in ("before", "restore"):
        stem = related_name(kind, "")
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
        with connection.cursor() as cursor:
            cursor.execute(query, [stem])
            names = [name for (name,) in cursor.fetchall()]
        for name in names:
            try:
                made = datetime.strptime(name.removeprefix(stem), STAMP).replace(tzinfo=UTC)
            except ValueError:
                continue  # somebody's own
            if timezone.now() - made > KEPT_FOR:
                kept.append(f'"{name}"')
    if not kept:
        return ok("Restoring has left no database beside this one.")
    return warning(
        f"Restoring has left databases beside this one: {', '.join(kept)}.",
        "They take room: when nobody misses what is in them, DROP DATABASE each.",
    )

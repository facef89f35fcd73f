"""Look for migrations that lock a table or break the version that is running."""

import json
import re
import shutil
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import NotSupportedError, connection
from django.db.migrations import RunPython, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader

from viztube.ops.migration_rules import ADVICE, BASELINE, NOT_OURS, RUN_PYTHON, Advice

POSTGRESQL = "18"

_TABLE = re.compile(
    r'\s*(?P<verb>CREATE TABLE|ALTER TABLE|CREATE (UNIQUE )?INDEX (CONCURRENTLY )?"[^"]+" ON) '
    r'"(?P<table>[^"]+)"',
    re.IGNORECASE,
)


class SquawkMissingError(Exception):
    """The linter of SQL is not installed or did not work; the text says what to do."""


@dataclass(frozen=True)
class Problem:
    """What one statement would do to the running version."""

    advice: Advice
    statement: str = ""


@dataclass
class Checked:
    """A migration and what is wrong with it."""

    name: str
    # Why it may do what it does all the same, from its attribute ``contract``.
    reason: str
    problems: list[Problem] = field(default_factory=list)


def our_apps() -> list[str]:
    """Return the labels of the apps that are not a library's."""
    return [
        config.label
        for config in apps.get_app_configs()
        if Path(config.path).is_relative_to(settings.BASE_DIR)
        and "site-packages" not in Path(config.path).parts
    ]


def check_migrations(labels: Iterable[str]) -> list[Checked]:
    """Check the migrations of some apps that came after ``BASELINE``, in the order of their names.

    Raises SquawkMissingError.
    """
    loader = MigrationLoader(connection, replace_migrations=False)
    deployed = {
        node
        for last in BASELINE.items()
        if last in loader.graph.nodes
        for node in loader.graph.forwards_plan(last)
    }
    nodes = sorted(loader.graph.nodes.keys() - deployed)
    return [_check(loader, loader.graph.nodes[node]) for node in nodes if node[0] in set(labels)]


def _check(loader: MigrationLoader, migration: Any) -> Checked:
    reason = getattr(migration, "contract", "")
    found = Checked(
        f"{migration.app_label} {migration.name}", reason.strip() if isinstance(reason, str) else ""
    )
    try:
        lines: list[str] = loader.collect_sql([(migration, False)])
    except NotSupportedError as error:
        found.problems.append(
            Problem(Advice(f"It cannot be run: {error}", "Set atomic = False in it."))
        )
        return found
    sql = [one for one in lines if not all(line.startswith("--") for line in one.splitlines())]
    if sql and migration.atomic and _runs_python(migration.operations):
        found.problems.append(Problem(RUN_PYTHON))
    found.problems += _problems_of(_on_tables_in_use(sql), atomic=migration.atomic)
    return found


def _runs_python(operations: Iterable[Any]) -> bool:
    return any(
        _runs_python(one.database_operations)
        if isinstance(one, SeparateDatabaseAndState)
        else isinstance(one, RunPython)
        for one in operations
    )


def _on_tables_in_use(statements: list[str]) -> list[str]:
    """Leave out what is done to tables that the same migration creates: nobody uses them yet."""
    tables = [
        match if (match := _TABLE.match(sql)) and ";" not in sql.strip().rstrip(";") else None
        for sql in statements
    ]
    new = {one["table"] for one in tables if one and one["verb"].upper() == "CREATE TABLE"}
    return [
        sql
        for sql, match in zip(statements, tables, strict=True)
        if match is None or match["table"] not in new
    ]


def _problems_of(statements: list[str], *, atomic: bool) -> Iterator[Problem]:
    starts = list(accumulate((sql.count("\n") + 1 for sql in statements), initial=0))
    seen = set()
    for finding in _squawk("\n".join(statements), atomic=atomic):
        sql = statements[bisect_right(starts, finding["line"]) - 1]
        rule = finding["rule_name"]
        if (rule, sql) in seen or _is_harmless(rule, sql, statements):
            continue
        seen.add((rule, sql))
        yield Problem(ADVICE.get(rule) or Advice(finding["message"], finding["help"] or ""), sql)


def _is_harmless(rule: str, sql: str, statements: list[str]) -> bool:
    if rule == "adding-foreign-key-constraint":
        # A new column without values has nothing to check: PostgreSQL reads no row for it.
        return bool(re.search(r"\bADD COLUMN (?:(?!\bDEFAULT\b).)* NULL\b", sql)) and (
            " NOT NULL" not in sql
        )
    if rule == "adding-field-with-default":
        # Django's Now, which is the same for every row; squawk does not know that.
        return "DEFAULT (STATEMENT_TIMESTAMP())" in sql
    if rule == "ban-drop-default":
        # A new column that may be empty needs no default.
        columns = re.findall(r'ALTER COLUMN ("[^"]+") DROP DEFAULT', sql)
        nullable = [one for one in statements if "ADD COLUMN" in one and "NOT NULL" not in one]
        return bool(columns) and all(
            any(f"ADD COLUMN {column} " in one for one in nullable) for column in columns
        )
    return False


def _squawk(sql: str, *, atomic: bool) -> list[dict[str, Any]]:
    here = Path(sys.executable).parent
    program = shutil.which("squawk", path=str(here)) or shutil.which("squawk")
    if program is None:
        raise SquawkMissingError(
            "squawk is not installed: it comes with requirements-dev.txt, so run this where the "
            "project is developed."
        )
    command = [program, "--pg-version", POSTGRESQL, "--reporter", "json"]
    command += ["--exclude", ",".join(NOT_OURS)]
    if atomic:
        command.append("--assume-in-transaction")
    ran = subprocess.run(  # noqa: S603 - a fixed command
        command, input=sql, capture_output=True, text=True, check=False, cwd="/"
    )
    try:
        return list(json.loads(ran.stdout or "[]" if ran.returncode in {0, 1} else ""))
    except ValueError as error:
        raise SquawkMissingError(f"squawk failed: {ran.stderr.strip()}") from error

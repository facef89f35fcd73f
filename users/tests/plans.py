"""How PostgreSQL reads what a request asks for."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg import ClientCursor
from psycopg.adapt import PyFormat, Transformer

from users.tests.queries import FRAMES

# From then on PostgreSQL may plan a prepared statement for any values; see ``plan_cache_mode``.
USED = 6


@dataclass
class Call:
    """A statement with its parameters, which PostgreSQL prepares or gets as text."""

    sql: str
    parameters: Sequence[Any]
    is_prepared: bool

    def plan(self, options: str = "COSTS OFF") -> Any:
        """Return its plan: lines of text, or with ``FORMAT JSON`` what that says.

        Of a prepared one the plan that PostgreSQL has after some time, which may be for any values.
        """
        if not (self.is_prepared and self.parameters):
            return _explained(f"EXPLAIN ({options}) {self.sql}", self.parameters)
        _run(f"PREPARE used ({', '.join(_types(self.parameters))}) AS {_numbered(self.sql)}")
        try:
            execute = f"EXECUTE used({', '.join(['%s'] * len(self.parameters))})"
            for _ in range(USED):
                _run(execute, self.parameters)
            return _explained(f"EXPLAIN ({options}) {execute}", self.parameters)
        finally:
            _run("DEALLOCATE used")


@contextmanager
def captured_calls() -> Iterator[list[Call]]:
    """Yield a list that gets the statements of the block."""
    calls: list[Call] = []

    def note(execute: Any, sql: Any, parameters: Any, many: bool, context: Any) -> Any:
        if not str(sql).startswith((*FRAMES, "EXPLAIN")):
            is_prepared = not isinstance(context["cursor"].cursor, ClientCursor)
            calls.append(Call(str(sql), tuple(parameters or ()), is_prepared))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield calls


def _explained(sql: str, parameters: Sequence[Any]) -> Any:
    lines = _run(sql, parameters)
    if "FORMAT JSON" not in sql:
        return "\n".join(line for (line,) in lines)
    ((plans,),) = lines
    return (json.loads(plans) if isinstance(plans, str) else plans)[0]


def _run(sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


def _types(parameters: Sequence[Any]) -> list[str]:
    """Return the types that psycopg says parameters have."""
    known = connection.connection.adapters.types
    transformer = Transformer(connection.connection)
    types = []
    for value in parameters:
        dumper = transformer.get_dumper(value, PyFormat.AUTO)
        # Of texts and lists of texts PostgreSQL finds the type itself.
        name = known[dumper.oid].regtype if dumper.oid else "unknown"
        types.append(f"{name}[]" if dumper.oid and isinstance(value, list) else name)
    return types


def _numbered(sql: str) -> str:
    """Return SQL whose places have numbers, as PostgreSQL has them."""
    first, *others = sql.split("%s")
    numbered = "".join(f"${number}{part}" for number, part in enumerate(others, 1))
    return (first + numbered).replace("%%", "%")

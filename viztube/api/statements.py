"""Reads that are asked for all the time: their SQL is made once a process.

Building a queryset and its SQL costs the ORM several times what PostgreSQL takes to answer. A
``Statement`` builds its queryset with stand-ins for what differs between two calls, and puts the
values into their places in the SQL from then on. PostgreSQL prepares it, once a connection.

What a call differs in besides, the kind of its arguments and the flags of a person, makes another
statement.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import count
from typing import Any, Generic, TypeVar, overload
from uuid import UUID, uuid4

from django.contrib.auth.models import AnonymousUser
from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, Model, QuerySet
from psycopg import Cursor
from psycopg.pq import Format

from viztube.api.database.base import this_connection

KEPT = 64  # forms of one statement, by the kinds of their arguments


class Fixed(int):
    """A number that is part of the statement itself, as a limit is.

    PostgreSQL plans for it: of a limit that it does not know it expects a tenth of all rows, and
    then plans each call anew.
    """


class Word(str):
    """A text that is part of the statement itself: what to sort by, for example."""

    __slots__ = ()


_numbers = count(random.SystemRandom().randrange(7 * 10**15, 8 * 10**15), 1001)


class Record:
    """A row of a statement: a column an attribute; what is named ``user__username`` in ``user``.

    Subclasses add what is derived from the columns.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__ = values

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} was read without the column {name}.")


RecordT = TypeVar("RecordT", bound=Record)

# By the name of an argument its kind.
Kinds = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class _Same:
    """The kind of what is part of a statement itself."""

    value: Any


@dataclass(frozen=True)
class Form:
    """A statement for some kinds of arguments."""

    sql: str
    # For each place in it the name of an argument, or the value that is always there.
    places: tuple[tuple[str | None, Any], ...]
    names: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return what goes into the places."""
        return [values[name] if name else constant for name, constant in self.places]

    def rows(
        self, values: Mapping[str, Any], replacing: tuple[str, str] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows for the arguments, in one query."""
        sql = self.sql.replace(*replacing) if replacing else self.sql
        return run(sql, self.arguments(values))


class Statement:
    """A read that depends on its named arguments alone.

    ``build`` makes the queryset, of ``values()``. It gets numbers, texts, times and ids only to
    hand them on; of a person (a model instance) only the id and the flags may matter. Truth values
    and None may decide how the queryset is made.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        self._build = build
        self._forms = lru_cache(maxsize=KEPT)(self._form)

    def rows(
        self, *, replacing: tuple[str, str] | None = None, **values: Any
    ) -> list[tuple[Any, ...]]:
        """Return the rows as tuples, in one query.

        ``replacing`` is a word of the SQL and what to put there for this call alone.
        """
        form, given = self.form(values)
        return form.rows(given, replacing)

    def form(self, values: Mapping[str, Any]) -> tuple[Form, dict[str, Any]]:
        """Return the statement for arguments of these kinds, and the values as they go into it."""
        given = {
            name: value.pk if isinstance(value, Model) else value for name, value in values.items()
        }
        return self._forms(kinds_of(values)), given

    def _form(self, kinds: "Kinds") -> Form:
        form, again = self._made(kinds), self._made(kinds)
        if (form.sql, form.places) != (again.sql, again.places):
            raise ValueError("A statement makes something of an argument: let SQL do it.")
        return form

    def _made(self, kinds: "Kinds") -> Form:
        arguments = stand_ins(kinds)
        rows = self._build(**arguments)
        compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        places = _places(parameters, arguments)
        query = rows.query
        names = query.selected or (*query.values_select, *query.annotation_select)
        return Form(sql, places, tuple(names))


class Records(Generic[RecordT]):
    """A statement whose rows become records.

    The columns of other tables, with ``__`` in their names, come last.
    """

    def __init__(self, kind: type[RecordT], build: Callable[..., QuerySet[Any, Any]]) -> None:
        self._kind = kind
        self.statement = Statement(build)

    def all(self, **values: Any) -> list[RecordT]:
        """Return the rows in their order, in one query."""
        form, given = self.statement.form(values)
        return make(self._kind, form.names, form.rows(given))

    def first(self, **values: Any) -> RecordT | None:
        """Return the first row, None when there is none."""
        return next(iter(self.all(**values)), None)


class Rows(Sequence[RecordT]):
    """Rows of a statement, each of which becomes a record when it is looked at.

    ``beside`` are the columns of them that are no part of the record: where they are ordered by,
    how many there are.
    """

    def __init__(
        self,
        kind: type[RecordT],
        names: tuple[str, ...],
        values: Sequence[tuple[Any, ...]],
        beside: slice,
    ) -> None:
        self.kind, self.names, self.values, self.beside = kind, names, values, beside

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, place: int) -> RecordT: ...
    @overload
    def __getitem__(self, place: slice) -> "Rows[RecordT]": ...
    def __getitem__(self, place: int | slice) -> "RecordT | Rows[RecordT]":
        if isinstance(place, slice):
            return Rows(self.kind, self.names, self.values[place], self.beside)
        return make(self.kind, self.names, [self.values[place]])[0]


def make(
    kind: type[RecordT], names: tuple[str, ...], rows: Sequence[Sequence[Any]]
) -> list[RecordT]:
    """Return the records of rows whose columns have these names."""
    own, others = _split(names)
    records = []
    for row in rows:
        values = dict(zip(own, row, strict=False))
        for name, columns, start in others:
            values[name] = Record(dict(zip(columns, row[start:], strict=False)))
        records.append(kind(values))
    return records


def run(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run SQL that PostgreSQL prepares once it was used a few times on a connection.

    Django's own cursors put parameters into the text, which then is planned each time, and get
    texts that Python makes values of. These get PostgreSQL's values, of which psycopg makes
    Python's.
    """
    connection = this_connection()
    if connection.connection is None:
        connection.ensure_connection()
    if connection.in_atomic_block or connection.queries_logged:
        with connection.wrap_database_errors:
            return _fetched(connection._prepare_cursor(_cursor(connection)), sql, parameters)
    execute = _prepared
    for wrapper in reversed(connection.execute_wrappers):
        execute = partial(wrapper, execute)
    with connection.wrap_database_errors:
        rows: list[tuple[Any, ...]] = execute(sql, parameters, False, {"connection": connection})
        return rows


def _prepared(sql: str, parameters: Sequence[Any], many: bool, context: Any) -> Any:
    connection = context["connection"]
    rows = connection.prepared.rows(sql, parameters)
    return _fetched(_cursor(connection), sql, parameters) if rows is None else rows


def _fetched(cursor: Any, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor.execute(sql, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _cursor(connection: Any) -> Cursor[Any]:
    cursor = Cursor(connection.connection)
    cursor.format = Format.BINARY
    return cursor


@lru_cache(maxsize=256)
def _split(
    names: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...], int], ...]]:
    """Return the columns of the row itself, and those of others: a name, its columns, the first."""
    own = tuple(name for name in names if "__" not in name)
    others = []
    start = len(own)
    for prefix in dict.fromkeys(name.partition("__")[0] for name in names[start:]):
        columns = tuple(
            name.partition("__")[2] for name in names[start:] if name.startswith(f"{prefix}__")
        )
        others.append((prefix, columns, start))
        start += len(columns)
    return own, tuple(others)


@lru_cache(maxsize=64)
def _flags(model: type[Model]) -> tuple[str, ...]:
    return tuple(
        field.attname for field in model._meta.concrete_fields if isinstance(field, BooleanField)
    )


def kinds_of(values: Mapping[str, Any]) -> Kinds:
    """Return in what arguments differ from others that need another statement."""
    return tuple((name, _kind(value)) for name, value in values.items())


def _kind(value: Any) -> Any:
    match value:
        case bool() | None | Fixed() | Word():
            return _Same(value)
        case Model():
            loaded = value.__dict__
            flags = tuple((one, loaded[one]) for one in _flags(type(value)) if one in loaded)
            return type(value), flags
        case _:
            return type(value)


def stand_ins(kinds: Kinds) -> dict[str, Any]:
    """Return arguments of these kinds, each unlike anything else."""
    return {name: _stand_in(kind) for name, kind in kinds}


def _stand_in(kind: Any) -> Any:
    match kind:
        case _Same(value):
            return value
        case (model, flags):
            return model(pk=uuid4(), **dict(flags))
    for known, make_one in _STAND_INS.items():
        if issubclass(kind, known):
            return make_one()
    raise TypeError(f"A statement takes no {kind.__name__}.")


def _time(number: int) -> datetime:
    """Return a time of another year than that of the number after this one."""
    since = timedelta(days=number // 1001 % 1000 * 400, microseconds=number % 10**6)
    return datetime(2000, 1, 1, tzinfo=UTC) + since


_STAND_INS: dict[type, Callable[[], Any]] = {
    UUID: uuid4,
    list: lambda: [uuid4()],
    int: lambda: next(_numbers),
    float: lambda: next(_numbers) + 0.5,
    # The digits that differ come first. What a text can be stripped of shows that it was.
    str: lambda: f"{str(next(_numbers))[::-1]} Stand-In ",
    datetime: lambda: _time(next(_numbers)),
    AnonymousUser: AnonymousUser,
}


def _places(
    parameters: Sequence[Any], arguments: Mapping[str, Any]
) -> tuple[tuple[str | None, Any], ...]:
    """Return what goes into the places of a statement: arguments by name, or what is always there.

    What is made of an argument is none of these: it differs each time.
    """
    wanted = {
        name: value.pk if isinstance(value, Model) else value
        for name, value in arguments.items()
        if not isinstance(value, bool | None | Fixed | Word)
    }
    places: list[tuple[str | None, Any]] = []
    for parameter in parameters:
        found = [
            name
            for name, value in wanted.items()
            if isinstance(parameter, type(value)) and parameter == value
        ]
        places.append((found[0], None) if found else (None, parameter))
    return tuple(places)

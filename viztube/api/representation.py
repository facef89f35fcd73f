"""Rows on the wire, as their serializer says, at a fraction of what DRF takes for it.

DRF makes the fields of a serializer anew for each answer and asks each field for each row. Here the
fields are looked at once a process: what they read, and what they make of it.
"""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

import orjson
from rest_framework import serializers

from viztube.api.renderers import dumps
from viztube.api.statements import Rows, make

# What these make of a value of their column's type is that value.
AS_IT_IS = (
    serializers.BooleanField,
    serializers.IntegerField,
    serializers.FloatField,
    serializers.UUIDField,
    serializers.ChoiceField,
)

# Rows whose JSON each process keeps, of so many bytes at most: 20 MB if all were that long.
REMEMBERED = 1000
LONG = 4000


class Representation:
    """What a serializer answers for an object, by name.

    For fields that read attributes, and for serializers that need no context.
    """

    def __init__(self, serializer: Any) -> None:
        fields: list[Any] = list(serializer._readable_fields)
        self._names = tuple(field.field_name for field in fields)
        # What reads the object itself reads something that every object has, too.
        sources = [".".join(field.source_attrs) or "__class__" for field in fields]
        self._read = attrgetter(*sources) if len(sources) > 1 else _alone(sources[0])
        self._sources = sources
        self._shown = [
            (place, show)
            for place, field in enumerate(fields)
            if field.source_attrs and (show := _shown(field)) is not None
        ]
        self._whole = [
            (place, _shown(field) or field.to_representation)
            for place, field in enumerate(fields)
            if not field.source_attrs
        ]

    def __call__(self, row: Any) -> dict[str, Any]:
        """Return what is told about an object."""
        # What PostgreSQL put into JSON comes as dictionaries.
        if isinstance(row, dict):
            values = [row[source] for source in self._sources]
        else:
            values = list(self._read(row))
        for place, show in self._shown:
            value = values[place]
            if value is not None:
                values[place] = show(value)
        for place, show in self._whole:
            values[place] = show(row)
        return dict(zip(self._names, values, strict=True))


def represent(kind: Any, row: Any) -> dict[str, Any]:
    """Return an object on the wire, as a class of serializers says."""
    return _representation(kind)(row)


def represent_all(kind: Any, rows: Iterable[Any]) -> list[Any]:
    """Return objects on the wire, in their order; rows of a statement as JSON that is written."""
    if isinstance(rows, Rows):
        record: Any = rows.kind
        writer = _writer(kind, record, rows.names, rows.beside.start, rows.beside.stop)
        return [writer.written(values) for values in rows.values]
    shown = _representation(kind)
    return [shown(row) for row in rows]


class _Writer:
    """Writes rows of the same columns as the same serializer says.

    What it writes of a row follows from the row alone, and what is listed was listed a moment ago
    as a rule: the same rows are written once.
    """

    def __init__(
        self, shown: Representation, record: Any, names: tuple[str, ...], start: int, stop: int
    ) -> None:
        self._shown, self._record = shown, record
        self._names = names[:start] + names[stop:]
        self._start, self._stop = start, stop

    def written(self, values: tuple[Any, ...]) -> orjson.Fragment:
        """Return the JSON of a row."""
        row = values[: self._start] + values[self._stop :]
        try:
            return _remembered(self, row)
        except _TooLong as error:
            return error.json

    def write(self, row: tuple[Any, ...]) -> orjson.Fragment:
        """Return the JSON of a row; raises _TooLong, with it, where it is too long to be kept."""
        text = dumps(self._shown(make(self._record, self._names, [row])[0]))
        json = orjson.Fragment(text)
        if len(text) > LONG:
            raise _TooLong(json)
        return json


class _TooLong(Exception):
    def __init__(self, json: orjson.Fragment) -> None:
        self.json = json


@lru_cache(maxsize=REMEMBERED)
def _remembered(writer: _Writer, row: tuple[Any, ...]) -> orjson.Fragment:
    return writer.write(row)


@lru_cache(maxsize=256)
def _writer(kind: Any, record: Any, names: tuple[str, ...], start: int, stop: int) -> _Writer:
    return _Writer(_representation(kind), record, names, start, stop)


@cache
def shape_of(kind: Callable[[], Any]) -> str:
    """Return what stands for the fields of a serializer, their kinds and where they come from."""
    return repr(_described(kind()))


def _described(field: Any) -> Any:
    if isinstance(field, serializers.ListSerializer):
        return [_described(field.child)]
    kind = type(field).__qualname__
    if isinstance(field, serializers.Serializer):
        return kind, field.source, {name: _described(one) for name, one in field.fields.items()}
    return kind, field.source


@cache
def _representation(kind: Any) -> Representation:
    return Representation(kind())


def _shown(field: Any) -> Callable[[Any], Any] | None:
    """Return what a field makes of a value, None where it is told as it is."""
    if isinstance(field, serializers.ListSerializer):
        one = Representation(field.child)
        return lambda rows: [one(row) for row in rows]
    if isinstance(field, serializers.Serializer):
        return Representation(field)
    if isinstance(field, AS_IT_IS) or _is_plain_text(field):
        return None
    show: Callable[[Any], Any] = field.to_representation
    return show


def _is_plain_text(field: Any) -> bool:
    return (
        isinstance(field, serializers.CharField)
        and type(field).to_representation is serializers.CharField.to_representation
    )


def _alone(source: str) -> Callable[[Any], tuple[Any]]:
    read = attrgetter(source)
    return lambda row: (read(row),)

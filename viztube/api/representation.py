"""Rows on the wire, as their serializer says, at a fraction of what DRF takes for it.

DRF makes the fields of a serializer anew for each answer and asks each field for each row. Here the
fields are looked at once a process: what they read, and what they make of it.
"""

from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from typing import Any

from rest_framework import serializers

# What these make of a value of their column's type is that value.
AS_IT_IS = (
    serializers.BooleanField,
    serializers.IntegerField,
    serializers.FloatField,
    serializers.UUIDField,
    serializers.ChoiceField,
)


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


def represent_all(kind: Any, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Return objects on the wire, in their order."""
    shown = _representation(kind)
    return [shown(row) for row in rows]


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

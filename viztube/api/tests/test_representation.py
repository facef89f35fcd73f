"""What is told about rows is what DRF's serializers tell, for each way a field can be."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
import pytest
from rest_framework import serializers

from viztube.api.renderers import dumps
from viztube.api.representation import represent, represent_all
from viztube.api.serializers import BooleanField, CharField, ModelSerializer, Serializer
from viztube.api.tests.notes import Note


class LoudField(serializers.CharField):
    """A text as a field of its own tells it."""

    def to_representation(self, value: Any) -> str:
        """Return it loud."""
        return super().to_representation(value).upper() + "!"


class PartSerializer(Serializer):
    """Something within."""

    long_name = CharField()
    size = serializers.IntegerField(allow_null=True)


class AloneSerializer(Serializer):
    """One field."""

    size = serializers.IntegerField()


class ThingSerializer(Serializer):
    """A field of each kind."""

    id = serializers.UUIDField()
    title = CharField()
    is_open = BooleanField(allow_null=True)
    number = serializers.IntegerField(source="count")
    ratio = serializers.FloatField()
    state = serializers.ChoiceField(["open", "closed"])
    day = serializers.DateField()
    made_at = serializers.DateTimeField()
    shout = LoudField(source="title")
    owner_name = serializers.CharField(source="owner.name.first")
    deeper = serializers.IntegerField(source="part.size")
    part = PartSerializer()
    parts = PartSerializer(many=True)
    beside = AloneSerializer(source="*")
    both = serializers.SerializerMethodField()
    secret = CharField(write_only=True)

    def get_both(self, thing: Any) -> str:
        return f"{thing.title} {thing.count}"


def thing(**changes: Any) -> Any:
    """Return an object that has all of it."""
    values = {
        "id": UUID(int=7),
        "title": "Ää",
        "is_open": True,
        "count": 2**40,
        "ratio": 0.1,
        "state": "open",
        "day": date(2026, 1, 31),
        "made_at": datetime(2026, 1, 31, 12, 0, 0, 123999, tzinfo=UTC),
        "owner": SimpleNamespace(name=SimpleNamespace(first="Ann")),
        "part": SimpleNamespace(long_name="a", size=None),
        "parts": [SimpleNamespace(long_name=name, size=2) for name in "bc"],
        "size": 5,
        "secret": "hush",
    }
    return SimpleNamespace(**{**values, **changes})


def on_the_wire(data: Any) -> Any:
    return orjson.loads(dumps(data))


EMPTY = ("id", "title", "is_open", "count", "ratio", "state", "day", "made_at", "part", "size")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parts": []},
        {"title": "", "ratio": 0.0, "count": 0, "is_open": False},
        *({name: None} for name in EMPTY if name != "part"),
        {"part": SimpleNamespace(long_name=None, size=0)},
        {"parts": [SimpleNamespace(long_name=None, size=None)]},
        {"owner": SimpleNamespace(name=SimpleNamespace(first=None))},
    ],
    ids=str,
)
def test_an_object_is_told_as_its_serializer_tells_it(changes: dict[str, Any]) -> None:
    row = thing(**changes)

    told = represent(ThingSerializer, row)

    assert on_the_wire(told) == on_the_wire(ThingSerializer(row).data)
    assert list(told) == list(ThingSerializer(row).data)
    assert "hush" not in str(told)


@pytest.mark.parametrize("part", [None, SimpleNamespace(long_name="x", size=1)])
def test_an_object_that_is_not_there_is_none(part: Any) -> None:
    class OneSerializer(Serializer):
        part = PartSerializer(allow_null=True)

    row = SimpleNamespace(part=part)

    assert represent(OneSerializer, row) == on_the_wire(OneSerializer(row).data)


def test_a_serializer_of_one_field_is_told_too() -> None:
    for size in (3, 0, None):
        row = SimpleNamespace(size=size)
        assert represent(AloneSerializer, row) == {"size": size} == AloneSerializer(row).data


def test_what_postgresql_made_an_object_of_json_is_told_by_its_keys() -> None:
    class ListSerializer(Serializer):
        parts = PartSerializer(many=True)

    row = SimpleNamespace(parts=[{"long_name": "a", "size": 1, "more": 2}])

    assert on_the_wire(represent(ListSerializer, row)) == on_the_wire(ListSerializer(row).data)


def test_rows_are_told_in_their_order() -> None:
    rows = [thing(count=number) for number in (3, 1, 2)]

    told = represent_all(ThingSerializer, rows)

    assert on_the_wire(told) == on_the_wire(ThingSerializer(rows, many=True).data)
    assert represent_all(ThingSerializer, []) == []


def test_one_row_leaves_nothing_to_the_next() -> None:
    full, empty = thing(), thing(title=None, parts=[], part=SimpleNamespace(long_name="", size=1))

    for row in (full, empty, full):
        assert on_the_wire(represent(ThingSerializer, row)) == on_the_wire(
            ThingSerializer(row).data
        )


class NoteSerializer(ModelSerializer):
    """A row of a model."""

    class Meta:
        model = Note
        fields = ("id", "title", "stars", "length", "written_at", "read_at")


def test_rows_of_a_model_are_told_as_their_serializer_tells_them(notes: Any) -> None:
    rows = list(notes)

    assert on_the_wire(represent_all(NoteSerializer, rows)) == on_the_wire(
        NoteSerializer(rows, many=True).data
    )


def test_what_an_object_lacks_is_a_mistake() -> None:
    with pytest.raises(AttributeError):
        represent(ThingSerializer, SimpleNamespace(title="x"))

"""What is told about rows is what DRF's serializers tell, for each way a field can be."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
import pytest
from rest_framework import serializers

from viztube.api import representation
from viztube.api.renderers import dumps
from viztube.api.representation import represent, represent_all
from viztube.api.serializers import BooleanField, CharField, ModelSerializer, Serializer
from viztube.api.statements import Record, Rows
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


class PairSerializer(Serializer):
    """A text and whose it is."""

    text = CharField()
    owner = CharField(source="owner.name")


class CountingSerializer(PairSerializer):
    """The same, counted."""

    asked = 0
    loud = serializers.SerializerMethodField()

    def get_loud(self, row: Any) -> str:
        type(self).asked += 1
        return f"{row.text}!"


def rows_of(*texts: str, total: int = 9) -> Rows[Record]:
    """Return rows as a list has them: with the number of all between their own columns."""
    values = [(text, total, f"owner of {text[:9]}") for text in texts]
    return Rows(Record, ("text", "total", "owner__name"), values, slice(1, 2))


def test_rows_of_a_statement_are_told_as_others_are() -> None:
    rows = rows_of("a", "b", "a")

    told = represent_all(PairSerializer, rows)

    assert on_the_wire(told) == on_the_wire(PairSerializer(list(rows), many=True).data)
    assert on_the_wire(told[1:]) == on_the_wire(represent_all(PairSerializer, rows[1:]))
    assert [rows[0].text, rows[-1].owner.name] == ["a", "owner of a"]


def test_a_row_is_written_once_however_many_there_are() -> None:
    for total in (1, 2):
        told = represent_all(CountingSerializer, rows_of("once", "twice", total=total))
        assert [one["loud"] for one in on_the_wire(told)] == ["once!", "twice!"]
    assert CountingSerializer.asked == 2

    other = Rows(Record, ("text", "owner__name"), [("once", "another")], slice(1, 1))
    (told_of_another,) = on_the_wire(represent_all(CountingSerializer, other))
    assert told_of_another["owner"] == "another"


def test_what_is_long_is_told_but_not_kept() -> None:
    kept = representation._remembered.cache_info().currsize
    long = "x" * representation.LONG
    told = represent_all(PairSerializer, rows_of(long, long))

    assert [one["text"] for one in on_the_wire(told)] == [long, long]
    assert representation._remembered.cache_info().currsize == kept


def test_what_an_object_lacks_is_a_mistake() -> None:
    with pytest.raises(AttributeError):
        represent(ThingSerializer, SimpleNamespace(title="x"))

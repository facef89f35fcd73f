"""Names, times, ids and JSON as they go over the wire."""

import time
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from rest_framework import serializers

from viztube.api.ids import uuid7
from viztube.api.names import camelize
from viztube.api.renderers import JSONRenderer, dumps
from viztube.api.responses import ok
from viztube.api.serializers import ModelSerializer, Serializer, TimeField


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("id", "id"),
        ("created_at", "createdAt"),
        ("video_file_public_id", "videoFilePublicId"),
        ("createdAt", "createdAt"),
        ("created_at__gte", "createdAtGte"),
        ("_count", "_count"),
        ("_hidden_name", "_hiddenName"),
        ("sha256_hex2dec", "sha256Hex2dec"),
        ("", ""),
        ("_", "_"),
    ],
)
def test_names_are_camel_case_outside(inside: str, outside: str) -> None:
    assert camelize(inside) == outside


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 31, 12, 0, tzinfo=UTC), "2026-01-31T12:00:00.000Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 123999, tzinfo=UTC), "2026-01-31T12:00:00.123Z"),
        (
            datetime(2026, 1, 31, 1, 0, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-30T23:00:00.000Z",
        ),
    ],
)
def test_times_are_utc_with_milliseconds_and_z(value: datetime, text: str) -> None:
    assert TimeField().to_representation(value) == text


class PersonSerializer(Serializer):
    """A person."""

    full_name = serializers.CharField()
    nick_name = serializers.CharField(source="full_name", required=False)
    initial_letter = serializers.SerializerMethodField()
    last_letter = serializers.SerializerMethodField(method_name="final")
    age = serializers.IntegerField(required=False)

    def get_initial_letter(self, person: Any) -> str:
        return str(person.full_name[0])

    def final(self, person: Any) -> str:
        return str(person.full_name[-1])


def test_a_serializer_speaks_camel_case_in_both_directions() -> None:
    shown = PersonSerializer(SimpleNamespace(full_name="Ada", age=36)).data
    assert shown == {
        "fullName": "Ada",
        "nickName": "Ada",
        "initialLetter": "A",
        "lastLetter": "a",
        "age": 36,
    }

    form = PersonSerializer(data={"fullName": "Bob"})
    assert form.is_valid()
    assert form.validated_data == {"full_name": "Bob"}


def test_mistakes_are_reported_under_the_name_on_the_wire() -> None:
    form = PersonSerializer(data={"full_name": "Bob"})

    assert not form.is_valid()
    assert list(form.errors) == ["fullName"]


class SessionSerializer(ModelSerializer):
    """A model with a time."""

    class Meta:
        model = Session
        fields = ("session_key", "expire_date")


class PermissionSerializer(ModelSerializer):
    """A model with a foreign key."""

    class Meta:
        model = Permission
        fields = ("name", "content_type_id")


def test_a_model_serializer_names_and_formats_the_same_way() -> None:
    session = Session(session_key="k", expire_date=datetime(2026, 1, 31, tzinfo=UTC))

    assert SessionSerializer(session).data == {
        "sessionKey": "k",
        "expireDate": "2026-01-31T00:00:00.000Z",
    }
    assert SessionSerializer(Session(session_key="k")).data["expireDate"] is None
    assert PermissionSerializer(Permission(name="x", content_type_id=7)).data == {
        "name": "x",
        "contentTypeId": 7,
    }


class MemberSerializer(ModelSerializer):
    """A model with texts and truth values."""

    class Meta:
        model = get_user_model()
        fields = ("fullname", "email", "is_staff")


@pytest.mark.parametrize(("field", "value"), [("fullname", 5), ("isStaff", 1), ("isStaff", "yes")])
def test_a_model_serializer_takes_the_types_of_json_alone(field: str, value: Any) -> None:
    body = {"fullname": "Ada", "email": "ada@example.org", "isStaff": True}

    form = MemberSerializer(data={**body, field: value})

    assert form.fields[field].run_validation(body[field]) == body[field]
    with pytest.raises(serializers.ValidationError):
        form.fields[field].run_validation(value)


def test_ids_are_version_7_and_sort_by_time() -> None:
    before = time.time_ns() // 1_000_000
    ids = [uuid7() for _ in range(1000)]

    assert all(type(one) is UUID and one.version == 7 for one in ids)
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)
    assert before <= ids[0].int >> 80 <= before + 10_000


def test_anything_unusual_becomes_text() -> None:
    key = uuid7()

    assert orjson.loads(dumps({"id": key, 7: SimpleNamespace})) == {
        "id": str(key),
        "7": str(SimpleNamespace),
    }


def test_an_answer_without_data_has_no_body() -> None:
    assert JSONRenderer().render(None) == b""
    assert JSONRenderer().render({"a": "é"}) == '{"a":"é"}'.encode()


def test_success_without_data_is_the_empty_object() -> None:
    assert ok().data == {"statusCode": 200, "data": {}, "message": "OK", "success": True}
    assert ok([], status=201, pagination={"page": 1}).data == {
        "statusCode": 201,
        "data": [],
        "message": "OK",
        "success": True,
        "pagination": {"page": 1},
    }

"""Serializer base: camelCase on the wire, times in milliseconds, messages in our words.

Names are translated once, when a serializer's fields are built, so an answer costs nothing more.
"""

from datetime import datetime
from typing import Any

from django.db import models
from rest_framework import serializers

from viztube.api.names import camelize
from viztube.api.times import wire_time


class TimeField(serializers.DateTimeField):
    """ISO 8601 in UTC with milliseconds and ``Z``, like ``2026-01-31T12:00:00.000Z``."""

    def to_representation(self, value: datetime) -> str:
        """Return the text of a time."""
        return wire_time(value)


class CamelCaseMixin:
    """Rename every field to camelCase; its source stays the attribute's own name."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields under their names on the wire."""
        fields: dict[str, Any] = super().get_fields()  # type: ignore[misc]
        renamed = {}
        for name, field in fields.items():
            wire = camelize(name)
            if wire != name:
                if isinstance(field, serializers.SerializerMethodField):
                    field.method_name = field.method_name or f"get_{name}"
                elif field.source is None:
                    field.source = name
            renamed[wire] = field
        return renamed


class Serializer(CamelCaseMixin, serializers.Serializer[Any]):
    """A plain serializer in the API's names."""


class ModelSerializer(CamelCaseMixin, serializers.ModelSerializer[Any]):
    """A model serializer in the API's names and times."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: TimeField,
    }

"""Serializer base: camelCase on the wire, times in milliseconds, types as JSON has them.

Names are translated once, when a serializer's fields are built, so an answer costs nothing more.
"""

from datetime import datetime
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.utils import html

from viztube.api.names import camelize
from viztube.api.shapes import EMAIL, NOT_BLANK, TEXT
from viztube.api.times import wire_time


class TextMixin:
    """Text is a JSON string; DRF would take numbers too. What a form sends is always text.

    ``pattern`` is what OpenAPI says about texts that are taken.
    """

    pattern: str | None = None

    def to_internal_value(self, data: Any) -> str:
        """Return the text; refuses what is none."""
        if not isinstance(data, str):
            self.fail("invalid")  # type: ignore[attr-defined]
        value: str = super().to_internal_value(data)  # type: ignore[misc]
        return value

    def documented(self) -> dict[str, Any]:
        """Return what OpenAPI says about this field in a request."""
        field: Any = self
        blank_refused = field.trim_whitespace and not field.allow_blank
        return {"pattern": self.pattern or (NOT_BLANK if blank_refused else TEXT)}


class CharField(TextMixin, serializers.CharField):
    """A text."""


class EmailField(TextMixin, serializers.EmailField):
    """An e-mail address."""

    pattern = EMAIL


class BooleanField(serializers.BooleanField):
    """True or false; only in a form, which has nothing but texts, also a word for it."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the truth value; refuses numbers and, in JSON, words."""
        from_form = html.is_html_input(getattr(self.root, "initial_data", None))
        if not isinstance(data, str if from_form else bool):
            self.fail("invalid", input=data)
        return super().to_internal_value(data)


class IdField(serializers.UUIDField):
    """An id as text; DRF would take numbers too."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the id; refuses what is no text."""
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class ListField(serializers.ListField):
    """A list; a form repeats the name for each item.

    DRF would read ``name[0]``, too, and fails at an index of thousands of digits.
    """

    def get_value(self, dictionary: Any) -> Any:
        """Return what was sent, empty when nothing was."""
        if not html.is_html_input(dictionary):
            return super().get_value(dictionary)
        return dictionary.getlist(self.field_name) or serializers.empty


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

    def alternatives(self) -> list[dict[str, Any]]:
        """Return JSON schemas of which a body must match one; none unless a subclass has some."""
        return []


class ChangesSerializer(Serializer):
    """Changes to something: any of its fields, but at least one."""

    def alternatives(self) -> list[dict[str, Any]]:
        """Require one of the fields."""
        return [{"required": [name]} for name in self.fields]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require something to change."""
        if not attrs:
            *names, last = self.fields
            raise serializers.ValidationError(
                f"Send at least one of {', '.join(names)} and {last}."
            )
        return attrs


# What DRF would build for a model's fields, and what we have instead.
_OURS: dict[type, type] = {
    serializers.CharField: CharField,
    serializers.EmailField: EmailField,
    serializers.BooleanField: BooleanField,
    serializers.DateTimeField: TimeField,
}


class ModelSerializer(CamelCaseMixin, serializers.ModelSerializer[Any]):
    """A model serializer in the API's names, times and types."""

    serializer_field_mapping: ClassVar[Any] = {
        column: _OURS.get(field, field)
        for column, field in serializers.ModelSerializer.serializer_field_mapping.items()
    }

"""What OpenAPI says about the body of a request, by the way it is sent.

JSON has types but no files; a form has files but nothing else than texts, and in it a blank text
for something optional counts as not sent.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from rest_framework import serializers

from viztube.api.serializers import Serializer

JSON = "application/json"
MULTIPART = "multipart/form-data"

Schema = dict[str, Any]

_WORDS = sorted(
    word
    for word in serializers.BooleanField.TRUE_VALUES | serializers.BooleanField.FALSE_VALUES
    if isinstance(word, str)
)
_BLANK = {"type": "string", "maxLength": 0}


def describe_fields(serializer: serializers.BaseSerializer[Any], schema: Schema) -> None:
    """Add to the schema of a request what its fields and the serializer say themselves."""
    for name, field in _fields(serializer).items():
        documented = getattr(field, "documented", None)
        if name in schema["properties"] and documented is not None:
            schema["properties"][name].update(documented())
    if isinstance(serializer, Serializer) and (alternatives := serializer.alternatives()):
        schema["anyOf"] = alternatives


def sent_as(media_type: str, serializer: Any, schema: Schema) -> tuple[str, Schema]:
    """Return the schema of a body for one way to send it, and what to add to its name."""
    fields = _fields(serializer)
    files = {name for name, field in fields.items() if isinstance(field, serializers.FileField)}
    absent = set() if media_type == MULTIPART else files
    sent = deepcopy(schema)
    for name in absent:
        del sent["properties"][name]
    if "anyOf" in schema:
        sent["anyOf"] = [one for one in sent["anyOf"] if not absent & set(one["required"])]
    if media_type == JSON:
        return "Json", sent
    for name in set(sent["properties"]) - set(schema.get("required", ())) - files:
        if getattr(fields[name], "allow_blank", False):
            continue
        given = sent["properties"][name]
        rest = {key: given.pop(key) for key in ("default", "description") if key in given}
        if isinstance(fields[name], serializers.BooleanField):
            given = {"anyOf": [given, {"type": "string", "enum": _WORDS}]}
        sent["properties"][name] = {**rest, "anyOf": [given, _BLANK]}
        for one in sent.get("anyOf", ()):
            if name in one["required"]:
                one.setdefault("properties", {name: given})
    return "Multipart" if files and not absent else "Form", sent


def encoding(serializer: Any) -> dict[str, dict[str, str]]:
    """Return the types of the files in a multipart body, as OpenAPI has them."""
    return {
        name: {"contentType": ", ".join(field.media_types)}
        for name, field in _fields(serializer).items()
        if hasattr(field, "media_types")
    }


def _fields(serializer: Any) -> Mapping[str, Any]:
    return getattr(serializer, "fields", {})

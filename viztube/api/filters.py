"""Query parameters of lists: django-filter, with errors and NUL bytes handled."""

from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from django_filters import rest_framework as filters
from drf_spectacular.drainage import set_override

from viztube.api.names import camelize
from viztube.api.shapes import TEXT


class FilterSet(filters.FilterSet):
    """A FilterSet whose parameters are camelCase."""

    @classmethod
    def get_filters(cls) -> Any:
        """Return the filters under their names on the wire."""
        return {camelize(name): one for name, one in super().get_filters().items()}


class TextFilter(filters.CharFilter):
    """A text parameter without NUL bytes, which PostgreSQL cannot be asked about."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("validators", [ProhibitNullCharactersValidator()])
        super().__init__(*args, **kwargs)
        length = {"maxLength": kwargs["max_length"]} if "max_length" in kwargs else {}
        _document(self, {"type": "string", "pattern": TEXT, **length})


class ChoiceFilter(filters.ChoiceFilter):
    """A parameter with a few values; a blank one counts as not given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [name for name, _ in kwargs["choices"]]
        _document(self, {"type": "string", "enum": [*names, ""]})


def _document(parameter: filters.Filter, schema: dict[str, Any]) -> None:
    """Say what OpenAPI shall say about a parameter."""
    described = {**schema, "description": parameter.label} if parameter.label else schema
    set_override(parameter, "field", described)

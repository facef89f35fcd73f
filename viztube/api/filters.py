"""Query parameters of lists: django-filter, with errors and NUL bytes handled."""

from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from django_filters import rest_framework as filters

from viztube.api.names import camelize


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

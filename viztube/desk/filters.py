"""Filters of lists on the desk; each narrows a list down by a column that has an index."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RadioFilter,
    RangeDateFilter,
)
from unfold.utils import parse_date_str

__all__ = [
    "AutocompleteSelectFilter",
    "BooleanRadioFilter",
    "ChoicesDropdownFilter",
    "DaysFilter",
    "RadioFilter",
    "SetFilter",
    "set_filter",
]


class DaysFilter(RangeDateFilter):  # type: ignore[misc]
    """From one day to another, both included, in UTC."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of these days."""
        first, last = self._day(request, "from"), self._day(request, "to")
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": _start_of(first)})
        if last and last < date.max:
            following = _start_of(last + timedelta(days=1))
            queryset = queryset.filter(**{f"{self.field_path}__lt": following})
        return queryset

    def _day(self, request: HttpRequest, end: str) -> date | None:
        typed = self.used_parameters.get(f"{self.parameter_name}_{end}")
        if not typed:
            return None
        day: date | None = parse_date_str(typed)
        if day is None:
            messages.warning(request, f"{typed!r} is no date: write it like 2026-12-31.")
        return day


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


class SetFilter(RadioFilter):  # type: ignore[misc]
    """Whether a column that is null for most rows has a value."""

    column: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("1", "Yes"), ("0", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with or without a value."""
        if self.value() not in {"0", "1"}:
            return queryset
        return queryset.filter(**{f"{self.column}__isnull": self.value() == "0"})


def set_filter(column: str, title: str) -> type[SetFilter]:
    """Return a filter by whether a column has a value."""
    attributes = {"column": column, "title": title, "parameter_name": f"{column}_set"}
    return type("ColumnSetFilter", (SetFilter,), attributes)

"""Pages of lists that may be long: read in the order of an index, counted up to a bound."""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

MOST = 10_000  # rows


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first ``MOST`` rows: whoever wants others searches or filters."""

    template_name = "desk/pagination.html"

    @cached_property
    def counted(self) -> int:
        """Return how many rows there are, but no more than ``MOST`` and one.

        They are counted in the order of the list, so that the index of that order is read and
        nothing else.
        """
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows[: MOST + 1].count()

    @cached_property
    def count(self) -> int:
        """Return how many rows there are to turn pages through."""
        return min(self.counted, MOST)

    @property
    def has_more(self) -> bool:
        """Tell whether there are rows beyond."""
        return self.counted > MOST


class DeskChangeList(ChangeList):  # type: ignore[misc]
    """A list in the order of its index, from one end or the other."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.search_help_text = self.model_admin.get_search(request).help

    def get_results(self, request: HttpRequest) -> None:
        """Read the page; a value in its address that the database cannot compare leads back."""
        try:
            super().get_results(request)
        except (DataError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error
        if not (self.query or self.has_active_filters):
            # Else unfold offers beside the title to show all, and calls the bound their number.
            self.full_result_count = self.result_count

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        """Return the order of the list, turned round if that is asked for.

        Django's own obeys whatever column an address names, and adds the order of the list behind
        it, for which no index is made.
        """
        own: list[str] = list(self.model_admin.get_ordering(request))
        first = super().get_ordering(request, queryset)[0]
        return [_reversed(name) for name in own] if first == _reversed(own[0]) else own


def _reversed(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"

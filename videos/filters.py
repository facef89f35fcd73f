"""Query parameters of the video list."""

import re
from typing import Any

from django.http import QueryDict

from videos.models import Video
from videos.querysets import SORT_FIELDS, VideoQuerySet
from viztube.api.errors import FieldError
from viztube.api.filters import ChoiceFilter, FilterSet, TextFilter
from viztube.api.ids import id_or_404
from viztube.api.pagination import PagePagination

QUERY_LENGTH = 200  # characters

# The pages of the list that many ask for: nobody shall fill the cache with the others.
FIRST_PAGES = frozenset(map(str, range(1, 5)))
SHORT_PAGES = frozenset(map(str, range(1, 26)))  # rows

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def first_page(query: QueryDict) -> str | None:
    """Return a name for one of the first pages of the list, None for any other.

    What is not written as plainly as almost everybody does, or is not valid, has none.
    """
    given: dict[str, Any] = query.dict()
    page = given.pop("page", "1")
    limit = given.pop("limit", str(PagePagination.default_limit))
    sort = given.pop("sortBy", "") or "createdAt"
    direction = given.pop("sortType", "") or "desc"
    owner = given.pop("userId", "")
    if given or sort == "relevance" or sort not in SORT_FIELDS or direction not in {"asc", "desc"}:
        return None
    if page not in FIRST_PAGES or limit not in SHORT_PAGES:
        return None
    if owner and not _ID.fullmatch(owner):
        return None
    return f"{sort} {direction} {limit} {page} {owner}"


class VideoFilter(FilterSet):
    """``?query&userId&sortBy&sortType``."""

    query = TextFilter(method="search", max_length=QUERY_LENGTH, label="Words to find.")
    user_id = TextFilter(method="of_user", label="Only this person's videos.")
    sort_by = ChoiceFilter(
        choices=[(name, name) for name in SORT_FIELDS], method="ignore", label="Default createdAt."
    )
    sort_type = ChoiceFilter(
        choices=[("asc", "asc"), ("desc", "desc")], method="ignore", label="Default desc."
    )

    class Meta:
        model = Video
        fields: tuple[str, ...] = ()

    def search(self, queryset: VideoQuerySet, name: str, value: str) -> VideoQuerySet:
        """Find words and parts of words."""
        return queryset.search(value)

    def of_user(self, queryset: VideoQuerySet, name: str, value: str) -> VideoQuerySet:
        """Keep one person's videos; a malformed id is 404 like an unknown one."""
        return queryset.filter(user_id=id_or_404(value))

    def ignore(self, queryset: VideoQuerySet, name: str, value: str) -> VideoQuerySet:
        """Leave the order to the end: it needs three parameters at once."""
        return queryset

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter, then sort."""
        videos: Any = super().filter_queryset(queryset)
        values = self.form.cleaned_data
        sort = values["sortBy"] or "createdAt"
        if sort == "relevance" and not values["query"]:
            raise FieldError("sortBy", "relevance needs a query")
        descending = values["sortType"] != "asc"
        return videos.sorted_by(sort, descending=descending, text=values["query"])

"""Query parameters of the video list."""

import re
from functools import cache
from typing import Any

from django.http import QueryDict
from django_filters.utils import translate_validation

from videos.models import Video
from videos.querysets import SORT_FIELDS, VideoQuerySet
from viztube.api import pagination
from viztube.api.errors import FieldError
from viztube.api.filters import ChoiceFilter, FilterSet, TextFilter
from viztube.api.ids import id_or_404
from viztube.api.statements import Word

QUERY_LENGTH = 200  # characters

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def first_page(query: QueryDict) -> str | None:
    """Return a name for one of the first pages of the list, None for any other.

    What is not written as plainly as almost everybody does, or is not valid, has none.
    """
    given: dict[str, Any] = query.dict()
    page = pagination.first_page(given)
    sort = given.pop("sortBy", "") or "createdAt"
    direction = given.pop("sortType", "") or "desc"
    owner = given.pop("userId", "")
    text = given.pop("query", "")
    if given or sort not in SORT_FIELDS or direction not in {"asc", "desc"}:
        return None
    if page is None or len(text) > QUERY_LENGTH or (owner and not _ID.fullmatch(owner)):
        return None
    return f"{sort} {direction} {' '.join(page)} {owner} {text}"


class VideoFilter(FilterSet):
    """``?query&userId&sortBy&sortType``."""

    query = TextFilter(method="ignore", max_length=QUERY_LENGTH, label="Words to find.")
    user_id = TextFilter(method="ignore", label="Only this person's videos.")
    sort_by = ChoiceFilter(
        choices=[(name, name) for name in SORT_FIELDS], method="ignore", label="Default createdAt."
    )
    sort_type = ChoiceFilter(
        choices=[("asc", "asc"), ("desc", "desc")], method="ignore", label="Default desc."
    )

    class Meta:
        model = Video
        fields: tuple[str, ...] = ()

    def ignore(self, queryset: VideoQuerySet, name: str, value: str) -> VideoQuerySet:
        """Filter nothing: the order needs three parameters at once."""
        return queryset


@cache
def _form() -> Any:
    """Return the class of their form, which django-filter would make each time."""
    return VideoFilter(queryset=Video.objects.none()).get_form_class()


def wanted(query: QueryDict) -> dict[str, Any]:
    """Return the arguments of the list of videos that is asked for.

    Raises ValidationError and FieldError (400); ApiError (404) for a malformed id, as for an
    unknown one.
    """
    form = _form()(query)
    if not form.is_valid():
        raise translate_validation(form.errors)  # type: ignore[misc] # it has no types
    values = form.cleaned_data
    sort, text, owner = values["sortBy"] or "createdAt", values["query"], values["userId"]
    if sort == "relevance" and not text:
        raise FieldError("sortBy", "relevance needs a query")
    asked: dict[str, Any] = {"sort": Word(sort), "descending": values["sortType"] != "asc"}
    if text:
        asked["text"] = text
    if owner:
        asked["owner"] = id_or_404(owner)
    return asked

"""Query parameters of the video list."""

from typing import Any

from videos.models import Video
from videos.querysets import SORT_FIELDS, VideoQuerySet
from viztube.api.errors import FieldError
from viztube.api.filters import ChoiceFilter, FilterSet, TextFilter
from viztube.api.ids import id_or_404

QUERY_LENGTH = 200  # characters


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

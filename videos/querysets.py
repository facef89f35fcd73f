"""Reads of videos: who may see which, and one method a screen."""

from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db import models
from django.db.models import Count, F, FloatField, OuterRef, Q, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Left, Lower, Upper

from users.models import User
from users.querysets import in_good_standing

SEARCH_CONFIG = "english"
TITLE_SORT_LENGTH = 200
# sortBy on the wire -> what to order by; title is an expression because an index entry is bounded.
SORT_FIELDS = {
    "createdAt": "created_at",
    "views": "views",
    "duration": "duration",
    "title": "title_sort",
    "relevance": "relevance",
}


def title_sort() -> Combinable:
    """Return what titles are sorted by, whatever their case and length."""
    return Lower(Left("title", TITLE_SORT_LENGTH))


def _public() -> Q:
    """Return the condition under which everyone may see a video."""
    return Q(in_good_standing("user__"), is_published=True, removed_at=None)


def _words(text: str) -> SearchQuery:
    """Return the text as words to find, in the language the search column was made with."""
    return SearchQuery(text, config=SEARCH_CONFIG)


class VideoQuerySet(models.QuerySet[Any]):
    """Reads of videos."""

    def published(self) -> Self:
        """Return what everyone may see: for lists, search, counts and shared caches."""
        return self.filter(_public())

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Return what this person may see: besides, one's own; staff see everything."""
        if not isinstance(user, User):
            return self.published()
        if user.is_staff:
            return self.all()
        return self.filter(_public() | Q(user=user))

    def misplaced(self) -> Self:
        """Return videos whose files do not follow their owner's standing.

        A union, so that each part has its index: the videos of those few who are not in good
        standing, and those few videos that only their owner's standing may keep hidden.
        """
        good = in_good_standing("user__")
        public = self.filter(~good, folder__startswith="p/")
        hidden = self.filter(good, folder__startswith="h/", is_published=True, removed_at=None)
        return public.union(hidden, all=True)

    def locked(self) -> Self:
        """Lock the rows and read their owners along."""
        return self.select_for_update(of=("self",)).select_related("user")

    def with_details(self) -> Self:
        """Add what an answer shows besides the row: its owner and the views not folded yet."""
        from videos.models import ViewEvent

        pending = (
            ViewEvent.objects.filter(video=OuterRef("pk"))
            .order_by()
            .values("video")
            .annotate(count=Count("*"))
            .values("count")
        )
        return self.select_related("user").annotate(pending_views=Coalesce(Subquery(pending), 0))

    def search(self, text: str) -> Self:
        """Return videos whose title or description has the text, its words, or nearly its title.

        Case is ignored, and no character has a meaning of its own: not ``%`` and ``_``, not the
        quotes and minus signs of web search engines. Each part has its index.
        """
        return self.alias(title_upper=Upper("title")).filter(
            Q(search=_words(text))
            | Q(title__icontains=text)
            | Q(description__icontains=text)
            | Q(title_upper__trigram_word_similar=text.upper())
        )

    def sorted_by(self, sort: str, *, descending: bool, text: str = "") -> Self:
        """Order by a field of ``SORT_FIELDS`` and then by id, so that the order is total."""
        videos = self
        if sort == "title":
            videos = videos.annotate(title_sort=title_sort())
        if sort == "relevance":
            rank = SearchRank(F("search"), _words(text)) + TrigramWordSimilarity(text, "title")
            # As double precision: a cursor must give back the very same number.
            videos = videos.annotate(relevance=Cast(rank, FloatField()))
        sign = "-" if descending else ""
        return videos.order_by(f"{sign}{SORT_FIELDS[sort]}", f"{sign}id")


class VideoManager(models.Manager.from_queryset(VideoQuerySet)):  # type: ignore[misc]
    """Leaves the search column in the database: nobody reads it, and it is as long as the texts."""

    def get_queryset(self) -> VideoQuerySet:
        """Return videos without their search column."""
        return super().get_queryset().defer("search")  # type: ignore[no-any-return]

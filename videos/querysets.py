"""Reads of videos: who may see which, and one method a screen."""

from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.lookups import TrigramWordSimilar
from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db import models
from django.db.models import F, FilteredRelation, FloatField, Func, OuterRef, Q, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, JSONObject, Left, Lower, Upper

from users.models import User
from users.querysets import in_good_standing, seen_by
from viztube.api.errors import not_found
from viztube.api.querysets import CountOf, rows_behind, whether
from viztube.media.paths import FOLDER_PATTERN

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

# What a rendition shows.
RENDITION = ("height", "width", "bitrate", "codecs")

# What with_details() adds.
DETAILS = ("pending_views", "likes_count", "comments_count", "is_liked", "renditions_json")
# What with_presence() adds.
PRESENCE = ("pending_views", "is_liked", "subscribers_count", "is_subscribed")


def title_sort() -> Combinable:
    """Return what titles are sorted by, whatever their case and length."""
    return Lower(Left("title", TITLE_SORT_LENGTH))


def public_video(prefix: str = "") -> Q:
    """Return the condition under which everyone may see a video.

    ``prefix`` leads to the video from another model, like ``video__``.
    """
    itself = Q(**{f"{prefix}is_published": True, f"{prefix}removed_at": None})
    return in_good_standing(f"{prefix}user__") & itself


def visible_video(user: User | AnonymousUser, prefix: str = "") -> Q:
    """Return the condition under which a person may see a video."""
    return seen_by(user, public_video(prefix), f"{prefix}user")


def _words(text: str) -> SearchQuery:
    """Return the text as words to find, in the language the search column was made with."""
    return SearchQuery(text, config=SEARCH_CONFIG)


def has_words(text: str) -> Q:
    """Return the condition that a video has the words of a text, in any form and order."""
    return Q(search=_words(text))


def matches(text: str) -> Q:
    """Return the condition that a title or description has the text, or its words, or nearly.

    Case is ignored, and no character has a meaning of its own: not ``%`` and ``_``, not the
    quotes and minus signs of web search engines. Each part has its index.
    """
    # As an expression, so that PostgreSQL makes of it what has to be made of it.
    given = Value(text)
    return (
        has_words(text)
        | Q(title__icontains=given)
        | Q(description__icontains=given)
        | Q(TrigramWordSimilar(Upper("title"), Upper(given)))
    )


def _as_json(rows: models.QuerySet[Any, Any]) -> Combinable:
    """Return rows as the text of a JSON array: hardly anybody needs more of them than that."""
    return Cast(Func(ArraySubquery(rows), function="to_json"), models.TextField())


class VideoQuerySet(models.QuerySet[Any]):
    """Reads of videos."""

    def published(self) -> Self:
        """Return what everyone may see: for lists, search, counts and shared caches."""
        return self.filter(public_video())

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Return what this person may see."""
        return self.filter(visible_video(user))

    def misplaced(self) -> Self:
        """Return videos whose files do not follow their owner's standing.

        A union, so that each part has its index: the videos of those few who are not in good
        standing, and those few videos that only their owner's standing may keep hidden.
        """
        good = in_good_standing("user__")
        public = self.filter(~good, folder__startswith="p/")
        hidden = self.filter(good, folder__startswith="h/", is_published=True, removed_at=None)
        return public.union(hidden, all=True)

    def unmoved(self) -> Self:
        """Return videos with a file on Cloudinary that has another id than its address says."""
        condition = Q()
        for slot in ("video", "thumbnail"):
            address, public_id = f"{slot}_file", f"{slot}_public_id"
            condition |= (
                ~Q(**{public_id: ""})
                & Q(**{f"{address}__regex": f"/{FOLDER_PATTERN}/"})
                & ~Q(**{f"{address}__contains": F(public_id)})
            )
        return self.filter(condition)

    def miscounted(self) -> Self:
        """Return videos whose total of views is not the sum of their days; there should be none.

        In one statement, so that views that are folded meanwhile are in both or in neither.
        """
        counted = Coalesce(Sum("daily_views__views"), 0, output_field=models.BigIntegerField())
        return self.annotate(counted=counted).exclude(views=F("counted")).order_by("pk")

    def locked(self) -> Self:
        """Lock the rows and read their owners along."""
        return self.select_for_update(of=("self",)).select_related("user")

    def with_details(self, viewer: User | AnonymousUser) -> Self:
        """Add what an answer shows besides the row: owner, counts, and whether the viewer likes it.

        ``is_liked`` is None for who is signed out.
        """
        from videos.models import Video, ViewEvent

        likes = rows_behind(Video, "likes")
        return self.select_related("user").annotate(
            pending_views=CountOf(ViewEvent.objects.filter(video=OuterRef("pk"))),
            likes_count=CountOf(likes),
            comments_count=CountOf(rows_behind(Video, "comments").published()),
            is_liked=whether(viewer, likes, "user"),
            renditions_json=_as_json(
                rows_behind(Video, "renditions")
                .order_by("height")
                .values(one=JSONObject(**{name: name for name in RENDITION}))
            ),
        )

    def add_details(self, video: Any, viewer: User | AnonymousUser) -> Any:
        """Give a row that is there already its counts; raises ApiError (404) when it is gone."""
        counted = self.filter(pk=video.pk).with_details(viewer).values(*DETAILS).first()
        if counted is None:
            raise not_found()
        for name, value in counted.items():
            setattr(video, name, value)
        return video

    def with_presence(self, viewer: User | AnonymousUser) -> Self:
        """Add what one video's page shows as it is now: views, and what the viewer has done."""
        from videos.models import Video, ViewEvent

        subscribers = rows_behind(User, "subscribers", of="user_id")
        return self.annotate(
            pending_views=CountOf(ViewEvent.objects.filter(video=OuterRef("pk"))),
            is_liked=whether(viewer, rows_behind(Video, "likes"), "user"),
            subscribers_count=CountOf(subscribers),
            is_subscribed=whether(viewer, subscribers, "subscriber"),
        )

    def watched_by(self, user: User) -> Self:
        """Return a person's history, what was watched last first."""
        entry = FilteredRelation("history_entries", condition=Q(history_entries__user=user))
        return (
            self.alias(entry=entry)
            .filter(entry__isnull=False)
            .annotate(watched_at=F("entry__watched_at"), entry_id=F("entry__pk"))
            .order_by("-watched_at", "-entry_id")
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

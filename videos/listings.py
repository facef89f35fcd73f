"""The lists of videos, as they are asked for all the time."""

import re
from collections.abc import Callable
from typing import Any

import orjson
from django.contrib.auth.models import AnonymousUser

from users.models import User
from videos.cards import CARD, CARD_COLUMNS, KNOWN, UNKNOWN
from videos.models import Video
from videos.querysets import VideoQuerySet, has_words, matches
from videos.records import COLUMNS, VideoRecord
from viztube.api.listings import Listing, Search
from viztube.api.querysets import as_array, one_of, rows_behind, rows_of, whether
from viztube.api.statements import Record, Statement


def _found(
    *,
    viewer: User | AnonymousUser,
    sort: str,
    descending: bool,
    text: str | None = None,
    owner: Any = None,
) -> VideoQuerySet:
    """Return the videos to list; a text is only what they are sorted by: ``Search`` finds it."""
    videos: VideoQuerySet = Video.objects.published().with_details(viewer)
    if owner is not None:
        videos = videos.filter(user_id=owner)
    return videos.sorted_by(sort, descending=descending, text=text or "")


def _counted(*, owner: Any = None, **_: Any) -> VideoQuerySet:
    """Return what everyone may see without a look at each owner: the hidden ones are few."""
    videos: VideoQuerySet = Video.objects.filter(is_published=True, removed_at=None)
    videos = videos.exclude(user__in=User.objects.hidden())
    return videos if owner is None else videos.filter(user_id=owner)


_SEARCH = Search(matches, surely=has_words, counted=_counted, unindexed="relevance")

# Of everyone, and of one person, whom the arguments then name.
VIDEOS = Listing(VideoRecord, COLUMNS, _found, search=_SEARCH)
VIDEOS_OF = Listing(
    VideoRecord,
    COLUMNS,
    _found,
    of=lambda owner, **_: User.objects.channels().filter(pk=owner),
    search=_SEARCH,
)

WATCHED = Listing(
    Record,
    CARD_COLUMNS,
    lambda viewer: (
        Video.objects.visible_to(viewer)
        .watched_by(viewer)
        .annotate(card=CARD, is_liked=whether(viewer, rows_behind(Video, "likes"), "user"))
    ),
)


# The ids of the things in a list; whose they are stands within them, as an object of its own. It
# begins with plain text, which is found several times as fast as a choice of letters.
_IDS = re.compile(rb'{"id":"(?<=[\[,]{"id":")([^"]+)"')


def liked_by(column: str) -> Callable[[list[str], User], set[str]]:
    """Return what tells which of some things a person likes: in one query, in none for no things.

    ``column`` is that of the likes which refers to such things.
    """
    likes = Statement(
        lambda viewer, ids: (
            rows_of(Video, "likes").filter(one_of(column, ids), user=viewer).values(column)
        )
    )

    def liked_among(ids: list[str], viewer: User) -> set[str]:
        rows = likes.rows(viewer=viewer, ids=as_array(ids)) if ids else []
        return {str(key) for (key,) in rows}

    return liked_among


liked_among = liked_by("video_id")


def with_likes(
    page: bytes,
    liked_among: Callable[[list[str], User], set[str]],
    viewer: User | AnonymousUser,
) -> orjson.Fragment:
    """Return the JSON of a list as a person gets it: with which of its things they like."""
    if not isinstance(viewer, User):
        return orjson.Fragment(page)
    ids = [key.decode() for key in _IDS.findall(page)]
    liked = liked_among(ids, viewer)
    *parts, rest = page.split(UNKNOWN)
    told = (part + KNOWN[key in liked] for part, key in zip(parts, ids, strict=True))
    return orjson.Fragment(b"".join((*told, rest)))

"""The lists of videos, as they are asked for all the time."""

from typing import Any

from django.contrib.auth.models import AnonymousUser

from users.models import User
from videos.models import Video
from videos.querysets import VideoQuerySet
from videos.records import COLUMNS, VideoRecord
from viztube.api.listings import Listing
from viztube.api.querysets import as_array, one_of, rows_of
from viztube.api.statements import Statement


def _found(
    *,
    viewer: User | AnonymousUser,
    sort: str,
    descending: bool,
    text: str | None = None,
    owner: Any = None,
) -> VideoQuerySet:
    videos: VideoQuerySet = Video.objects.published().with_details(viewer)
    if text is not None:
        videos = videos.search(text)
    if owner is not None:
        videos = videos.filter(user_id=owner)
    return videos.sorted_by(sort, descending=descending, text=text or "")


# Of everyone, and of one person, whom the arguments then name.
VIDEOS = Listing(VideoRecord, COLUMNS, _found)
VIDEOS_OF = Listing(
    VideoRecord,
    COLUMNS,
    _found,
    of=lambda owner, **_: User.objects.channels().filter(pk=owner),
)

WATCHED = Listing(
    VideoRecord,
    COLUMNS,
    lambda viewer: Video.objects.visible_to(viewer).watched_by(viewer).with_details(viewer),
)

_LIKED = Statement(
    lambda viewer, ids: (
        rows_of(Video, "likes").filter(one_of("video_id", ids), user=viewer).values("video_id")
    )
)


def liked_among(ids: list[str], viewer: User) -> set[str]:
    """Return which of some videos a person likes, in one query."""
    if not ids:
        return set()
    return {str(video) for (video,) in _LIKED.rows(viewer=viewer, ids=as_array(ids))}

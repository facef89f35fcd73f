"""Every answer that shows a video shows its counts, and whether the caller likes it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from social.models import Like
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
)
from users.models import User
from videos.models import Video, ViewEvent, WatchHistory
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(user: User) -> Video:
    """Return a video of the caller's with 3 likes (one the caller's), 2 comments and 6 views."""
    video = VideoFactory.create(user=user, views=4, files=True)
    LikeFactory.create_batch(2, video=video)
    LikeFactory.create(video=video, user=user)
    comments = CommentFactory.create_batch(2, video=video)
    LikeFactory.create(comment=comments[0])
    for _ in range(2):
        ViewEvent.objects.create(video=video)
    PlaylistVideoFactory.create(playlist=PlaylistFactory.create(user=user), video=video)
    WatchHistory.objects.create(user=user, video=video, watched_at=timezone.now())
    return video


SHOWN: dict[str, Callable[[Client, Video], Any]] = {
    "list": lambda client, video: client.get("videos").data["docs"][0],
    "search": lambda client, video: client.get("videos?query=number").data["docs"][0],
    "update": lambda client, video: client.patch(f"videos/{video.pk}", {"title": "New"}).data,
    "toggle": lambda client, video: client.patch(f"videos/toggle/publish/{video.pk}").data,
    "liked": lambda client, video: client.get("likes/videos").data[0],
    "history": lambda client, video: client.get("user/watch-history").data[0],
    "playlist": lambda client, video: client.get(
        f"playlist/{video.playlist_entries.get().playlist_id}"
    ).data["videos"][0],
}


@pytest.mark.parametrize("place", SHOWN)
def test_the_counts_of_a_video(user_client: Client, video: Video, place: str) -> None:
    row = SHOWN[place](user_client, video)

    assert row["id"] == str(video.pk)
    assert (row["likesCount"], row["commentsCount"], row["isLiked"]) == (3, 2, True)
    assert row["views"] == 6


def test_its_page_counts_the_view_that_asks(user_client: Client, video: Video) -> None:
    row = user_client.get(f"videos/{video.pk}").data

    assert (row["likesCount"], row["commentsCount"], row["isLiked"]) == (3, 2, True)
    assert row["views"] == 7


@pytest.mark.parametrize("place", ["list", "search", "playlist"])
def test_is_liked_is_the_callers_own(
    client_for: Callable[[User], Client], api: Client, video: Video, place: str
) -> None:
    liking = client_for(Like.objects.filter(video=video).exclude(user=video.user)[0].user)
    not_liking = client_for(Like.objects.get(video=None).user)

    assert SHOWN[place](liking, video)["isLiked"] is True
    assert SHOWN[place](not_liking, video)["isLiked"] is False
    assert SHOWN[place](api, video)["isLiked"] is None


def test_a_new_video_has_none(user_client: Client, tiny_clip: Any) -> None:
    LikeFactory.create(video=VideoFactory.create())
    body = {"title": "First", "videoFile": tiny_clip}
    row = user_client.post("videos", body).data["video"]

    assert (row["likesCount"], row["commentsCount"], row["isLiked"]) == (0, 0, False)

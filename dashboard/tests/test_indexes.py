"""One channel's figures are read from indexes, whatever the other channels have."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from dashboard.tests.moments import at
from social.models import Comment, Like, Subscription
from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import DailyViews, Video, ViewEvent
from viztube.api.tests.fixtures import Client
from viztube.media.paths import new_folder

pytestmark = pytest.mark.django_db

TOTALS = {
    "videos_video_user",
    "videos_viewevent_video_id",
    "social_subscription_to",
    "social_like_video_unique",
}
ACTIVITY = TOTALS | {"videos_dailyviews_unique", "social_comment_of_video"}


@pytest.fixture
def many_channels(db: None) -> User:
    """Return one of 30 people, each with two videos that everyone likes and says something to."""
    people = UserFactory.create_batch(30, password=None)
    folders = [(person, new_folder("p")) for person in people * 2]
    videos = Video.objects.bulk_create(
        Video(
            user=person,
            title="Clip",
            duration=1,
            folder=folder,
            stored_folder=folder,
            video_file="video.mp4",
        )
        for person, folder in folders
    )
    pairs = [(person, video) for person in people for video in videos]
    Like.objects.bulk_create(Like(user=person, video=video) for person, video in pairs)
    Comment.objects.bulk_create(
        Comment(user=person, video=video, content="hello") for person, video in pairs
    )
    Subscription.objects.bulk_create(
        Subscription(subscriber=one, channel=other)
        for one in people
        for other in people
        if one != other
    )
    ViewEvent.objects.bulk_create(ViewEvent(video=video) for _, video in pairs)
    first = at("2026-01-01").date()
    DailyViews.objects.bulk_create(
        DailyViews(video=video, day=first + timedelta(days=number), views=1)
        for video in videos
        for number in range(30)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SET LOCAL enable_seqscan = off")
    return people[0]


@pytest.mark.parametrize(
    ("address", "indexes"),
    [("stats", TOTALS), ("analytics", ACTIVITY), ("analytics?interval=month", ACTIVITY)],
)
def test_figures_are_read_from_indexes(
    client_for: Callable[[User], Client], many_channels: User, address: str, indexes: set[str]
) -> None:
    client = client_for(many_channels)
    with captured_queries() as statements:
        client.get(f"dashboard/{address}")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (COSTS OFF) {statements[-1]}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    for index in indexes:
        assert index in plan, plan
    assert "Seq Scan" not in plan

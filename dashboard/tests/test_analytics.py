"""What happened on one's channel: what is counted, for whom, and what it costs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from dashboard.tests.moments import at, dated, seen
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import DailyViews, Video, ViewEvent
from videos.services.views import fold_views
from videos.tests.factories import VideoFactory
from videos.tests.hidden import suspended
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

NOTHING = {"views": 0, "subscribers": 0, "likes": 0, "comments": 0}
JANUARY = {"from": "2026-01-01", "to": "2026-01-31", "interval": "month"}


@pytest.fixture
def video(user: User) -> Video:
    return VideoFactory.create(user=user)


def points(client: Client, **query: str) -> dict[str, dict[str, int]]:
    """Return the figures of each period by its date."""
    answer = client.get("dashboard/analytics", query=query)
    rows = {row.pop("date"): row for row in answer.data["points"]}
    assert list(rows) == sorted(rows)
    assert len(rows) == len(answer.data["points"])
    return rows


def january(client: Client) -> dict[str, int]:
    """Return the figures of January 2026."""
    rows = points(client, **JANUARY)
    assert list(rows) == ["2026-01-01"]
    return rows["2026-01-01"]


def test_periods_in_which_nothing_happened_have_zeros(user_client: Client) -> None:
    rows = points(user_client, **{"from": "2026-01-30", "to": "2026-02-02"})

    assert rows == dict.fromkeys(["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02"], NOTHING)


def test_figures_are_of_their_day_and_do_not_multiply_each_other(
    user_client: Client, user: User
) -> None:
    for video in VideoFactory.create_batch(2, user=user):
        DailyViews.objects.create(video=video, day=at("2026-01-02"), views=100)
        seen(video, "2026-01-02 12:00", "2026-01-03 12:00")
        for number in range(3):
            dated(LikeFactory.create(video=video), f"2026-01-0{number + 1}")
            for _ in range(2):
                dated(CommentFactory.create(video=video), f"2026-01-0{number + 2}")
    for _ in range(4):
        dated(SubscriptionFactory.create(channel=user), "2026-01-02")

    assert points(user_client, **{"from": "2026-01-01", "to": "2026-01-05"}) == {
        "2026-01-01": {"views": 0, "subscribers": 0, "likes": 2, "comments": 0},
        "2026-01-02": {"views": 202, "subscribers": 4, "likes": 2, "comments": 4},
        "2026-01-03": {"views": 2, "subscribers": 0, "likes": 2, "comments": 4},
        "2026-01-04": {"views": 0, "subscribers": 0, "likes": 0, "comments": 4},
        "2026-01-05": NOTHING,
    }


@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_folding_views_changes_nothing(user_client: Client, video: Video, interval: str) -> None:
    edges = ("00:00", "23:59:59.999999")
    seen(video, *(f"2026-{day} {edge}" for day in ("01-31", "02-01", "02-02") for edge in edges))
    query = {"from": "2026-01-26", "to": "2026-02-28", "interval": interval}
    before = points(user_client, **query)
    fold_views()

    assert not ViewEvent.objects.exists()
    assert points(user_client, **query) == before
    assert sum(row["views"] for row in before.values()) == 6


def test_a_day_is_the_sum_of_what_is_folded_and_what_is_not(
    user_client: Client, video: Video
) -> None:
    seen(video, "2026-01-10")
    fold_views()
    seen(video, "2026-01-10")

    assert january(user_client)["views"] == 2


def test_hidden_videos_count(user_client: Client, user: User) -> None:
    for fields in ({"is_published": False}, {"removed_at": timezone.now()}):
        video = VideoFactory.create(user=user, **fields)
        seen(video, "2026-01-10")
        dated(LikeFactory.create(video=video), "2026-01-10")
        dated(CommentFactory.create(video=video), "2026-01-10")

    assert january(user_client) == {"views": 2, "subscribers": 0, "likes": 2, "comments": 2}


def test_comments_count_as_long_as_everyone_sees_them(user_client: Client, video: Video) -> None:
    dated(CommentFactory.create(video=video), "2026-01-10")
    dated(CommentFactory.create(video=video, user=video.user), "2026-01-10")
    dated(CommentFactory.create(video=video, removed_at=timezone.now()), "2026-01-10")
    for fields in (suspended(), {"is_active": False}):
        person = UserFactory.create(**fields)
        dated(CommentFactory.create(video=video, user=person), "2026-01-10")

    assert january(user_client)["comments"] == 2
    (row,) = user_client.get("dashboard/videos").data["videos"]
    assert row["commentsCount"] == 2


def test_subscribers_and_likes_are_rows_whoever_gave_them(
    user_client: Client, video: Video
) -> None:
    person = UserFactory.create(**suspended())
    dated(SubscriptionFactory.create(channel=video.user, subscriber=person), "2026-01-10")
    dated(LikeFactory.create(video=video, user=person), "2026-01-10")

    assert january(user_client) == {**NOTHING, "subscribers": 1, "likes": 1}


def test_only_what_comes_to_the_channel_counts(user_client: Client, video: Video) -> None:
    user, elsewhere = video.user, VideoFactory.create()
    comment = CommentFactory.create(video=elsewhere, user=user)
    for row in (
        comment,
        LikeFactory.create(video=elsewhere, user=user),
        LikeFactory.create(comment=comment),
        LikeFactory.create(tweet=TweetFactory.create(user=user)),
        SubscriptionFactory.create(subscriber=user),
    ):
        dated(row, "2026-01-10")
    seen(elsewhere, "2026-01-10")
    DailyViews.objects.create(video=elsewhere, day=at("2026-01-10"), views=5)

    assert january(user_client) == NOTHING


@pytest.mark.parametrize("is_staff", [False, True])
def test_everybody_gets_their_own_alone(
    client_for: Callable[[User], Client], video: Video, is_staff: bool
) -> None:
    seen(video, "2026-01-10")
    dated(LikeFactory.create(video=video), "2026-01-10")
    dated(SubscriptionFactory.create(channel=video.user), "2026-01-10")
    other = UserFactory.create(is_staff=is_staff)
    dated(CommentFactory.create(video=VideoFactory.create(user=other)), "2026-01-10")
    client = client_for(other)
    named = {"userId": str(video.user_id), "channelId": str(video.user_id)}

    assert january(client) == {**NOTHING, "comments": 1}
    assert points(client, **JANUARY, **named) == {"2026-01-01": january(client)}


def happening(video: Video, rows: int) -> None:
    """Let everything happen so many times, on days all over January 2026."""
    for number in range(rows):
        moment = f"2026-01-{number % 31 + 1:02}"
        one = VideoFactory.create(user=video.user) if number % 5 else video
        DailyViews.objects.get_or_create(video=one, day=at(moment), defaults={"views": 1})
        seen(one, moment)
        dated(LikeFactory.create(video=one), moment)
        dated(SubscriptionFactory.create(channel=video.user), moment)
        dated(CommentFactory.create(video=one), moment)


@pytest.mark.parametrize("interval", ["day", "week", "month"])
@pytest.mark.parametrize("rows", [1, 50])
def test_figures_cost_one_and_the_caller(
    user_client: Client, video: Video, rows: int, interval: str
) -> None:
    happening(video, rows)
    with captured_queries() as statements:
        found = points(user_client, **{**JANUARY, "interval": interval})

    # The caller with the session; the figures.
    assert len(statements) == 2, statements
    assert sum(row["likes"] for row in found.values()) == rows


def test_other_columns_of_a_row_do_not_matter(user_client: Client, video: Video) -> None:
    """A comment that is edited stays where it was written."""
    comment: Any = dated(CommentFactory.create(video=video), "2026-01-10")
    dated(comment, "2026-03-10", "updated_at")

    assert january(user_client)["comments"] == 1

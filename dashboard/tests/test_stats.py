"""The totals of one's channel."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from dashboard.tests.moments import seen
from social.tests.factories import CommentFactory, LikeFactory, SubscriptionFactory, TweetFactory
from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import ViewEvent
from videos.services.views import fold_views
from videos.tests.factories import VideoFactory
from videos.tests.hidden import suspended
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


def stats(views: int, subscribers: int, videos: int, likes: int) -> dict[str, int]:
    return {
        "totalViews": views,
        "totalSubscribers": subscribers,
        "totalVideos": videos,
        "totalLikes": likes,
    }


def test_a_channel_without_anything_has_zeros(user_client: Client) -> None:
    assert user_client.get("dashboard/stats").data == stats(0, 0, 0, 0)


def test_totals_do_not_multiply_each_other(user_client: Client, user: User) -> None:
    videos = [VideoFactory.create(user=user, views=100), VideoFactory.create(user=user, views=20)]
    for _ in range(3):
        seen(videos[0], "2026-01-31")
    for _ in range(4):
        LikeFactory.create(video=videos[0])
    LikeFactory.create(video=videos[1])
    for _ in range(2):
        CommentFactory.create(video=videos[0])
    SubscriptionFactory.create_batch(6, channel=user)

    assert user_client.get("dashboard/stats").data == stats(123, 6, 2, 5)


def test_folding_views_changes_no_total(user_client: Client, user: User) -> None:
    seen(VideoFactory.create(user=user), "2026-01-30", "2026-01-31", "2026-01-31")
    before = user_client.get("dashboard/stats").data
    fold_views()

    assert not ViewEvent.objects.exists()
    assert user_client.get("dashboard/stats").data == before == stats(3, 0, 1, 0)


def test_hidden_videos_count_with_what_they_have(user_client: Client, user: User) -> None:
    for fields in ({"is_published": False}, {"removed_at": timezone.now()}):
        video = VideoFactory.create(user=user, views=5, **fields)
        seen(video, "2026-01-31")
        LikeFactory.create(video=video)

    assert user_client.get("dashboard/stats").data == stats(12, 0, 2, 2)


def test_subscribers_and_likes_are_rows_whoever_gave_them(user_client: Client, user: User) -> None:
    person = UserFactory.create(**suspended())
    SubscriptionFactory.create(channel=user, subscriber=person)
    LikeFactory.create(video=VideoFactory.create(user=user), user=person)

    assert user_client.get("dashboard/stats").data == stats(0, 1, 1, 1)


def test_only_likes_of_the_channels_videos_count(user_client: Client, user: User) -> None:
    video = VideoFactory.create(user=user)
    LikeFactory.create(video=video, user=user)
    # What the channel likes, and likes of what it wrote.
    LikeFactory.create(video=VideoFactory.create(), user=user)
    LikeFactory.create(comment=CommentFactory.create(video=video, user=user))
    LikeFactory.create(tweet=TweetFactory.create(user=user))

    assert user_client.get("dashboard/stats").data["totalLikes"] == 1


@pytest.mark.parametrize("is_staff", [False, True])
def test_everybody_gets_their_own_alone(
    client_for: Callable[[User], Client], user: User, is_staff: bool
) -> None:
    video = VideoFactory.create(user=user, views=7)
    seen(video, "2026-01-31")
    LikeFactory.create(video=video)
    SubscriptionFactory.create(channel=user)
    other = UserFactory.create(is_staff=is_staff)
    VideoFactory.create(user=other, views=2)
    SubscriptionFactory.create(subscriber=other, channel=user)

    query = {"userId": str(user.pk), "channelId": str(user.pk), "username": user.username}
    answer = client_for(other).get("dashboard/stats", query=query)
    assert answer.data == stats(2, 0, 1, 0)
    assert client_for(user).get("dashboard/stats").data == stats(8, 2, 1, 1)


@pytest.mark.parametrize("rows", [1, 50])
def test_totals_cost_one_and_the_caller(user_client: Client, user: User, rows: int) -> None:
    for video in VideoFactory.create_batch(rows, user=user):
        seen(video, "2026-01-31")
        LikeFactory.create(video=video)
        SubscriptionFactory.create(channel=user)
    with captured_queries() as statements:
        assert user_client.get("dashboard/stats").data == stats(rows, rows, rows, rows)

    # The caller with the session; the totals.
    assert len(statements) == 2, statements

    with captured_queries() as statements:
        assert user_client.get("dashboard/stats").data == stats(rows, rows, rows, rows)

    assert statements == []


def test_a_caller_who_is_gone_by_now_is_404(user_client: Client, user: User) -> None:
    assert user_client.get("dashboard/stats").status == 200
    # Past our services, so that the cache still knows the session.
    User.objects.filter(pk=user.pk).delete()

    assert user_client.get("dashboard/stats").code == "not_found"


@pytest.mark.parametrize("name", ["stats", "videos", "analytics"])
def test_nobody_signed_out_gets_figures(api: Client, name: str) -> None:
    answer = api.get(f"dashboard/{name}")

    assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize("name", ["stats", "videos", "analytics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_figures_can_only_be_read(user_client: Client, name: str, method: str) -> None:
    assert user_client.request(method, f"dashboard/{name}").code == "method_not_allowed"

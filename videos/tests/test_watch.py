"""Retrieving one video: the answer, the view it counts, the history it leaves."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from users.models import User
from videos.models import DailyViews, Video, ViewEvent, WatchHistory
from videos.services import views
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

UNKNOWN = "01890000-0000-7000-8000-000000000000"


def test_a_video_with_its_owner(api: Client) -> None:
    video = VideoFactory.create(title="Seen", description="About")
    answer = api.get(f"videos/{video.pk}")

    assert answer.status == 200
    assert (answer.data["title"], answer.data["description"]) == ("Seen", "About")
    assert answer.data["user"]["username"] == video.user.username
    assert "email" not in answer.data["user"]


def test_each_get_counts_one_view(api: Client, user_client: Client) -> None:
    video = VideoFactory.create(views=5)

    assert api.get(f"videos/{video.pk}").data["views"] == 6
    assert user_client.get(f"videos/{video.pk}").data["views"] == 7
    assert ViewEvent.objects.filter(video=video).count() == 2


def test_folding_changes_no_answer(api: Client) -> None:
    video = VideoFactory.create()
    api.get(f"videos/{video.pk}")
    api.get(f"videos/{video.pk}")
    assert views.fold_views() == 1

    assert api.get("videos").data["docs"][0]["views"] == 2
    assert api.get(f"videos/{video.pk}").data["views"] == 3


def test_head_counts_none_and_leaves_no_history(user_client: Client) -> None:
    video = VideoFactory.create()
    answer = user_client.request("HEAD", f"videos/{video.pk}")

    assert (answer.status, answer.response.content) == (200, b"")
    assert not ViewEvent.objects.exists()
    assert not WatchHistory.objects.exists()


def test_watching_again_moves_the_video_up_in_the_history(user_client: Client, user: User) -> None:
    video = VideoFactory.create()
    user_client.get(f"videos/{video.pk}")
    long_ago = timezone.now() - timedelta(days=9)
    WatchHistory.objects.update(watched_at=long_ago)
    before = timezone.now()
    user_client.get(f"videos/{video.pk}")

    entry = WatchHistory.objects.get()
    assert (entry.user, entry.video) == (user, video)
    assert before <= entry.watched_at <= timezone.now()


def test_signed_out_people_leave_no_history(api: Client) -> None:
    video = VideoFactory.create()
    api.get(f"videos/{video.pk}")

    assert not WatchHistory.objects.exists()
    assert str(ViewEvent.objects.get()).startswith(str(video.pk))


def test_histories_are_kept_apart(user_client: Client, stranger_client: Client, user: User) -> None:
    video = VideoFactory.create()
    user_client.get(f"videos/{video.pk}")
    stranger_client.get(f"videos/{video.pk}")

    assert WatchHistory.objects.count() == 2
    entry = WatchHistory.objects.get(user=user)
    assert str(entry) == f"watched {entry.watched_at:%Y-%m-%d %H:%M}"


def test_a_refused_call_counts_nothing(api: Client) -> None:
    video = VideoFactory.create()
    api.get(f"videos/{video.pk}", Authorization="Bearer nonsense")

    assert not ViewEvent.objects.exists()


@pytest.mark.parametrize("pk", [UNKNOWN, "1", "abc", "0" * 32 + "x", "%00", "toggle", "é", "'"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "DELETE"])
def test_an_unknown_or_malformed_id_is_404(user_client: Client, method: str, pk: str) -> None:
    body = {"title": "x"} if method == "PATCH" else None

    assert user_client.request(method, f"videos/{pk}", body).status == 404


@pytest.mark.parametrize("pk", [UNKNOWN, "1", "abc"])
def test_toggling_an_unknown_id_is_404(user_client: Client, pk: str) -> None:
    assert user_client.patch(f"videos/toggle/publish/{pk}").code == "not_found"


def test_a_trailing_slash_changes_nothing(api: Client) -> None:
    video = VideoFactory.create()

    assert api.get(f"videos/{video.pk}/").data["id"] == str(video.pk)


def test_a_disabled_account_ends_the_session(
    client_for: Callable[[User], Client], user: User
) -> None:
    video = VideoFactory.create()
    client = client_for(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert client.get(f"videos/{video.pk}").code == "token_invalid"
    assert not ViewEvent.objects.exists()


def test_rows_are_named_for_people() -> None:
    video: Any = VideoFactory.create(title="Named")
    daily = DailyViews(video=video, day="2026-01-31", views=3)

    assert str(Video.objects.get()) == "Named"
    assert str(daily) == "views on 2026-01-31: 3"

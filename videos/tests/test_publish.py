"""Publishing and hiding: the files move, and every address handed out before is gone."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from users.models import User
from videos.models import Video
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

Change = Callable[[Video], dict[str, Any]]


@pytest.fixture(params=["toggle", "json", "form"])
def turn(request: pytest.FixtureRequest, user_client: Client) -> Change:
    """Return a way to publish what is hidden and hide what is published, by each call."""

    def change(video: Video) -> dict[str, Any]:
        published = not Video.objects.get(pk=video.pk).is_published
        if request.param == "toggle":
            answer = user_client.patch(f"videos/toggle/publish/{video.pk}")
        elif request.param == "json":
            answer = user_client.patch(f"videos/{video.pk}", {"isPublished": published})
        else:
            answer = user_client.patch(
                f"videos/{video.pk}",
                {"isPublished": str(published).lower()},
                content_type="multipart/form-data",
            )
        assert answer.data["isPublished"] is published
        return dict(answer.data)

    return change


def addresses(video: dict[str, Any]) -> list[str]:
    return [video["videoFileUrl"], video["thumbnailUrl"]]


def statuses(api: Client, video: dict[str, Any]) -> list[int]:
    return [api.get(address).status for address in addresses(video)]


def test_hiding_and_publishing_again(
    api: Client, user: User, user_client: Client, turn: Change
) -> None:
    video = VideoFactory.create(user=user, files=True)
    before = api.get(f"videos/{video.pk}").data
    assert statuses(api, before) == [200, 200]

    hidden = turn(video)
    assert statuses(api, before) == [404, 404]
    assert statuses(api, hidden) == [200, 200]
    assert hidden["videoFilePublicId"].startswith("h/")
    assert api.get(f"videos/{video.pk}").status == 404
    assert api.get("videos").data["docs"] == []
    assert addresses(user_client.get(f"videos/{video.pk}").data) == addresses(hidden)

    shown = turn(video)
    assert statuses(api, before) == [404, 404]
    assert statuses(api, hidden) == [404, 404]
    assert statuses(api, shown) == [200, 200]
    assert shown["videoFilePublicId"].startswith("p/")
    assert addresses(api.get(f"videos/{video.pk}").data) == addresses(shown)
    assert len({address for one in (before, hidden, shown) for address in addresses(one)}) == 6


def test_files_that_are_hidden_are_not_for_caches(api: Client, user: User, turn: Change) -> None:
    video = VideoFactory.create(user=user, files=True)
    published = api.get(api.get(f"videos/{video.pk}").data["videoFileUrl"]).response
    hidden = api.get(turn(video)["videoFileUrl"]).response

    assert published["Cache-Control"] == "public, max-age=3600"
    assert hidden["Cache-Control"] == "private, no-store"


def test_the_messages_say_what_happened(user_client: Client, user: User) -> None:
    video = VideoFactory.create(user=user, files=True)
    messages = [
        user_client.patch(f"videos/toggle/publish/{video.pk}").body["message"] for _ in range(2)
    ]

    assert messages == ["Video hidden.", "Video published."]


@pytest.mark.parametrize("published", [True, False])
def test_what_changes_nothing_moves_nothing(
    user_client: Client, user: User, published: bool
) -> None:
    video = VideoFactory.create(user=user, is_published=published, files=True)
    answer = user_client.patch(f"videos/{video.pk}", {"isPublished": published, "title": "Same"})

    assert answer.data["videoFilePublicId"] == video.video_path
    assert waiting_jobs() == []


def test_publishing_what_staff_removed_moves_nothing(user_client: Client, user: User) -> None:
    removed = {"removed_at": timezone.now(), "is_published": False}
    video = VideoFactory.create(user=user, files=True, **removed)
    answer = user_client.patch(f"videos/{video.pk}", {"isPublished": True})

    assert answer.data["videoFilePublicId"] == video.video_path
    assert Video.objects.published().count() == 0


def test_a_trailing_slash_changes_nothing(user_client: Client, user: User) -> None:
    video = VideoFactory.create(user=user, files=True)

    assert user_client.patch(f"videos/toggle/publish/{video.pk}/").data["isPublished"] is False


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_toggle_takes_patch_only(user_client: Client, user: User, method: str) -> None:
    video = VideoFactory.create(user=user)
    answer = user_client.request(method, f"videos/toggle/publish/{video.pk}")

    assert answer.code == "method_not_allowed"


def test_a_move_that_fails_is_made_up_for_by_a_job(
    api: Client,
    user: User,
    turn: Change,
    monkeypatch: pytest.MonkeyPatch,
    run_jobs: Callable[[], list[str]],
) -> None:
    video = VideoFactory.create(user=user, files=True)
    before = api.get(f"videos/{video.pk}").data

    def fail(source: Any, target: Any) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", fail)
        hidden = turn(video)
    assert statuses(api, hidden) == [404, 404]
    assert run_jobs() == ["settle_video"]
    assert statuses(api, hidden) == [200, 200]
    assert statuses(api, before) == [404, 404]


def test_turning_back_while_the_first_move_is_still_due(
    api: Client,
    user: User,
    turn: Change,
    monkeypatch: pytest.MonkeyPatch,
    run_jobs: Callable[[], list[str]],
) -> None:
    video = VideoFactory.create(user=user, files=True)

    def fail(source: Any, target: Any) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", fail)
        hidden = turn(video)
        shown = turn(video)
    run_jobs()
    assert statuses(api, hidden) == [404, 404]
    assert statuses(api, shown) == [200, 200]

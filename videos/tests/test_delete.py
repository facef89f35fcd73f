"""Deleting a video, its files and its numbers."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from users.models import User
from videos.models import Video, ViewEvent, WatchHistory
from videos.services import views
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client
from viztube.media.paths import new_folder

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(user: User) -> Video:
    return VideoFactory.create(user=user, files=True)


def test_addresses_are_gone_at_once_and_files_with_the_job(
    user_client: Client,
    api: Client,
    video: Video,
    stored_files: Callable[[], set[str]],
    run_jobs: Callable[[], list[str]],
) -> None:
    row = api.get(f"videos/{video.pk}").data
    answer = user_client.delete(f"videos/{video.pk}")

    assert (answer.status, answer.data) == (200, {})
    for address in (row["videoFileUrl"], row["thumbnailUrl"]):
        assert api.get(address).status == 404
    assert api.get(f"videos/{video.pk}").status == 404
    assert api.get("videos").data["totalDocs"] == 0
    assert run_jobs() == ["delete_folder"]
    assert stored_files() == set()


def test_what_hung_on_it_goes_too(user_client: Client, video: Video) -> None:
    other = VideoFactory.create()
    for one in (video, other):
        user_client.get(f"videos/{one.pk}")
    views.fold_views()
    user_client.get(f"videos/{video.pk}")
    user_client.delete(f"videos/{video.pk}")

    assert list(Video.objects.all()) == [other]
    assert not ViewEvent.objects.exists()
    assert WatchHistory.objects.get().video == other


def test_a_second_delete_is_404(user_client: Client, video: Video) -> None:
    assert user_client.delete(f"videos/{video.pk}").status == 200

    answer = user_client.delete(f"videos/{video.pk}")
    assert (answer.status, answer.code) == (404, "not_found")


def test_changes_after_a_delete_are_404(user_client: Client, video: Video) -> None:
    user_client.delete(f"videos/{video.pk}")

    assert user_client.patch(f"videos/{video.pk}", {"title": "x"}).status == 404
    assert user_client.patch(f"videos/toggle/publish/{video.pk}").status == 404


def test_a_hidden_video_can_be_deleted_by_its_owner(
    user_client: Client,
    user: User,
    stored_files: Callable[[], set[str]],
    run_jobs: Callable[[], list[str]],
) -> None:
    video = VideoFactory.create(user=user, is_published=False, files=True)
    user_client.delete(f"videos/{video.pk}")
    run_jobs()

    assert stored_files() == set()


def test_a_video_whose_files_are_on_the_way_leaves_none(
    user_client: Client,
    user: User,
    stored_files: Callable[[], set[str]],
    run_jobs: Callable[[], list[str]],
) -> None:
    video = VideoFactory.create(user=user, stored_folder=new_folder("incoming"), files=True)
    user_client.delete(f"videos/{video.pk}")

    assert sorted(waiting_jobs()) == ["delete_folder", "delete_folder"]
    run_jobs()
    assert stored_files() == set()


def test_a_disk_that_fails_at_first_is_tried_again(
    user_client: Client,
    api: Client,
    video: Video,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
    run_jobs: Callable[[], list[str]],
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as broken:
        broken.setattr("os.rename", fail)
        broken.setattr(shutil, "rmtree", fail)
        assert user_client.delete(f"videos/{video.pk}").status == 200
        for _ in range(2):
            with pytest.raises(OSError, match="the disk is away"):
                run_jobs()
    assert waiting_jobs() == ["delete_folder"]
    assert stored_files() != set()
    assert api.get(f"videos/{video.pk}").status == 404

    run_jobs()
    assert stored_files() == set()

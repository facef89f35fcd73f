"""Bringing files to where their row says they belong, whatever happened before."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from users.models import User
from videos.models import Video
from videos.services.placement import settle
from videos.tasks import remove_old_poster, settle_video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client
from viztube.media.backends import FolderMissing
from viztube.media.paths import new_folder
from viztube.media.tests.fixtures import picture

pytestmark = pytest.mark.django_db


def moving(user: User) -> Video:
    """Return a video whose files are still where they were before it was hidden."""
    return VideoFactory.create(
        user=user,
        is_published=False,
        folder=new_folder("h"),
        stored_folder=new_folder("p"),
        files=True,
    )


def crash_between_rename_and_commit(video: Video, media_root: Path) -> None:
    (media_root / "h").mkdir(exist_ok=True)
    (media_root / video.stored_folder).rename(media_root / video.folder)


def assert_settled(video: Video, stored_files: Callable[[], set[str]]) -> None:
    row = Video.objects.get(pk=video.pk)
    assert row.stored_folder == row.folder
    assert stored_files() == {row.video_path, row.thumbnail_path}


def test_files_go_where_they_belong(
    user: User, stored_files: Callable[[], set[str]], api: Client
) -> None:
    video = moving(user)
    settle(video_id=video.pk)

    assert Video.objects.get().folder == video.folder
    assert_settled(video, stored_files)
    assert api.get(f"/media/{video.video_path}").status == 200


def test_settling_is_safe_to_repeat(user: User, stored_files: Callable[[], set[str]]) -> None:
    video = moving(user)
    for _ in range(3):
        settle(video_id=video.pk)

    assert_settled(video, stored_files)


def test_a_crash_between_the_rename_and_the_commit(
    user: User, media_root: Path, stored_files: Callable[[], set[str]]
) -> None:
    video = moving(user)
    crash_between_rename_and_commit(video, media_root)
    settle(video_id=video.pk)

    assert_settled(video, stored_files)


@pytest.mark.parametrize("call", ["toggle", "thumbnail", "delete"])
def test_what_an_owner_does_right_after_such_a_crash(
    user: User,
    user_client: Client,
    media_root: Path,
    stored_files: Callable[[], set[str]],
    run_jobs: Callable[[], list[str]],
    call: str,
) -> None:
    video = moving(user)
    crash_between_rename_and_commit(video, media_root)
    settle_video.defer(video_id=str(video.pk))
    if call == "toggle":
        answer = user_client.patch(f"videos/toggle/publish/{video.pk}")
    elif call == "thumbnail":
        answer = user_client.patch(f"videos/{video.pk}", {"thumbnail": picture()})
    else:
        answer = user_client.delete(f"videos/{video.pk}")
    run_jobs()

    assert answer.status == 200
    if call == "delete":
        assert stored_files() == set()
    else:
        assert_settled(video, stored_files)


def test_a_video_that_is_gone_is_no_problem(run_jobs: Callable[[], list[str]]) -> None:
    settle(video_id=uuid4())
    settle_video.defer(video_id=str(uuid4()))
    remove_old_poster.defer(video_id=str(uuid4()), name="poster.jpg")

    assert run_jobs() == ["settle_video", "remove_old_poster"]


def test_files_that_are_nowhere_are_reported(user: User, media_root: Path) -> None:
    video = moving(user)
    (media_root / video.stored_folder).rename(media_root / "elsewhere")

    with pytest.raises(FolderMissing):
        settle(video_id=video.pk)
    assert Video.objects.get().stored_folder == video.stored_folder


def test_a_rename_that_fails_changes_no_row(
    user: User, monkeypatch: pytest.MonkeyPatch, stored_files: Callable[[], set[str]]
) -> None:
    video = moving(user)

    def fail(source: Path, target: Path) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="the disk is away"):
            settle(video_id=video.pk)
    assert Video.objects.get().stored_folder == video.stored_folder
    settle(video_id=video.pk)
    assert_settled(video, stored_files)


def test_the_poster_in_use_is_never_removed_as_an_old_one(
    user: User, stored_files: Callable[[], set[str]], run_jobs: Callable[[], list[str]]
) -> None:
    video = VideoFactory.create(user=user, files=True)
    remove_old_poster.defer(video_id=str(video.pk), name=video.thumbnail_file)
    run_jobs()

    assert video.thumbnail_path in stored_files()

"""The files of a video follow the standing of its owner."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase
from django.utils import timezone
from procrastinate.contrib.django import app

from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import Video
from videos.services import publication, standing
from videos.tasks import follow_standing
from videos.tests.factories import VideoFactory
from videos.tests.hidden import HIDDEN, suspended
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client
from viztube.media.paths import new_folder
from viztube.media.queues import DISK_QUEUE

pytestmark = pytest.mark.django_db

PUT_OUT: dict[str, Callable[[], dict[str, Any]]] = {
    "suspended": suspended,
    "inactive": lambda: {"is_active": False},
}
IN_GOOD_STANDING: dict[str, dict[str, Any]] = {
    "lifted": {"is_active": True, "suspended_until": None},
    "over": {"is_active": True, "suspended_until": timezone.now() - timedelta(hours=1)},
}


@pytest.fixture
def follow(django_capture_on_commit_callbacks: Any) -> Callable[[], None]:
    """Run the job, and what its commits start."""

    def run() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            follow_standing(timestamp=0)

    return run


def addresses(client: Client) -> set[str]:
    """Return every media address that the list shows."""
    docs = client.get("videos").data["docs"]
    return {doc[name] for doc in docs for name in ("videoFileUrl", "thumbnailUrl")}


def statuses(client: Client, urls: set[str]) -> set[int]:
    return {client.get(url).status for url in urls}


@pytest.mark.parametrize("how", PUT_OUT)
def test_every_address_of_who_is_put_out_stops(
    api: Client, user: User, follow: Callable[[], None], how: str
) -> None:
    VideoFactory.create_batch(3, user=user, files=True)
    theirs = addresses(api)
    VideoFactory.create(files=True)
    others = addresses(api) - theirs
    User.objects.filter(pk=user.pk).update(**PUT_OUT[how]())
    follow()

    assert (len(theirs), statuses(api, theirs)) == (6, {404})
    assert statuses(api, others) == {200}
    for row in Video.objects.filter(user=user):
        assert row.folder.startswith("h/")
        assert row.stored_folder == row.folder
        assert row.is_published is True


@pytest.mark.parametrize("end", IN_GOOD_STANDING)
@pytest.mark.parametrize("how", PUT_OUT)
def test_the_files_come_back_under_new_addresses(
    api: Client, user: User, follow: Callable[[], None], how: str, end: str
) -> None:
    VideoFactory.create_batch(2, user=user, files=True)
    old = addresses(api)
    User.objects.filter(pk=user.pk).update(**PUT_OUT[how]())
    follow()
    hidden = {f"/media/{row.video_path}" for row in Video.objects.all()}
    assert addresses(api) == set()
    assert statuses(api, hidden) == {200}
    User.objects.filter(pk=user.pk).update(**IN_GOOD_STANDING[end])
    follow()
    new = addresses(api)

    assert (len(new), statuses(api, new)) == (4, {200})
    assert all("/media/p/" in url for url in new)
    assert not new & old
    assert statuses(api, old | hidden) == {404}


def changed(user: User, **fields: Any) -> None:
    """Give a person another standing, as decisions do."""
    with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
        User.objects.filter(pk=user.pk).update(**fields)
        standing.follow_on_commit(user=user)


@pytest.mark.parametrize("how", PUT_OUT)
def test_a_decision_does_not_wait_for_the_job(api: Client, user: User, how: str) -> None:
    VideoFactory.create(user=user, files=True)
    old = addresses(api)
    changed(user, **PUT_OUT[how]())
    assert statuses(api, old) == {404}

    changed(user, **IN_GOOD_STANDING["lifted"])
    assert statuses(api, addresses(api)) == {200}
    assert statuses(api, old) == {404}


def test_of_many_videos_a_decision_moves_some_and_a_job_the_others(
    api: Client,
    user: User,
    run_jobs: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(standing, "AT_ONCE", 2)
    VideoFactory.create_batch(5, user=user, files=True)
    other = VideoFactory.create(files=True, user=UserFactory.create(**suspended()))
    old = addresses(api)
    changed(user, **suspended())
    assert sorted(api.get(url).status for url in old) == [200] * 6 + [404] * 4

    with django_capture_on_commit_callbacks(execute=True):
        assert "follow_standing_of" in run_jobs()
    assert statuses(api, old) == {404}
    # It is about one person.
    assert Video.objects.get(pk=other.pk).folder == other.folder


def test_the_files_follow_when_the_job_dies_after_its_commit(
    api: Client, user: User, run_jobs: Callable[[], list[str]]
) -> None:
    VideoFactory.create(user=user, files=True)
    old = addresses(api)
    User.objects.filter(pk=user.pk).update(**suspended())
    follow_standing(timestamp=0)  # Nothing that waits for a commit runs here.

    assert waiting_jobs() == ["settle_video"]
    assert statuses(api, old) == {200}
    run_jobs()
    assert statuses(api, old) == {404}


@pytest.mark.parametrize("kind", ["unpublished", "removed"])
def test_what_is_hidden_for_another_reason_stays(
    user: User, follow: Callable[[], None], kind: str
) -> None:
    video = HIDDEN[kind](user=user, files=True)
    for fields in (suspended(), IN_GOOD_STANDING["lifted"]):
        User.objects.filter(pk=user.pk).update(**fields)
        follow()

        assert Video.objects.get().folder == video.folder


def test_what_was_unpublished_before_a_suspension_comes_back_when_published_after_it(
    user: User, user_client: Client, follow: Callable[[], None]
) -> None:
    video = VideoFactory.create(user=user, files=True)
    user_client.patch(f"videos/toggle/publish/{video.pk}")
    User.objects.filter(pk=user.pk).update(**suspended())
    follow()
    User.objects.filter(pk=user.pk).update(suspended_until=None)
    follow()
    assert Video.objects.get().folder.startswith("h/")
    answer = user_client.patch(f"videos/toggle/publish/{video.pk}")

    assert answer.data["videoFilePublicId"].startswith("p/")
    assert user_client.get(answer.data["videoFileUrl"]).status == 200


def test_an_edit_right_after_a_suspension_ended_need_not_wait_for_the_job(
    user: User, user_client: Client, follow: Callable[[], None]
) -> None:
    video = VideoFactory.create(user=user, files=True)
    User.objects.filter(pk=user.pk).update(**suspended())
    follow()
    User.objects.filter(pk=user.pk).update(suspended_until=None)
    answer = user_client.patch(f"videos/{video.pk}", {"title": "After"})

    assert answer.data["videoFilePublicId"].startswith("p/")
    assert user_client.get(answer.data["videoFileUrl"]).status == 200


def test_the_job_is_safe_to_repeat_and_edits_nothing(
    user: User, follow: Callable[[], None], stored_files: Callable[[], set[str]]
) -> None:
    video = VideoFactory.create(user=user, files=True)
    User.objects.filter(pk=user.pk).update(**suspended())
    follow()
    hidden = Video.objects.get()
    follow()
    row = Video.objects.get()

    assert (row.folder, row.stored_folder) == (hidden.folder, hidden.folder)
    assert row.updated_at == video.updated_at
    assert stored_files() == {row.video_path, row.thumbnail_path}
    assert waiting_jobs() == ["settle_video"]


@pytest.mark.parametrize("crashed_after_the_rename", [False, True])
def test_files_that_were_still_on_their_way_follow_too(
    user: User,
    follow: Callable[[], None],
    media_root: Path,
    stored_files: Callable[[], set[str]],
    crashed_after_the_rename: bool,
) -> None:
    video = VideoFactory.create(
        user=user, folder=new_folder("p"), stored_folder=new_folder("incoming"), files=True
    )
    if crashed_after_the_rename:
        (media_root / "p").mkdir()
        (media_root / video.stored_folder).rename(media_root / video.folder)
    User.objects.filter(pk=user.pk).update(**suspended())
    follow()
    row = Video.objects.get()

    assert row.folder.startswith("h/")
    assert stored_files() == {row.video_path, row.thumbnail_path}


def test_a_video_without_files_holds_up_no_other(
    api: Client, user: User, follow: Callable[[], None]
) -> None:
    VideoFactory.create(user=user)
    VideoFactory.create(user=user, files=True)
    old = addresses(api)
    User.objects.filter(pk=user.pk).update(**suspended())
    follow()

    assert statuses(api, old) == {404}
    assert not Video.objects.filter(folder__startswith="p/").exists()


def test_a_run_takes_so_many_and_hides_before_it_brings_back(user: User) -> None:
    back = VideoFactory.create(folder=new_folder("h"), files=True)
    VideoFactory.create_batch(3, user=user, files=True)
    User.objects.filter(pk=user.pk).update(**suspended())
    public = Video.objects.filter(folder__startswith="p/")

    assert standing.follow_standing(limit=2) == 2
    assert (public.filter(user=user).count(), public.filter(pk=back.pk).exists()) == (1, False)
    assert standing.follow_standing(limit=2) == 2
    assert set(public) == {back}


def test_a_video_deleted_meanwhile_is_no_problem(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    VideoFactory.create_batch(2, user=user)
    User.objects.filter(pk=user.pk).update(**suspended())
    relocate = publication.relocate_on_commit

    def delete_the_other(*, video: Video) -> None:
        Video.objects.exclude(pk=video.pk).delete()
        relocate(video=video)

    monkeypatch.setattr(standing, "relocate_on_commit", delete_the_other)

    assert standing.follow_standing() == 1
    assert Video.objects.get().folder.startswith("h/")


def test_the_job_comes_every_minute_to_the_machine_that_has_the_files() -> None:
    crons = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}

    assert crons[follow_standing.name] == "* * * * *"
    assert follow_standing.queue == DISK_QUEUE
    assert follow_standing.queueing_lock == "follow_standing"


def test_what_is_in_place_costs_one_query_however_much_it_is() -> None:
    for rows in (1, 30):
        VideoFactory.create_batch(rows)
        for hidden in HIDDEN.values():
            for _ in range(rows):
                hidden()
        with captured_queries() as statements:
            assert standing.follow_standing() == 0

        assert len(statements) == 1, statements


def test_an_edit_costs_no_query_for_the_owner(user: User, user_client: Client) -> None:
    video = VideoFactory.create(user=user, files=True)
    with captured_queries() as statements:
        user_client.patch(f"videos/{video.pk}", {"title": "After"})

    # The caller with the session; the video; with its owner and locked; the change; its counts.
    assert len(statements) == 5, statements

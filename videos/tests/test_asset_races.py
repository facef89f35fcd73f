"""Changes of a video that overtake the work at Cloudinary on the one before."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from users.models import User
from videos.models import ProcessingStatus, Video
from videos.services.migration import Migration, Place
from videos.services.placement import settle
from videos.services.pushes import push_video
from videos.services.reconciliation import Reconciliation
from videos.services.streams import StreamNotReady
from videos.services.turns import turn_at
from videos.services.videos import delete_video, set_published
from videos.tests.pushing import (
    answers,
    assert_only_there,
    assert_plays,
    folder_of,
    notify,
    pushed_video,
    spooled_video,
    try_jobs,
)
from viztube.api.tests.fixtures import Client
from viztube.environment import Environment
from viztube.media.backends import Kind, MediaUnavailable, disk
from viztube.media.cloud import CloudinaryBackend
from viztube.media.tests.fetching import fetch
from viztube.media.tests.standin import Fault, StandIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("standin")]

Files = Callable[[], set[str]]


def show(video: Video) -> None:
    set_published(video=video, published=True)


def hide(video: Video) -> None:
    set_published(video=video, published=False)


def addresses(video: Video) -> list[str]:
    row = Video.objects.get(pk=video.pk)
    return [disk().url(row.video_path), disk().url(row.thumbnail_path)]


def run_all(name: str) -> None:
    """Run the jobs of a name that are due, and forget them."""
    jobs: Any = ProcrastinateJob.objects.filter(
        task_name=f"videos.tasks.{name}", scheduled_at=None, status="todo"
    )
    for job in jobs.order_by("id"):
        app.tasks[job.task_name].func(**job.args)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_events WHERE job_id = %s", [job.id])
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.id])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pause", [0.05, 0.25])
def test_hiding_and_showing_within_one_renaming_loses_nothing(
    user: User, standin: StandIn, pause: float, user_client: Client, stored_files: Files
) -> None:
    from videos.tasks import move_assets

    video = pushed_video(user)
    told = addresses(video)
    standin.slow_seconds = 0.3
    standin.fail("rename", *[Fault.SLOW] * 8)

    def work() -> None:
        move_assets.func(video_id=str(video.pk))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker, change in zip(workers, (hide, show), strict=True):
        change(video)
        worker.start()
        time.sleep(pause)
    for worker in workers:
        worker.join()
    standin.finish_streams(notify=False)
    try_jobs()

    assert_only_there(user_client, video, standin, stored_files)
    assert Video.objects.get().former_folders is None
    assert [fetch(address).status for address in told] == [404, 404]


def test_who_waits_too_long_for_their_turn_is_told(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from videos.services import turns

    video = pushed_video(user)
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0)
    monkeypatch.setattr(turns, "_ask", lambda *args: False)

    with pytest.raises(MediaUnavailable, match="Another job is at work"), turn_at(video.pk):
        pytest.fail("it was somebody else's turn")


@pytest.mark.parametrize("then", ["delete", "give another poster"])
def test_what_a_lost_answer_left_in_between_is_found_by_who_deletes(
    user: User, user_client: Client, standin: StandIn, then: str
) -> None:
    video = pushed_video(user, is_published=False)
    show(video)
    public = addresses(video)
    standin.fail("rename", Fault.LOST, Fault.LOST)
    assert [type(failure) for failure in try_jobs()] == [MediaUnavailable]
    hide(video)
    if then == "delete":
        delete_video(video=Video.objects.get())
    for _ in range(3):
        try_jobs()

    assert [answers(user_client, address) for address in public] == [404, 404]
    assert standin.stored() == set() or then != "delete"


def test_a_file_in_between_is_not_taken_for_nobodys(user: User, standin: StandIn) -> None:
    video = pushed_video(user)
    for asset in standin.assets.values():
        asset.created_at -= timedelta(days=3)
    hide(video)
    standin.fail("rename", Fault.LOST)
    try_jobs()
    show(video)
    Reconciliation(dry_run=False, limit=100, advance=lambda number: None).run()
    for _ in range(3):
        try_jobs()

    assert len(standin.stored()) == 2
    assert [fetch(address).status for address in addresses(video)] == [200, 200]


@pytest.mark.parametrize("away", ["not set", "addressed otherwise"])
@pytest.mark.parametrize("what", ["hide", "delete"])
def test_a_change_while_the_account_is_away_reaches_it_later(
    user: User, standin: StandIn, settings: Any, away: str, what: str
) -> None:
    video = pushed_video(user)
    public = addresses(video)
    account = settings.CLOUDINARY_ACCOUNT
    other = standin.cloudinary_url.replace("cname=127.0.0.1", "cname=localhost")
    settings.CLOUDINARY_ACCOUNT = (
        None if away == "not set" else Environment({"X": other}).cloudinary("X")
    )
    hide(video) if what == "hide" else delete_video(video=video)
    try_jobs()
    settings.CLOUDINARY_ACCOUNT = account
    try_jobs()

    assert [fetch(address).status for address in public] == [404, 404]
    if what == "hide":
        assert [fetch(address).status for address in addresses(video)] == [200, 200]
    else:
        assert standin.stored() == set()


@pytest.mark.parametrize("change", [hide, lambda video: delete_video(video=video)])
def test_an_upload_that_cloudinary_finishes_after_we_gave_up_does_not_stay(
    user: User,
    user_client: Client,
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Video], None],
) -> None:
    video = spooled_video(user)
    public = addresses(video)

    def give_up(self: CloudinaryBackend, *args: Any) -> Any:
        raise MediaUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(CloudinaryBackend, "add", give_up)
        with pytest.raises(MediaUnavailable):
            push_video(video_id=video.pk, since=time.time())
    content = (folder_of(video) / "video.mp4").read_bytes()
    change(Video.objects.get())
    run_all("remove_asset")
    standin.put("video", f"{video.folder}/video", content, format="mp4")
    for _ in range(3):
        try_jobs()

    assert [answers(user_client, address) for address in public] == [404, 404]


def test_a_failure_told_of_an_id_from_before_does_not_fail_the_new_one(
    user: User, user_client: Client, standin: StandIn
) -> None:
    video = pushed_video(user)
    assert notify(user_client, standin.finish_streams(failed=True, notify=False)[0]) == 200
    hide(video)
    run_all("move_assets")
    run_all("confirm_stream")
    assert Video.objects.get().processing_status == ProcessingStatus.PROCESSING

    assert [type(failure) for failure in try_jobs()] == [StreamNotReady]
    standin.finish_streams(notify=False)
    try_jobs()
    assert Video.objects.get().stream_file


def test_a_stream_that_failed_is_tried_again_with_the_next_id(user: User, standin: StandIn) -> None:
    video = pushed_video(user)
    Video.objects.update(
        processing_status=ProcessingStatus.FAILED, processing_error="It could not be made."
    )
    hide(video)
    try_jobs()
    standin.finish_streams(notify=False)
    try_jobs()

    row = Video.objects.get()
    assert (row.processing_status, row.processing_error) == (ProcessingStatus.COMPLETED, "")


def test_a_lost_poster_does_not_cost_the_stream(user: User, standin: StandIn) -> None:
    video = pushed_video(user)
    del standin.assets["image", video.thumbnail_public_id]
    hide(video)
    try_jobs()
    standin.finish_streams(notify=False)
    try_jobs()

    assert Video.objects.get().stream_file
    assert standin.stored() == {f"video {Video.objects.get().folder}/video"}


def test_a_library_that_is_moved_while_a_video_is_hidden_loses_nothing(
    user: User,
    user_client: Client,
    standin: StandIn,
    stored_files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video = spooled_video(user)
    public = addresses(video)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    add = CloudinaryBackend.add

    def add_and_hide(self: CloudinaryBackend, *args: Any) -> Any:
        monkeypatch.setattr(CloudinaryBackend, "add", add)
        stored = add(self, *args)
        hide(Video.objects.get())
        settle(video_id=video.pk)
        return stored

    monkeypatch.setattr(CloudinaryBackend, "add", add_and_hide)
    for _ in range(2):
        # The poster waits until nobody deletes what may have been sent of it before.
        Migration(Place.CLOUDINARY, advance=lambda number: None, tell=lambda line: None).run()
        try_jobs()

    assert_only_there(user_client, video, standin, stored_files)
    assert_plays(user_client, video)
    assert [answers(user_client, address) for address in public] == [404, 404]


@pytest.mark.django_db(transaction=True)
def test_what_is_being_sent_is_not_deleted_by_who_undoes_an_earlier_push(
    user: User, user_client: Client, standin: StandIn, stored_files: Files
) -> None:
    from videos.tasks import remove_asset

    video = spooled_video(user)
    standin.slow_seconds = 0.5
    standin.fail("upload", Fault.SLOW)

    def send() -> None:
        push_video(video_id=video.pk, since=time.time())
        connection.close()

    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(0.25)
    # Its file is there and its row does not say so yet: this waits for its turn.
    remove_asset.func(
        video_id=str(video.pk), kind=Kind.VIDEO.value, public_id=f"{video.folder}/video"
    )
    sender.join()

    assert_only_there(user_client, video, standin, stored_files)

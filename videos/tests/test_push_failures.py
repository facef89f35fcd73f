"""Pushes that fail: what may heal is tried again, what cannot is said, and no file is lost."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from urllib3 import Timeout

from users.models import User
from videos import tasks
from videos.models import ProcessingStatus, Video
from videos.services.pushes import PATIENCE, push_video
from videos.tests.jobs import waiting_jobs
from videos.tests.pushing import (
    Files,
    assert_only_there,
    assert_plays,
    clip_of,
    folder_of,
    spooled_video,
    try_jobs,
)
from videos.tests.uploading import upload
from viztube.api.tests.fixtures import Client
from viztube.media import cloud, storages
from viztube.media.backends import FolderMissing, MediaUnavailable
from viztube.media.tests.fetching import fetch
from viztube.media.tests.fixtures import picture
from viztube.media.tests.standin import Fault, StandIn

pytestmark = pytest.mark.django_db

# What may heal by itself, or when somebody mends it.
PASSING = [fault for fault in Fault if fault is not Fault.REFUSED]
# Reading is tried again by the SDK itself where nothing was answered.
READINGS = 4

each_fault = pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing longer than tests may take."""
    short = Timeout(connect=1, read=0.5)
    monkeypatch.setattr(storages, "TIMEOUT", short)
    monkeypatch.setattr(storages, "UPLOAD_TIMEOUT", short)
    monkeypatch.setattr(cloud, "TIMEOUT", short)


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StandIn, "slow_seconds", 1.0)


def push(video: Video, *, wanted: float = 0) -> None:
    """Push a video, as wanted for the first time so many seconds ago."""
    push_video(video_id=video.pk, since=time.time() - wanted)


def uploads(standin: StandIn, kind: str = "video") -> int:
    """Return how many calls have tried to upload something."""
    return sum((one.action, one.kind) == ("upload", kind) for one in standin.requests)


def assert_only_here(api: Client, video: Video, stored_files: Files) -> None:
    """Check that a video waits on this disk, and plays from it."""
    row = Video.objects.get(pk=video.pk)
    assert (row.processing_status, row.processing_error) == (ProcessingStatus.PROCESSING, "")
    assert (row.video_file, row.video_public_id) == ("video.mp4", "")
    assert {row.video_path, row.thumbnail_path} <= stored_files()
    assert_plays(api, video)


@each_fault
def test_an_upload_that_fails_is_tried_again(
    api: Client, standin: StandIn, stored_files: Files, fault: Fault
) -> None:
    video = spooled_video()
    standin.fail("upload", fault)
    with pytest.raises(MediaUnavailable):
        push(video)
    assert_only_here(api, video, stored_files)

    push(video)
    assert_only_there(api, video, standin, stored_files)


@each_fault
def test_a_poster_that_fails_is_tried_again_without_the_video(
    api: Client, standin: StandIn, stored_files: Files, fault: Fault
) -> None:
    video = spooled_video()
    add = cloud.CloudinaryBackend.add

    def fail_at_the_poster(self: cloud.CloudinaryBackend, folder: str, file: Path) -> Any:
        if file.name == "poster.jpg":
            standin.fail("upload", fault)
        return add(self, folder, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud.CloudinaryBackend, "add", fail_at_the_poster)
        with pytest.raises(MediaUnavailable):
            push(video)
    row = Video.objects.get()
    assert row.video_public_id == f"{row.folder}/video"
    assert row.thumbnail_path in stored_files()
    assert_plays(api, video)

    push(video)
    assert_only_there(api, video, standin, stored_files)
    assert uploads(standin) == 1


@each_fault
def test_a_question_that_fails_only_costs_sending_again(
    api: Client, standin: StandIn, stored_files: Files, fault: Fault
) -> None:
    video = spooled_video()
    standin.fail("resource", *[fault] * READINGS)
    push(video)

    assert_only_there(api, video, standin, stored_files)


def test_the_queue_tries_again_with_more_and_more_time_in_between() -> None:
    strategy: Any = tasks.push_video.retry_strategy
    decisions = [
        strategy.get_retry_decision(exception=MediaUnavailable(), job=ProcrastinateJob(attempts=n))
        for n in range(40)
    ]
    assert decisions.pop() is None
    waits = [decision.retry_at - timezone.now() for decision in decisions]
    assert waits == sorted(waits)
    # Longer than the patience of the push: it is the push that gives up, and says why.
    assert sum(waits, timedelta()).total_seconds() > PATIENCE


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.SLOW], ids=lambda fault: fault.name)
def test_what_has_arrived_without_our_knowing_is_not_sent_again(
    api: Client, standin: StandIn, stored_files: Files, fault: Fault
) -> None:
    video = spooled_video()
    standin.fail("upload", fault)
    with pytest.raises(MediaUnavailable):
        push(video)
    assert standin.stored() == {f"video {video.folder}/video"}

    push(video)
    assert uploads(standin) == 1
    assert_only_there(api, video, standin, stored_files)


def test_what_cloudinary_never_takes_stays_here_and_plays(
    api: Client, standin: StandIn, stored_files: Files
) -> None:
    video = spooled_video()
    standin.fail("upload", Fault.REFUSED)
    assert try_jobs() == []

    row = Video.objects.get()
    assert row.processing_status == ProcessingStatus.FAILED
    assert row.processing_error == "Cloudinary does not take this file."
    assert row.thumbnail_path in stored_files()
    assert waiting_jobs() == []
    assert_plays(api, video)
    assert api.get(f"videos/{video.pk}").data["processingStatus"] == "FAILED"


def refuse_new_poster(client: Client, video: Video, standin: StandIn) -> None:
    """Replace the poster by one that Cloudinary does not take."""
    assert client.patch(f"videos/{video.pk}", {"thumbnail": picture()}).status == 200
    standin.fail("upload", Fault.REFUSED)
    try_jobs()


def test_a_poster_that_is_refused_does_not_undo_a_stream(
    user_client: Client, user: User, standin: StandIn
) -> None:
    video = spooled_video(user)
    try_jobs()
    standin.finish_streams(notify=False)
    try_jobs()
    stream = Video.objects.get().stream_file
    assert stream
    refuse_new_poster(user_client, video, standin)

    row = Video.objects.get()
    assert (row.processing_status, row.stream_file) == (ProcessingStatus.COMPLETED, stream)
    assert_plays(user_client, video)


def test_a_poster_that_is_refused_does_not_cost_the_stream(
    api: Client, user: User, standin: StandIn
) -> None:
    video = spooled_video(user)
    (folder_of(video) / "poster.jpg").write_bytes(b"no picture that Cloudinary knows")
    try_jobs()
    standin.finish_streams(notify=False)
    try_jobs()

    assert Video.objects.get().stream_file


@each_fault
def test_after_a_day_it_is_given_up_and_plays_from_here(
    api: Client, standin: StandIn, stored_files: Files, fault: Fault
) -> None:
    video = spooled_video()
    standin.fail("upload", fault)
    updated_at = Video.objects.get().updated_at
    push(video, wanted=PATIENCE + 5)

    row = Video.objects.get()
    assert row.processing_status == ProcessingStatus.FAILED
    assert row.processing_error.startswith("Given up after a day: Cloudinary")
    assert row.updated_at == updated_at
    assert {row.video_path, row.thumbnail_path} <= stored_files()
    assert_plays(api, video)

    # Staff may try once more.
    push(video)
    assert Video.objects.get().processing_status == ProcessingStatus.PROCESSING
    assert_only_there(api, video, standin, stored_files)


@pytest.mark.parametrize("lost", ["the file", "the folder"])
def test_a_file_that_vanished_is_waited_for_and_then_given_up(standin: StandIn, lost: str) -> None:
    video = spooled_video()
    folder = folder_of(video)
    (folder / "video.mp4").unlink()
    if lost == "the folder":
        (folder / "poster.jpg").unlink()
        folder.rmdir()
    with pytest.raises(OSError, match="No such file"):
        push(video)
    assert Video.objects.get().processing_status == ProcessingStatus.PROCESSING

    push(video, wanted=PATIENCE + 5)
    row = Video.objects.get()
    assert row.processing_status == ProcessingStatus.FAILED
    assert row.processing_error == "Given up after a day: the file cannot be read here."


def test_a_folder_that_is_nowhere_is_waited_for_and_then_given_up(standin: StandIn) -> None:
    video = spooled_video()
    Video.objects.update(stored_folder="incoming/" + "0" * 32, folder="p/" + "0" * 32)
    with pytest.raises(FolderMissing):
        push(video)

    push(video, wanted=PATIENCE + 5)
    assert Video.objects.get().processing_error == (
        "Given up after a day: the file cannot be read here."
    )


def test_what_is_left_in_incoming_is_moved_and_pushed(
    api: Client, standin: StandIn, stored_files: Files
) -> None:
    video = spooled_video(stored_folder="incoming/" + "0" * 32)
    push(video)

    assert_only_there(api, video, standin, stored_files)


def test_without_cloudinary_a_push_of_before_leaves_the_files_here(
    api: Client, standin: StandIn, stored_files: Files, settings: Any
) -> None:
    video = spooled_video()
    settings.CLOUDINARY_ACCOUNT = None
    push(video, wanted=PATIENCE + 5)

    row = Video.objects.get()
    assert row.processing_status == ProcessingStatus.COMPLETED
    assert stored_files() == {row.video_path, row.thumbnail_path}
    assert_plays(api, video)
    assert standin.requests == []


LARGE = storages.CHUNK_BYTES * 2 + 1000


def test_a_large_video_goes_in_chunks(api: Client, standin: StandIn, stored_files: Files) -> None:
    content = clip_of(LARGE)
    video = spooled_video(content=content)
    push(video)

    assert uploads(standin) == 3
    assert_only_there(api, video, standin, stored_files)
    row = Video.objects.get()
    assert row.video_bytes == LARGE
    assert fetch(row.video_file).content == content


@each_fault
@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_chunk_that_fails_begins_the_video_again(
    api: Client, standin: StandIn, stored_files: Files, fault: Fault, chunk: int
) -> None:
    content = clip_of(LARGE)
    video = spooled_video(content=content)
    next_fault = standin.next_fault
    seen = []

    def at_the_chunk(action: str) -> Fault | None:
        if action != "upload":
            return next_fault(action)
        seen.append(action)
        return fault if len(seen) == chunk else None

    standin.next_fault = at_the_chunk  # type: ignore[method-assign]
    with pytest.raises(MediaUnavailable):
        push(video)
    assert_only_here(api, video, stored_files)

    push(video)
    assert_only_there(api, video, standin, stored_files)
    assert fetch(Video.objects.get().video_file).content == content


def test_a_large_video_passes_our_own_checks(
    user_client: Client, api: Client, standin: StandIn, stored_files: Files
) -> None:
    answer = upload(user_client, clip_of(LARGE))
    assert answer.status == 201
    video = Video.objects.get()
    push(video)

    assert_only_there(api, video, standin, stored_files)
    assert uploads(standin) == 3

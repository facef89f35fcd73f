"""Pushes that fail: what may heal is tried again, what cannot is said, and no file is lost."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from procrastinate.contrib.django.models import ProcrastinateJob
from urllib3 import Timeout

from users.models import User
from videos.models import ProcessingStatus, Video
from videos.services.pushes import PATIENCE, push_video
from videos.tests.jobs import waiting_jobs
from videos.tests.pushing import clip_of, spooled_video, try_jobs
from viztube.api.tests.fixtures import Client
from viztube.media import cloud, storages
from viztube.media.backends import FolderMissing, MediaUnavailable
from viztube.media.tests.standin import Fault, StandIn

pytestmark = pytest.mark.django_db

Files = Callable[[], set[str]]
# What may heal by itself, or when somebody mends it.
PASSING = [fault for fault in Fault if fault is not Fault.REFUSED]
# Reading is tried again by the SDK itself where nothing was answered.
READINGS = 4

each_fault = pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing longer than tests may take."""
    short = Timeout(connect=1, read=0.2)
    monkeypatch.setattr(storages, "TIMEOUT", short)
    monkeypatch.setattr(storages, "UPLOAD_TIMEOUT", short)
    monkeypatch.setattr(cloud, "TIMEOUT", short)


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StandIn, "slow_seconds", 0.4)


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


def assert_plays(api: Client, video: Video) -> None:
    """Check that the addresses in an answer lead to the files, through redirects too."""
    doc = api.get(f"videos/{video.pk}").data
    for address in (doc["videoFileUrl"], doc["thumbnailUrl"]):
        if "/media/" in address:
            assert api.get(address).status == 200
        else:
            assert httpx.get(address).status_code == 200


def assert_only_there(api: Client, video: Video, standin: StandIn, stored_files: Files) -> None:
    """Check that a video is on Cloudinary, once, and nowhere else; runs its jobs."""
    try_jobs()
    row = Video.objects.get(pk=video.pk)
    assert standin.stored() == {f"video {row.folder}/video", f"image {row.folder}/poster"}
    assert (row.video_public_id, row.thumbnail_public_id) == (
        f"{row.folder}/video",
        f"{row.folder}/poster",
    )
    assert stored_files() == set()
    assert row.processing_error == ""
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
def test_a_question_that_fails_is_tried_again(
    api: Client, standin: StandIn, stored_files: Files, fault: Fault
) -> None:
    video = spooled_video()
    standin.fail("resource", *[fault] * READINGS)
    with pytest.raises(MediaUnavailable):
        push(video)
    assert_only_here(api, video, stored_files)
    assert standin.stored() == set()

    standin._faults.clear()
    push(video)
    assert_only_there(api, video, standin, stored_files)


def test_the_queue_tries_again_with_more_and_more_time_in_between(standin: StandIn) -> None:
    from videos.tasks import push_video as task

    decisions = [
        task.retry_strategy.get_retry_decision(exception=MediaUnavailable(), job=job)
        for job in (ProcrastinateJob(attempts=number) for number in range(40))
    ]
    assert decisions[-1] is None
    waits = [one.retry_at for one in decisions if one is not None]
    assert waits == sorted(waits)
    # Longer than the patience of the push: it is the push that gives up, and says why.
    total = sum(min(5 * 2 ** min(number, 12), 3600) for number in range(39))
    assert total > PATIENCE


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


@pytest.mark.parametrize("place", ["video", "poster"])
def test_what_cloudinary_never_takes_stays_here_and_plays(
    api: Client, standin: StandIn, stored_files: Files, place: str
) -> None:
    video = spooled_video()
    if place == "video":
        standin.fail("upload", Fault.REFUSED)
    else:
        Path(video_folder(video), "poster.jpg").write_bytes(b"no picture that Cloudinary knows")
    assert try_jobs() == []

    row = Video.objects.get()
    assert row.processing_status == ProcessingStatus.FAILED
    assert row.processing_error == "Cloudinary does not take this file."
    assert row.thumbnail_path in stored_files()
    assert waiting_jobs() == []
    assert_plays(api, video)
    assert api.get(f"videos/{video.pk}").data["processingStatus"] == "FAILED"


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
    folder = Path(video_folder(video))
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


def test_without_cloudinary_a_push_of_before_does_nothing(
    api: Client, standin: StandIn, stored_files: Files, settings: Any
) -> None:
    video = spooled_video()
    settings.CLOUDINARY_ACCOUNT = None
    push(video, wanted=PATIENCE + 5)

    assert_only_here(api, video, stored_files)
    assert standin.requests == []


def video_folder(video: Video) -> str:
    from django.conf import settings

    return str(Path(settings.MEDIA_ROOT, video.stored_folder))


LARGE = storages.CHUNK_BYTES * 2 + 1000


def test_a_large_video_goes_in_chunks(api: Client, standin: StandIn, stored_files: Files) -> None:
    content = clip_of(LARGE)
    video = spooled_video(content=content)
    push(video)

    assert uploads(standin) == 3
    assert_only_there(api, video, standin, stored_files)
    row = Video.objects.get()
    assert row.video_bytes == LARGE
    assert httpx.get(row.video_file).content == content


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
    assert httpx.get(Video.objects.get().video_file).content == content


def test_a_large_video_passes_our_own_checks(
    user_client: Client, api: Client, user: User, standin: StandIn, stored_files: Files
) -> None:
    from videos.tests.uploading import upload

    answer = upload(user_client, clip_of(LARGE))
    assert answer.status == 201
    video = Video.objects.get()
    push(video)

    assert_only_there(api, video, standin, stored_files)
    assert uploads(standin) == 3

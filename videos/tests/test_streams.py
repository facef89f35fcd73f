"""Streams: what Cloudinary tells, in whatever order, leads to what its playlist says."""

import time
from itertools import permutations

import pytest

from users.models import User
from videos.models import Notification, ProcessingStatus, Video
from videos.services import streams
from videos.services.pushes import PATIENCE
from videos.services.videos import set_published
from videos.tasks import confirm_stream
from videos.tests.jobs import waiting_jobs
from videos.tests.pushing import (
    Told,
    backend,
    eager_done,
    eager_failed,
    forget_jobs,
    notify,
    pushed_video,
    spooled_video,
    try_jobs,
    uploaded,
)
from viztube.api.tests.fixtures import Client
from viztube.media.backends import MediaUnavailable, StoredFile
from viztube.media.cloud import CloudinaryBackend
from viztube.media.tests import standin_account
from viztube.media.tests.fetching import fetch
from viztube.media.tests.standin import Fault, StandIn

pytestmark = pytest.mark.django_db

TOLD: dict[str, Told] = {"done": eager_done, "failed": eager_failed, "uploaded": uploaded}
Order = tuple[Told, ...]
NAMES = list(permutations(TOLD))
each_order = pytest.mark.parametrize(
    "order",
    [tuple(TOLD[name] for name in names) for names in NAMES],
    ids=[" ".join(names) for names in NAMES],
)
in_between_or_not = pytest.mark.parametrize("each", [True, False], ids=["in between", "at the end"])


@pytest.fixture
def video(standin: StandIn, user: User) -> Video:
    return pushed_video(user)


def state() -> tuple[str, str, str]:
    """Return what a video's row says of its stream."""
    row = Video.objects.get()
    return row.processing_status, row.stream_file, row.processing_error


def poll(video: Video, *, asked: float = 0) -> None:
    """Look for a stream that was asked for so many seconds ago."""
    public_id = Video.objects.get(pk=video.pk).video_public_id
    streams.confirm_stream(video_id=video.pk, public_id=public_id, since=time.time() - asked)


def tell_all(api: Client, standin: StandIn, video: Video, order: Order, each: bool) -> None:
    """Send notifications, each of them twice, and run what they lead to."""
    confirm_stream.defer(
        video_id=str(video.pk), public_id=video.video_public_id, since=int(time.time())
    )
    for told in order:
        notice = told(standin, video.video_public_id)
        assert [notify(api, notice), notify(api, notice)] == [200, 401]
        if each:
            try_jobs()
    try_jobs()


@in_between_or_not
@each_order
def test_in_any_order_a_stream_that_answers_is_there(
    api: Client,
    standin: StandIn,
    video: Video,
    order: Order,
    each: bool,
) -> None:
    standin.finish_streams(notify=False)
    tell_all(api, standin, video, order, each)

    address = backend().stream_url(video.video_public_id)
    assert state() == (ProcessingStatus.COMPLETED, address, "")
    assert waiting_jobs() == []
    assert Notification.objects.count() == 3


@in_between_or_not
@each_order
def test_in_any_order_a_stream_that_never_answers_has_failed(
    api: Client,
    standin: StandIn,
    video: Video,
    order: Order,
    each: bool,
) -> None:
    tell_all(api, standin, video, order, each)
    try_jobs()

    failed = (ProcessingStatus.FAILED, "", "Cloudinary made no stream of this video.")
    assert state() == failed
    assert waiting_jobs() == []


@each_order
def test_a_stream_that_answers_in_the_middle_is_there_in_the_end(
    api: Client, standin: StandIn, video: Video, order: Order
) -> None:
    tell_all(api, standin, video, order[:2], each=True)
    standin.finish_streams(notify=False)
    tell_all(api, standin, video, order[2:], each=True)

    assert state()[0] == ProcessingStatus.COMPLETED
    assert waiting_jobs() == []


def test_the_notice_of_a_real_stream_completes_the_video(
    api: Client, standin: StandIn, video: Video
) -> None:
    (notice,) = standin.finish_streams(notify=False)
    assert notify(api, notice) == 200
    assert try_jobs() == []

    doc = api.get(f"videos/{video.pk}").data
    assert doc["processingStatus"] == "COMPLETED"
    assert fetch(doc["streamUrl"]).content.startswith(b"#EXTM3U")


def test_the_notice_of_a_stream_that_failed_says_so_at_once(
    api: Client, standin: StandIn, video: Video
) -> None:
    (notice,) = standin.finish_streams(failed=True, notify=False)
    assert notify(api, notice) == 200
    assert try_jobs() == []

    doc = api.get(f"videos/{video.pk}").data
    assert (doc["processingStatus"], doc["streamUrl"]) == ("FAILED", None)
    assert fetch(doc["videoFileUrl"]).status == 200


def test_nothing_is_told_of_a_video_that_is_complete(
    api: Client, standin: StandIn, video: Video
) -> None:
    standin.finish_streams(notify=False)
    poll(video)
    before = Video.objects.values().get()
    for told in (eager_failed, eager_done, uploaded):
        assert notify(api, told(standin, video.video_public_id)) == 200

    assert waiting_jobs() == []
    assert Video.objects.values().get() == before


def test_nothing_is_done_about_a_video_that_needs_no_stream(
    api: Client, standin: StandIn, video: Video
) -> None:
    # As the service before this one left its videos.
    Video.objects.update(processing_status=ProcessingStatus.COMPLETED)
    for told in (eager_failed, eager_done, uploaded):
        assert notify(api, told(standin, video.video_public_id)) == 200

    assert waiting_jobs() == []
    assert state() == (ProcessingStatus.COMPLETED, "", "")


def test_a_notification_before_the_row_knows_the_file_is_ignored_and_polling_finds_the_stream(
    api: Client, standin: StandIn, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = spooled_video(user)
    add = CloudinaryBackend.add
    answers: list[int] = []

    def add_and_tell(self: CloudinaryBackend, *where: object) -> StoredFile:
        stored = add(self, *where)  # type: ignore[arg-type]
        answers.extend(notify(api, notice) for notice in standin.finish_streams(notify=False))
        return stored

    monkeypatch.setattr(CloudinaryBackend, "add", add_and_tell)
    assert try_jobs() == []

    assert answers == [200]
    video.refresh_from_db()
    assert video.processing_status == ProcessingStatus.COMPLETED
    assert video.stream_file == backend().stream_url(video.video_public_id)


def test_a_lost_notification_only_costs_time(api: Client, standin: StandIn, user: User) -> None:
    video = spooled_video(user)
    assert [type(failure) for failure in try_jobs()] == [streams.StreamNotReady]
    standin.finish_streams(notify=False)
    assert api.get(f"videos/{video.pk}").data["streamUrl"] is None

    assert try_jobs() == []
    assert api.get(f"videos/{video.pk}").data["streamUrl"]


def test_there_is_no_stream_until_its_playlist_answers(
    api: Client, standin: StandIn, video: Video
) -> None:
    for _ in range(3):
        with pytest.raises(streams.StreamNotReady):
            poll(video)
        doc = api.get(f"videos/{video.pk}").data
        assert (doc["processingStatus"], doc["streamUrl"]) == ("PROCESSING", None)

    standin.finish_streams(notify=False)
    poll(video)
    doc = api.get(f"videos/{video.pk}").data
    assert doc["processingStatus"] == "COMPLETED"
    assert doc["streamUrl"] == backend().stream_url(video.video_public_id)


@pytest.mark.parametrize(
    "content", [b"", b"#EXT", b"<html>not yet</html>", b"\xef\xbb\xbf#EXTM3U", b" #EXTM3U"]
)
def test_what_answers_but_is_no_playlist_is_no_stream(
    standin: StandIn, video: Video, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.finish_streams(notify=False)
    monkeypatch.setattr(standin_account, "variant_list", lambda variant: content)
    with pytest.raises(streams.StreamNotReady):
        poll(video)
    assert state() == (ProcessingStatus.PROCESSING, "", "")

    poll(video, asked=PATIENCE + 5)
    assert state()[0] == ProcessingStatus.FAILED


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.BAD_GATEWAY, Fault.UNAVAILABLE])
def test_an_error_page_is_no_stream(standin: StandIn, video: Video, fault: Fault) -> None:
    standin.finish_streams(notify=False)
    standin.fail("deliver", fault)
    with pytest.raises(streams.StreamNotReady):
        poll(video)

    poll(video)
    assert state()[0] == ProcessingStatus.COMPLETED


@pytest.mark.parametrize("asked", [0, PATIENCE + 5])
def test_a_delivery_that_hangs_up_says_nothing(standin: StandIn, video: Video, asked: int) -> None:
    standin.fail("deliver", Fault.CLOSED)
    with pytest.raises(MediaUnavailable):
        poll(video, asked=asked)

    assert state() == (ProcessingStatus.PROCESSING, "", "")


def test_after_a_day_of_patience_it_has_failed(api: Client, standin: StandIn, video: Video) -> None:
    with pytest.raises(streams.StreamNotReady):
        poll(video, asked=PATIENCE - 60)
    updated_at = Video.objects.get().updated_at
    poll(video, asked=PATIENCE + 5)

    assert state() == (ProcessingStatus.FAILED, "", "Cloudinary made no stream of this video.")
    assert Video.objects.get().updated_at == updated_at
    # The stream that comes after all is taken, and the original plays throughout.
    assert fetch(api.get(f"videos/{video.pk}").data["videoFileUrl"]).status == 200
    standin.finish_streams(notify=False)
    poll(video)
    assert state()[0] == ProcessingStatus.COMPLETED


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
@pytest.mark.parametrize("moved", [True, False], ids=["after the renaming", "before it"])
def test_a_notification_of_an_id_from_before_changes_nothing(
    api: Client,
    standin: StandIn,
    video: Video,
    told: Told,
    moved: bool,
) -> None:
    old = video.video_public_id
    standin.finish_streams(notify=False)
    poll(video)
    set_published(video=video, published=False)
    if moved:
        try_jobs()
    forget_jobs()
    before = Video.objects.values().get()
    assert (before["stream_file"], before["processing_status"]) == ("", "PROCESSING")

    assert notify(api, told(standin, old)) == 200
    assert try_jobs() == []
    assert Video.objects.values().get() == before


def test_a_hidden_video_gets_its_stream_again(standin: StandIn, video: Video) -> None:
    standin.finish_streams(notify=False)
    poll(video)
    set_published(video=video, published=False)
    assert [type(failure) for failure in try_jobs()] == [streams.StreamNotReady]
    standin.finish_streams(notify=False)
    assert try_jobs() == []

    row = Video.objects.get()
    assert row.stream_file == backend().stream_url(row.video_public_id) != ""
    assert f"/{row.folder}/" in row.stream_file


@pytest.mark.parametrize("answer", [True, False])
def test_what_was_found_at_an_id_from_before_is_not_noted(
    standin: StandIn, video: Video, answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hide_meanwhile(self: CloudinaryBackend, address: str) -> bool:
        set_published(video=video, published=False)
        return answer

    with monkeypatch.context() as hiding:
        hiding.setattr(CloudinaryBackend, "answers_with_playlist", hide_meanwhile)
        poll(video, asked=PATIENCE + 5)
    assert state() == (ProcessingStatus.PROCESSING, "", "")

    try_jobs()
    standin.finish_streams(notify=False)
    try_jobs()
    assert state()[0] == ProcessingStatus.COMPLETED


def test_a_look_that_found_nothing_does_not_undo_one_that_did(
    standin: StandIn, video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    def complete_meanwhile(self: CloudinaryBackend, address: str) -> bool:
        monkeypatch.undo()
        standin.finish_streams(notify=False)
        poll(video)
        return False

    monkeypatch.setattr(CloudinaryBackend, "answers_with_playlist", complete_meanwhile)
    poll(video, asked=PATIENCE + 5)

    assert state()[0] == ProcessingStatus.COMPLETED

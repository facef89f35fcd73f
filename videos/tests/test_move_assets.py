"""Renaming a video's files on Cloudinary, whatever happened to them before."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from videos.models import ProcessingStatus, Video
from videos.services import assets
from videos.services.resumption import resume_processing
from videos.services.streams import StreamNotReady
from videos.services.videos import set_published
from videos.tests.jobs import waiting_jobs
from videos.tests.pushing import backend, forget_jobs, pushed_video, try_jobs
from viztube.media.backends import Kind, MediaMissing, MediaRefused, MediaUnavailable
from viztube.media.cloud import CloudinaryBackend
from viztube.media.paths import new_folder
from viztube.media.tests.fetching import fetch
from viztube.media.tests.standin import Fault, StandIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("standin")]


def hidden_video() -> Video:
    """Return a video whose files are still where they were before it was hidden."""
    video = pushed_video()
    set_published(video=video, published=False)
    forget_jobs()
    video.refresh_from_db()
    return video


def move(video: Video) -> None:
    assets.move_assets(video_id=video.pk)


def assert_in_place(video: Video, standin: StandIn) -> None:
    row = Video.objects.get(pk=video.pk)
    assert [row.video_public_id, row.thumbnail_public_id] == [
        f"{row.folder}/video",
        f"{row.folder}/poster",
    ]
    assert standin.stored() == {f"video {row.folder}/video", f"image {row.folder}/poster"}
    assert fetch(row.video_file).status == fetch(row.thumbnail_file).status == 200


def test_files_get_the_ids_that_their_addresses_have(standin: StandIn) -> None:
    video = hidden_video()
    for _ in range(2):
        move(video)

    assert_in_place(video, standin)


def test_an_answer_that_was_lost_is_made_up_for(standin: StandIn) -> None:
    video = hidden_video()
    standin.fail("rename", Fault.LOST)
    with pytest.raises(MediaUnavailable):
        move(video)
    move(video)

    assert_in_place(video, standin)


def test_a_file_is_found_where_a_job_that_was_cut_off_left_it(standin: StandIn) -> None:
    video = hidden_video()
    left_in = video.folder
    backend().rename(Kind.VIDEO, video.video_public_id, f"{left_in}/video")
    set_published(video=video, published=True)
    try_jobs()

    assert_in_place(video, standin)


def test_of_two_copies_the_one_at_the_old_address_goes(standin: StandIn) -> None:
    video = hidden_video()
    old = video.video_public_id
    content = standin.assets["video", old].content
    standin.put("video", f"{video.folder}/video", content, format="mp4")
    move(video)

    assert_in_place(video, standin)
    assert fetch(backend().url(f"{old}.mp4")).status == 404


def test_a_refusal_for_another_reason_is_told(standin: StandIn) -> None:
    video = hidden_video()
    standin.fail("rename", Fault.REFUSED)

    with pytest.raises(MediaRefused):
        move(video)
    move(video)
    assert_in_place(video, standin)


def test_what_is_nowhere_is_told_and_the_rest_is_moved(standin: StandIn) -> None:
    video = hidden_video()
    del standin.assets["video", video.video_public_id]

    with pytest.raises(MediaMissing, match=video.video_public_id):
        move(video)
    assert standin.stored() == {f"image {video.folder}/poster"}


def test_a_video_deleted_while_its_file_is_renamed_leaves_nothing(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = hidden_video()
    rename = CloudinaryBackend.rename

    def rename_and_delete(self: CloudinaryBackend, *args: Any) -> Any:
        stored = rename(self, *args)
        Video.objects.filter(pk=video.pk).delete()
        return stored

    monkeypatch.setattr(CloudinaryBackend, "rename", rename_and_delete)
    move(video)

    assert standin.stored() == set()


def test_a_video_that_is_gone_is_no_problem(standin: StandIn) -> None:
    video = hidden_video()
    Video.objects.all().delete()
    move(video)

    assert [one.action for one in standin.requests if one.action == "rename"] == []


def test_without_cloudinary_nothing_is_done_and_the_jobs_wait(
    standin: StandIn, settings: Any
) -> None:
    video = hidden_video()
    before = standin.stored()
    settings.CLOUDINARY_ACCOUNT = None

    with pytest.raises(MediaUnavailable, match="CLOUDINARY_URL is not set"):
        move(video)
    with pytest.raises(MediaUnavailable, match="CLOUDINARY_URL is not set"):
        assets.remove_asset(
            video_id=video.pk, kind=Kind.VIDEO, public_id=f"{new_folder('p')}/video"
        )
    assert standin.stored() == before
    assert resume_processing() == 0


def long_ago() -> None:
    Video.objects.update(created_at=timezone.now() - timedelta(hours=1))


def test_a_renaming_that_was_forgotten_is_taken_up(standin: StandIn) -> None:
    video = hidden_video()
    long_ago()
    assert [resume_processing(), resume_processing()] == [1, 0]
    try_jobs()

    assert_in_place(video, standin)


def test_a_stream_that_nobody_looks_for_is_looked_for(standin: StandIn) -> None:
    video = pushed_video()
    long_ago()

    assert [resume_processing(dry_run=True), resume_processing(), resume_processing()] == [1, 1, 0]
    assert [type(failure) for failure in try_jobs()] == [StreamNotReady]
    standin.finish_streams(notify=False)
    assert try_jobs() == []
    video.refresh_from_db()
    assert video.stream_file


def test_young_and_finished_videos_are_left_alone() -> None:
    pushed_video()
    Video.objects.filter(pk=pushed_video().pk).update(
        processing_status=ProcessingStatus.COMPLETED,
        created_at=timezone.now() - timedelta(hours=1),
    )

    assert resume_processing() == 0
    assert waiting_jobs() == []


def test_a_stream_is_asked_for_once_it_has_another_id(standin: StandIn) -> None:
    video = pushed_video()
    standin.finish_streams(notify=False)
    set_published(video=video, published=False)
    try_jobs()

    asked = [one.params["public_id"] for one in standin.requests if one.action == "explicit"]
    assert asked == [f"{Video.objects.get().folder}/video"]

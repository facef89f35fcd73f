"""Streams that are made anew, taken up again, or no longer made here."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from procrastinate.job_context import AbortReason

from users.models import User
from videos.models import Rendition, Transcoding, Video
from videos.services import transcoding
from videos.services.ladders import remove_old_stream
from videos.services.pushes import push_on_commit, push_video
from videos.services.resumption import resume_processing
from videos.services.transcoding import Interrupted, make_stream_again
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from videos.tests.pushing import forget_jobs
from videos.tests.streaming import (
    folder_of,
    heights_of,
    make_source,
    state_of,
    streams_of,
    transcode_once,
    uploaded,
)
from videos.tests.uploading import upload
from viztube.api.tests.fixtures import Client
from viztube.media.commands import CommandFailed
from viztube.media.tests.standin import StandIn

pytestmark = pytest.mark.django_db(transaction=True)

RunJobs = Callable[[], list[str]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("sources"))


@pytest.fixture(autouse=True)
def made_here(settings: Any) -> None:
    settings.HLS_TOP_RUNG = 720


@pytest.fixture
def video(source: Path) -> Video:
    """Return a video with its stream."""
    video = uploaded(source)
    transcode_once(video)
    forget_jobs()
    video.refresh_from_db()
    return video


def test_the_stream_from_before_can_be_watched_until_the_new_one_is_complete(
    video: Video, run_jobs: RunJobs, stored_files: Callable[[], set[str]]
) -> None:
    before, watched = streams_of(video), video.stream_file
    files = stored_files()
    assert make_stream_again(video_id=video.pk)
    assert state_of(video) == ("COMPLETED", "")

    def look() -> None:
        assert Video.objects.get().stream_file == watched
        assert heights_of(video) == [240, 360]
        assert files <= stored_files()

    transcode_once(video, look)

    row = Video.objects.get()
    assert row.stream_file != watched
    assert heights_of(video) == [240, 360]
    # For who is watching it.
    assert files <= stored_files()
    assert run_jobs() == ["transcode_video", "remove_old_stream"]
    (left,) = streams_of(video)
    assert row.stream_file.startswith(left)
    assert left not in before


def test_a_failure_leaves_the_stream_from_before(
    video: Video, monkeypatch: pytest.MonkeyPatch, run_jobs: RunJobs
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise CommandFailed("ffmpeg", "Killed")

    monkeypatch.setattr(transcoding, "encode", fail)
    monkeypatch.setattr(transcoding, "MAX_ATTEMPTS", 1)
    make_stream_again(video_id=video.pk)
    run_jobs()

    assert state_of(video) == ("COMPLETED", "")
    assert [video.stream_file.partition("/")[0]] == streams_of(video)
    assert heights_of(video) == [240, 360]


def test_one_that_is_being_made_is_given_up_for_another(
    source: Path, run_jobs: RunJobs, media_root: Path
) -> None:
    video = uploaded(source)
    asked: list[bool] = []

    def ask() -> None:
        if not asked and heights_of(video) == [240]:
            asked.append(make_stream_again(video_id=video.pk, rungs=[240]))

    transcode_once(video, ask)
    assert asked == [True]
    assert state_of(video) == ("PROCESSING", "")
    assert Video.objects.get().stream_file == ""
    run_jobs()

    assert state_of(video) == ("COMPLETED", "")
    assert heights_of(video) == [240]
    assert streams_of(video) == [Video.objects.get().stream_file.partition("/")[0]]
    assert list((media_root / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("rungs", "made"), [([360], [360]), ([240, 1080], [240]), ([720, 1080], [360])]
)
def test_only_what_is_asked_for_and_fits_is_made(
    video: Video, run_jobs: RunJobs, rungs: list[int], made: list[int]
) -> None:
    make_stream_again(video_id=video.pk, rungs=rungs)
    run_jobs()

    assert heights_of(video) == made


def test_asking_twice_makes_one(video: Video, run_jobs: RunJobs) -> None:
    for _ in range(2):
        make_stream_again(video_id=video.pk)

    assert waiting_jobs().count("transcode_video") == 1
    run_jobs()
    assert len(streams_of(video)) == 1


def test_what_is_elsewhere_or_not_there_is_not_made() -> None:
    elsewhere = VideoFactory.create(video_file="https://videos.example/a.mp4")
    gone = VideoFactory.create()
    Video.objects.filter(pk=gone.pk).delete()

    assert not make_stream_again(video_id=elsewhere.pk)
    assert not make_stream_again(video_id=gone.pk)
    assert waiting_jobs() == []


def test_nothing_is_made_where_it_is_not_wanted(
    settings: Any, client_for: Callable[[User], Client], user: User, source: Path
) -> None:
    settings.HLS_TOP_RUNG = 0
    video = upload(client_for(user), source.read_bytes()).data["video"]

    assert video["processingStatus"] == "COMPLETED"
    assert waiting_jobs() == ["settle_video"]
    assert not make_stream_again(video_id=Video.objects.get().pk)


def test_what_waits_is_complete_when_nothing_is_made_any_longer(
    source: Path, settings: Any, run_jobs: RunJobs
) -> None:
    video = uploaded(source)
    settings.HLS_TOP_RUNG = 0
    run_jobs()

    assert state_of(video) == ("COMPLETED", "")
    assert not Transcoding.objects.exists()


def make_older(video: Video) -> None:
    """Let a video have come an hour ago, and its jobs be forgotten."""
    forget_jobs()
    Video.objects.filter(pk=video.pk).update(created_at=video.created_at - timedelta(hours=1))


def test_a_forgotten_video_is_taken_up(source: Path, run_jobs: RunJobs) -> None:
    video = uploaded(source)
    assert resume_processing() == 0
    forget_jobs()
    assert resume_processing() == 0
    make_older(video)
    assert resume_processing(dry_run=True) == 1
    assert [resume_processing(), resume_processing()] == [1, 0]

    run_jobs()
    assert state_of(video) == ("COMPLETED", "")
    assert heights_of(video) == [240, 360]


def test_what_was_made_of_a_forgotten_video_is_kept(source: Path, run_jobs: RunJobs) -> None:
    video = uploaded(source)
    with pytest.raises(Interrupted):
        transcode_once(video, lambda: AbortReason.SHUTDOWN if heights_of(video) else None)
    made = streams_of(video)
    make_older(video)
    resume_processing()
    run_jobs()

    assert streams_of(video) == made
    assert heights_of(video) == [240, 360]


def test_one_that_was_to_go_to_cloudinary_gets_its_stream_here(
    source: Path, run_jobs: RunJobs
) -> None:
    video = uploaded(source)
    make_older(video)
    Transcoding.objects.all().delete()
    push_video(video_id=video.pk, since=0)
    run_jobs()

    assert state_of(video) == ("COMPLETED", "")
    assert heights_of(video) == [240, 360]


def test_a_forgotten_video_that_fails_is_not_taken_up_for_ever(
    video: Video, monkeypatch: pytest.MonkeyPatch, run_jobs: RunJobs
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise CommandFailed("ffmpeg", "Killed")

    # As it is when the lowest quality is there, and the job is not.
    Video.objects.filter(pk=video.pk).update(processing_status="PROCESSING")
    make_older(video)
    monkeypatch.setattr(transcoding, "encode", fail)
    monkeypatch.setattr(transcoding, "MAX_ATTEMPTS", 1)
    assert resume_processing() == 1
    run_jobs()

    assert state_of(video)[0] == "FAILED"
    assert resume_processing() == 0


def test_a_forgotten_video_is_complete_where_nothing_is_made(source: Path, settings: Any) -> None:
    video = uploaded(source)
    make_older(video)
    settings.HLS_TOP_RUNG = 0

    assert resume_processing() == 1
    assert state_of(video) == ("COMPLETED", "")


def test_on_cloudinary_it_gets_the_stream_from_there(
    video: Video,
    request: pytest.FixtureRequest,
    finish_jobs: Callable[[], None],
    stored_files: Callable[[], set[str]],
) -> None:
    standin: StandIn = request.getfixturevalue("standin")
    Video.objects.update(processing_status="PROCESSING")
    push_on_commit(video=video)
    finish_jobs()

    row = Video.objects.get()
    assert row.processing_status == "COMPLETED"
    assert row.stream_file.startswith("http")
    assert row.stream_path == row.stream_file
    assert not Rendition.objects.exists()
    assert stored_files() == set()
    assert standin.stored()


@pytest.mark.parametrize("name", ["", "..", "video.mp4", "hls-0a1b2c3d/240p", "hls-0A1B2C3D"])
def test_only_a_stream_is_removed(video: Video, name: str) -> None:
    with pytest.raises(ValueError, match="Not the folder of a stream"):
        remove_old_stream(video_id=video.pk, name=name)

    assert (folder_of(video) / video.video_file).exists()


def test_what_a_video_has_is_not_removed(video: Video) -> None:
    (name,) = streams_of(video)
    remove_old_stream(video_id=video.pk, name=name)

    assert streams_of(video) == [name]

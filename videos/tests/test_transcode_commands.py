"""``manage.py transcode`` and ``transcode_status``."""

from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from videos.models import Transcoding, Video
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def made_here(settings: Any) -> None:
    settings.HLS_TOP_RUNG = 720


def run(*arguments: str) -> tuple[str, str]:
    """Return what a command printed, and its complaints."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_videos_are_put_into_the_queue() -> None:
    videos = VideoFactory.create_batch(2)
    VideoFactory.create()
    out, err = run("transcode", *(str(video.pk) for video in videos))

    assert waiting_jobs() == ["transcode_video"] * 2
    assert out.endswith(
        "2 videos wait for their streams; `manage.py transcode_status` tells how far they are.\n"
    )
    assert all(f"{video.pk} waits for its stream." in out for video in videos)
    assert err == ""
    assert set(Transcoding.objects.values_list("rungs", flat=True)) == {None}


def test_qualities_can_be_chosen() -> None:
    video = VideoFactory.create()
    run("transcode", str(video.pk), "--rungs", "240", "720")

    assert Transcoding.objects.get().rungs == [240, 720]


def test_only_ours_can_be_chosen() -> None:
    with pytest.raises(CommandError, match="invalid choice: 241"):
        run("transcode", str(VideoFactory.create().pk), "--rungs", "241")


def test_all_without_a_stream() -> None:
    wanted = VideoFactory.create()
    failed = VideoFactory.create(processing_status="FAILED")
    VideoFactory.create(stream_file="hls-0a1b2c3d/master.m3u8")
    VideoFactory.create(processing_status="PROCESSING")
    VideoFactory.create(video_file="https://videos.example/a.mp4")
    out, err = run("transcode", "--missing")

    assert set(Transcoding.objects.values_list("pk", flat=True)) == {wanted.pk, failed.pk}
    assert "2 videos wait" in out
    assert err == ""
    assert set(Video.objects.filter(transcoding=None).values_list("stream_file", flat=True)) == {
        "",
        "hls-0a1b2c3d/master.m3u8",
    }


def test_one_that_is_elsewhere_is_left_out() -> None:
    video = VideoFactory.create(video_file="https://videos.example/a.mp4")
    out, err = run("transcode", str(video.pk))

    assert err == f"{video.pk} is left out: its original is not here.\n"
    assert out.startswith("0 videos wait")


@pytest.mark.parametrize("arguments", [[], ["--missing", str(uuid4())]])
def test_it_wants_to_know_which(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="Name the ids of some videos, or --missing"):
        run("transcode", *arguments)


def test_a_video_that_is_not_there_stops_it_before_anything_is_done() -> None:
    unknown = str(uuid4())
    with pytest.raises(CommandError, match=f"There is no video {unknown}; nothing was done"):
        run("transcode", str(VideoFactory.create().pk), unknown)

    assert waiting_jobs() == []


@pytest.mark.parametrize("reason", ["off", "cloudinary"])
def test_where_no_streams_are_made_it_says_why(settings: Any, reason: str) -> None:
    settings.HLS_TOP_RUNG = 0 if reason == "off" else 720
    settings.CLOUDINARY_ACCOUNT = object() if reason == "cloudinary" else None
    with pytest.raises(CommandError, match="set HLS_TOP_RUNG, and unset CLOUDINARY_URL"):
        run("transcode", str(VideoFactory.create().pk))


def begin(video: Video) -> None:
    """Let a worker have taken the job of a video."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'video_id' = %s",
            [str(video.pk)],
        )


def test_the_status_lists_what_is_made_what_waits_and_what_failed() -> None:
    made, tried, waiting = (VideoFactory.create(title=name) for name in ("A\n1", "B", "C"))
    run("transcode", *(str(video.pk) for video in (made, tried, waiting)))
    begin(made)
    Transcoding.objects.filter(pk=made.pk).update(percent=37)
    Transcoding.objects.filter(pk=tried.pk).update(attempts=2)
    failed = VideoFactory.create(
        title="D", processing_status="FAILED", processing_error="Too strange."
    )
    VideoFactory.create()

    assert run("transcode_status")[0].splitlines() == [
        "Being made: 1",
        f"   37 %  {made.pk}  A 1",
        "Waiting: 2",
        f"  {tried.pk}  B (2 attempts failed)",
        f"  {waiting.pk}  C",
        "Failed: 1",
        f"  {failed.pk}  D: Too strange.",
    ]


def test_the_status_when_there_is_nothing() -> None:
    assert run("transcode_status")[0].splitlines() == ["Being made: 0", "Waiting: 0", "Failed: 0"]

"""Streams that this machine makes of uploads: what is there when, and what becomes of failures."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.db import OperationalError
from django.db.models import QuerySet
from procrastinate.exceptions import JobAborted
from procrastinate.job_context import AbortReason

from users.models import User
from videos.models import Transcoding, Video
from videos.services import transcoding
from videos.services.transcoding import Interrupted
from videos.services.videos import delete_video, set_published
from videos.tests.jobs import waiting_jobs
from videos.tests.streaming import (
    SIZE,
    attempts_at,
    folder_of,
    heights_of,
    make_source,
    state_of,
    streams_of,
    transcode_once,
    uploaded,
)
from videos.tests.uploading import upload
from viztube.api.errors import Unavailable
from viztube.api.tests.fixtures import Client
from viztube.media.commands import CommandFailed
from viztube.media.hls.encoder import encode
from viztube.media.hls.workplace import WorkplaceTaken, workplace
from viztube.media.tests.fetching import fetch

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
    return uploaded(source)


def works_left(media_root: Path) -> list[str]:
    """Return what is left where streams are put together."""
    return sorted(path.name for path in (media_root / "incoming").iterdir())


def test_an_upload_plays_at_once_and_gets_its_stream(
    client_for: Callable[[User], Client], user: User, source: Path, run_jobs: RunJobs
) -> None:
    client = client_for(user)
    video = upload(client, source.read_bytes()).data["video"]
    assert (video["processingStatus"], video["streamUrl"]) == ("PROCESSING", None)
    assert fetch(video["videoFileUrl"]).status == 200
    assert client.get(f"videos/{video['id']}/processing").data["percent"] == 0

    assert run_jobs() == ["settle_video", "transcode_video"]

    made = client.get(f"videos/{video['id']}").data
    assert made["processingStatus"] == "COMPLETED"
    assert made["updatedAt"] == video["updatedAt"]
    assert made["videoFileUrl"] == video["videoFileUrl"]
    low, high = made["renditions"]
    assert (low["width"], low["height"]) == (284, 240)
    assert f"{high['width']}x{high['height']}" == SIZE
    assert 0 < low["bitrate"] < high["bitrate"]
    assert all(one["codecs"].startswith("avc1.6400") for one in made["renditions"])
    assert all(one["codecs"].endswith(",mp4a.40.2") for one in made["renditions"])
    master = fetch(made["streamUrl"]).content
    assert master.count(b"#EXT-X-STREAM-INF") == 2
    assert not Transcoding.objects.exists()


def test_the_lowest_quality_can_be_watched_before_the_others_are_made(
    video: Video, user: User, client_for: Callable[[User], Client]
) -> None:
    client, seen = client_for(user), []

    def look() -> None:
        answer = client.get(f"videos/{video.pk}").data
        heights = [one["height"] for one in answer["renditions"]]
        seen.append((answer["processingStatus"], bool(answer["streamUrl"]), heights))

    transcode_once(video, look)

    assert ("PROCESSING", False, []) in seen
    assert ("PROCESSING", True, [240]) in seen
    assert len({str(one) for one in seen}) == 2
    assert heights_of(video) == [240, 360]


def test_the_percentage_rises(video: Video, monkeypatch: pytest.MonkeyPatch, api: Client) -> None:
    monkeypatch.setattr(transcoding, "TELL_SECONDS", 0.0)
    seen: list[int] = []
    transcode_once(
        video, lambda: seen.append(api.get(f"videos/{video.pk}/processing").data["percent"])
    )

    assert seen == sorted(seen)
    assert seen[0] == 0
    assert 20 < seen[-1] <= 99
    assert api.get(f"videos/{video.pk}/processing").data["percent"] == 100


def test_what_was_made_is_kept_when_the_worker_stops(video: Video, media_root: Path) -> None:
    def stop() -> AbortReason | None:
        return AbortReason.SHUTDOWN if heights_of(video) else None

    with pytest.raises(Interrupted):
        transcode_once(video, stop)
    assert state_of(video) == ("PROCESSING", "")
    # It was not the video's fault.
    assert attempts_at(video) == 0
    assert works_left(media_root) == []
    (stream,) = streams_of(video)
    playlist = folder_of(video) / stream / "240p" / "index.m3u8"
    made = playlist.stat()

    transcode_once(video)

    assert state_of(video) == ("COMPLETED", "")
    assert heights_of(video) == [240, 360]
    assert streams_of(video) == [stream]
    assert os.path.samestat(made, playlist.stat())


def fail_with(failure: Exception) -> Callable[..., NoReturn]:
    def fail(*args: Any, **kwargs: Any) -> NoReturn:
        raise failure

    return fail


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (CommandFailed("ffmpeg", "Killed"), "No streams could be made of this file."),
        (OSError(errno.ENOSPC, "full"), "This site had no room for its streams."),
        (OSError(errno.EIO, "broken"), "No streams could be made of this file."),
    ],
    ids=["ffmpeg", "no room", "disk"],
)
def test_the_third_failure_is_the_last(
    monkeypatch: pytest.MonkeyPatch,
    video: Video,
    media_root: Path,
    failure: Exception,
    told: str,
) -> None:
    monkeypatch.setattr(transcoding, "encode", fail_with(failure))
    for attempt in (1, 2):
        with pytest.raises(type(failure)):
            transcode_once(video)
        assert state_of(video) == ("PROCESSING", "")
        assert attempts_at(video) == attempt
    transcode_once(video)

    assert state_of(video) == ("FAILED", told)
    assert works_left(media_root) == []
    assert not Transcoding.objects.exists()


def test_what_a_failure_left_cannot_be_watched_and_goes(
    video: Video, monkeypatch: pytest.MonkeyPatch, run_jobs: RunJobs, api: Client
) -> None:
    monkeypatch.setattr(transcoding, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(transcoding, "TELL_SECONDS", 0.0)
    calls = iter([True, False])

    def sometimes(*args: Any, **kwargs: Any) -> None:
        if not next(calls):
            raise CommandFailed("ffmpeg", "Killed")
        encode(*args, **kwargs)

    monkeypatch.setattr(transcoding, "encode", sometimes)
    transcode_once(video)

    answer = api.get(f"videos/{video.pk}").data
    assert (answer["processingStatus"], answer["streamUrl"]) == ("FAILED", None)
    assert answer["renditions"] == []
    assert fetch(answer["videoFileUrl"]).status == 200
    assert [one["id"] for one in api.get("videos").data["docs"]] == [str(video.pk)]
    # Somebody may be watching it still.
    assert len(streams_of(video)) == 1
    assert run_jobs()[-1] == "remove_old_stream"
    assert streams_of(video) == []


def test_what_is_no_video_is_not_tried_again(video: Video, run_jobs: RunJobs) -> None:
    (folder_of(video) / video.video_file).write_bytes(b"#EXTM3U\n" * 99)
    transcode_once(video)

    status, told = state_of(video)
    assert status == "FAILED"
    assert told.startswith("This file ")
    assert told.endswith(".")


def test_a_video_that_kills_its_worker_is_given_up(video: Video) -> None:
    Transcoding.objects.update(attempts=transcoding.MAX_ATTEMPTS)
    transcode_once(video)

    assert state_of(video) == ("FAILED", "Making its streams was cut off 3 times.")


def test_staff_can_stop_it(video: Video, media_root: Path) -> None:
    with pytest.raises(JobAborted):
        transcode_once(video, lambda: AbortReason.USER_REQUEST)

    told = "Making its streams was stopped by the operators of this site."
    assert state_of(video) == ("FAILED", told)
    assert works_left(media_root) == []


@pytest.mark.parametrize("when", ["in the first passage", "in the second passage"])
def test_hidden_while_it_is_made(
    video: Video, run_jobs: RunJobs, media_root: Path, api: Client, when: str
) -> None:
    addresses: list[str] = []

    def hide() -> None:
        row = Video.objects.get()
        if row.is_published and bool(row.stream_file) == (when == "in the second passage"):
            addresses.append(f"http://127.0.0.1:8000/media/{row.stream_path or row.video_path}")
            assert fetch(addresses[0]).status == 200
            set_published(video=row, published=False)

    transcode_once(video, hide)

    row = Video.objects.get()
    assert fetch(addresses[0]).status == 404
    assert row.stream_path.startswith("h/")
    assert (media_root / row.stream_path).is_file()
    assert state_of(video) == ("COMPLETED", "")
    assert streams_of(video) == [row.stream_file.partition("/")[0]]
    assert works_left(media_root) == []


@pytest.mark.parametrize("when", ["in the first passage", "in the second passage"])
def test_deleted_while_it_is_made(
    video: Video, run_jobs: RunJobs, stored_files: Callable[[], set[str]], when: str
) -> None:
    def delete() -> None:
        row = Video.objects.filter(pk=video.pk).first()
        if row and bool(row.stream_file) == (when == "in the second passage"):
            delete_video(video=row)

    transcode_once(video, delete)
    run_jobs()

    assert stored_files() == set()
    assert not Video.objects.exists()


def test_the_original_leaves_while_it_is_made(video: Video, media_root: Path) -> None:
    transcode_once(
        video, lambda: Video.objects.update(video_file="https://videos.example/a.mp4") and None
    )

    row = Video.objects.get()
    assert (row.stream_file, row.video_file) == ("", "https://videos.example/a.mp4")
    assert works_left(media_root) == []


def test_nobody_else_works_on_it_meanwhile(video: Video, media_root: Path) -> None:
    def look() -> None:
        with pytest.raises(WorkplaceTaken), workplace(video.pk.hex):
            pass

    transcode_once(video, look)

    assert state_of(video) == ("COMPLETED", "")


def test_what_a_killed_process_left_is_cleared_up(video: Video, media_root: Path) -> None:
    left = media_root / "incoming" / video.pk.hex / "made" / "240p"
    left.mkdir(parents=True)
    (left / "00000.m4s").write_bytes(b"half")
    transcode_once(video)

    assert works_left(media_root) == []
    stream = folder_of(video) / streams_of(video)[0]
    assert (stream / "240p" / "00000.m4s").read_bytes() != b"half"


def test_a_second_job_of_the_same_video_has_nothing_to_do(video: Video, run_jobs: RunJobs) -> None:
    transcode_once(video)
    made = streams_of(video)
    assert waiting_jobs() == ["transcode_video"]

    run_jobs()

    assert streams_of(video) == made


def test_want_of_a_turn_is_not_the_videos_fault(
    video: Video, monkeypatch: pytest.MonkeyPatch, media_root: Path
) -> None:
    monkeypatch.setattr(transcoding, "encode", fail_with(Unavailable("busy")))
    for _ in range(4):
        with pytest.raises(Unavailable):
            transcode_once(video)

    assert (attempts_at(video), state_of(video)) == (0, ("PROCESSING", ""))
    assert works_left(media_root) == []


def test_it_goes_on_while_the_database_is_started_anew(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcoding, "TELL_SECONDS", 0.0)
    update, calls = QuerySet.update, iter([True, True])

    def away(rows: Any, **changes: Any) -> int:
        if "percent" in changes and next(calls, False):
            raise OperationalError("the server closed the connection")
        return update(rows, **changes)

    monkeypatch.setattr(QuerySet, "update", away)
    transcode_once(video)

    assert next(calls, None) is None
    assert state_of(video) == ("COMPLETED", "")

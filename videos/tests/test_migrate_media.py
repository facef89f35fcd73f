"""`manage.py migrate_media`: the whole library from this disk to Cloudinary, and back."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from users.tests.factories import UserFactory
from videos.models import ProcessingStatus, Video
from videos.services import migration, pushes
from videos.tests.factories import VideoFactory
from videos.tests.migrating import (
    JPEG,
    MP4,
    PNG,
    Crashed,
    crash,
    failing,
    files_of,
    local_person,
    local_video,
    migrate,
    moved,
)
from viztube.api.tests.fixtures import Client
from viztube.media.backends import StoredFile, disk
from viztube.media.cloud import CloudinaryBackend
from viztube.media.paths import new_folder
from viztube.media.tests.fetching import fetch
from viztube.media.tests.standin import Fault, StandIn

pytestmark = pytest.mark.django_db

Listing = Callable[[], set[str]]
Finish = Callable[[], None]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "PAUSES", (0.0, 0.0))


def test_everything_goes_to_cloudinary_and_comes_back(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing
) -> None:
    person = local_person()
    videos = [local_video(), local_video(is_published=False)]
    before = stored_files()
    was = list(Video.objects.order_by("pk").values("updated_at", "folder"))
    told = migrate("cloudinary")
    assert moved(told) == 6
    assert "Every file that can go is at Cloudinary" in told
    for video in videos:
        assert files_of(video) == (MP4, JPEG)
    finish_jobs()

    assert stored_files() == set()
    assert len(standin.stored()) == 6
    for video in Video.objects.all():
        assert fetch(video.video_file).content == MP4
        assert fetch(video.thumbnail_file).content == JPEG
        assert fetch(video.stream_file).content.startswith(b"#EXTM3U")
    person.refresh_from_db()
    assert [fetch(at).content for at in (person.avatar, person.cover_image)] == [PNG, PNG]
    assert moved(migrate("cloudinary")) == 0

    told = migrate("local")
    assert moved(told) == 6
    assert "Run this again until it moves nothing" in told
    for video in videos:
        assert files_of(video) == (MP4, JPEG)
    finish_jobs()

    assert standin.stored() == set()
    assert {path for path in stored_files() if "video" in path or "poster" in path} == {
        path for path in before if "video" in path or "poster" in path
    }
    for video in videos:
        assert files_of(video) == (MP4, JPEG)
    person.refresh_from_db()
    assert [fetch(disk().url(at)).content for at in (person.avatar, person.cover_image)] == [
        PNG,
        PNG,
    ]
    assert list(Video.objects.order_by("pk").values("updated_at", "folder")) == was
    assert set(Video.objects.values_list("processing_status", "stream_file", "video_version")) == {
        (ProcessingStatus.COMPLETED, "", None)
    }
    assert "Nothing is left at Cloudinary: unset CLOUDINARY_URL" in migrate("local")


def test_a_second_journey_finds_the_same_ids_free(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing
) -> None:
    video = local_video()
    for to in ("cloudinary", "local", "cloudinary", "local"):
        assert moved(migrate(to)) == 2
        finish_jobs()

    assert files_of(video) == (MP4, JPEG)
    assert standin.stored() == set()
    assert stored_files() == {f"{video.folder}/video.mp4", f"{video.folder}/poster.jpg"}


def test_a_hidden_video_stays_hidden(standin: StandIn, api: Client, finish_jobs: Finish) -> None:
    video = local_video(is_published=False)
    migrate("cloudinary")
    finish_jobs()
    assert all(" h/" in name for name in standin.stored())
    migrate("local")
    finish_jobs()

    video.refresh_from_db()
    assert video.video_path.startswith("h/")
    assert api.get(f"videos/{video.pk}").status == 404


def test_a_file_with_which_cloudinary_has_trouble_does_not_hold_up_the_others(
    standin: StandIn, finish_jobs: Finish
) -> None:
    first, second = local_video(), local_video()
    standin.fail("upload", *[Fault.SERVER_ERROR] * 3)
    problem, told = failing("cloudinary")

    assert f"video {first.pk}: Cloudinary does not answer as it should." in told
    assert "1 could not be moved" in problem
    assert moved(told) == 2
    finish_jobs()
    second.refresh_from_db()
    assert fetch(second.video_file).content == MP4
    assert moved(migrate("cloudinary")) == 2


def test_a_run_that_cloudinary_stopped_is_gone_on_with(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing
) -> None:
    for _ in range(3):
        local_video()
    standin.fail("upload", None, None, None, *[Fault.UNAVAILABLE] * 3)
    standin.fail("ping", *[Fault.UNAVAILABLE] * 4)
    problem, told = failing("cloudinary")
    assert "Cloudinary does not answer" in problem
    assert "run the same command again" in problem
    assert moved(told) == 3
    assert len(standin.stored()) == 3

    assert moved(migrate("cloudinary")) == 3
    finish_jobs()
    assert len(standin.stored()) == 6
    assert stored_files() == set()


def test_a_failure_that_heals_is_waited_out(standin: StandIn, finish_jobs: Finish) -> None:
    local_video()
    standin.fail("upload", Fault.SERVER_ERROR, Fault.RATE_LIMITED)
    assert moved(migrate("cloudinary")) == 2
    finish_jobs()
    standin.fail("deliver", Fault.UNAVAILABLE, Fault.LOST)

    assert moved(migrate("local")) == 2


def test_acrash_between_sending_and_the_row_neither_loses_nor_doubles(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_video()
    with monkeypatch.context() as patch:
        patch.setattr(pushes, "_recorded", crash)
        with pytest.raises(Crashed):
            migrate("cloudinary")
    assert len(standin.stored()) == 1
    assert len(stored_files()) == 2

    assert moved(migrate("cloudinary")) == 2
    finish_jobs()
    assert len(standin.stored()) == 2
    assert stored_files() == set()


def test_a_worker_that_pushes_the_same_video_at_the_same_moment_does_no_harm(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = local_video()
    real = CloudinaryBackend.add

    def add_slowly(self: CloudinaryBackend, folder: str, file: Path) -> StoredFile:
        monkeypatch.setattr(CloudinaryBackend, "add", real)
        content = file.read_bytes()
        pushes.push_video(video_id=video.pk, since=0)
        finish_jobs()
        assert stored_files() == set()
        # An open file can be read although it was deleted.
        file.parent.mkdir()
        file.write_bytes(content)
        stored = real(self, folder, file)
        file.unlink()
        return stored

    monkeypatch.setattr(CloudinaryBackend, "add", add_slowly)
    migrate("cloudinary")
    finish_jobs()

    assert len(standin.stored()) == 2
    assert files_of(video) == (MP4, JPEG)


def test_files_about_to_be_deleted_at_cloudinary_are_not_sent_there_again(
    standin: StandIn, finish_jobs: Finish
) -> None:
    video = local_video()
    migrate("cloudinary")
    finish_jobs()
    migrate("local")
    problem, told = failing("cloudinary")
    assert problem.startswith("1 could not be moved")
    assert f"video {video.pk}: Its copy at Cloudinary is being deleted" in told

    finish_jobs()
    assert moved(migrate("cloudinary")) == 2


def test_a_video_that_cloudinary_refuses_stays_and_plays(
    standin: StandIn, finish_jobs: Finish
) -> None:
    refused, _ = local_video(), local_video()
    standin.fail("upload", Fault.REFUSED)
    problem, told = failing("cloudinary")
    finish_jobs()

    assert problem.startswith("1 could not be moved")
    assert f"video {refused.pk}: Cloudinary does not take this file." in told
    assert moved(told) == 2
    assert "left: refused by Cloudinary" in told
    refused.refresh_from_db()
    assert refused.processing_status == ProcessingStatus.COMPLETED
    assert files_of(refused) == (MP4, JPEG)


def test_files_that_are_gone_are_told_and_the_others_move(
    standin: StandIn, media_root: Path
) -> None:
    person = local_person()
    lost, _ = local_video(), local_video()
    (media_root / lost.folder / "video.mp4").unlink()
    (media_root / person.avatar).unlink()
    problem, told = failing("cloudinary")

    assert problem.startswith("2 could not be moved")
    assert f"video {lost.pk}: The file is gone." in told
    assert f"avatar of user {person.pk}: The file is gone." in told
    assert moved(told) == 3


def test_clips_and_faces_that_many_share_stay(
    standin: StandIn, media_root: Path, stored_files: Listing
) -> None:
    clip = new_folder("p")
    disk().make(clip)
    for name in ("video.mp4", "poster.jpg"):
        (media_root / clip / name).write_bytes(b"shared")
    for _ in range(2):
        VideoFactory.create(
            video_file=f"{clip}/video.mp4",
            thumbnail_file=f"{clip}/poster.jpg",
            user=UserFactory.create(avatar=f"{clip}/faces/face.jpg"),
        )
    told = migrate("cloudinary")

    assert moved(told) == 0
    assert "staying: files that demo videos share, on this disk        3" in told
    assert standin.stored() == set()
    assert len(stored_files()) == 2


def test_more_rows_than_are_held_in_memory_are_moved(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "BATCH", 2)
    for _ in range(5):
        local_video()

    assert moved(migrate("cloudinary")) == 10
    assert moved(migrate("local")) == 10


def test_moving_to_cloudinary_leaves_its_admin_api_alone(standin: StandIn) -> None:
    local_person()
    local_video()
    migrate("cloudinary")
    migrate("local")

    assert {request.method for request in standin.requests} == {"POST"}


def test_a_file_that_cannot_be_read_is_told(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_video()

    def broken(*args: Any, **options: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(CloudinaryBackend, "add", broken)
    assert "The disk failed: Input/output error." in failing("cloudinary")[1]


@pytest.mark.parametrize("to", ["cloudinary", "local"])
def test_without_an_account_the_command_says_what_to_set(to: str) -> None:
    problem, _ = failing(to)

    assert "set" in problem
    assert "CLOUDINARY_URL" in problem


def test_whoever_stops_it_is_told_that_it_can_be_run_again(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    local_video()

    def interrupted(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CloudinaryBackend, "add", interrupted)
    with pytest.raises(CommandError, match=r"Stopped\. Run the same command again") as failure:
        call_command("migrate_media", "--to", "cloudinary")

    assert failure.value.returncode == 130
    assert moved(capsys.readouterr().out) == 0


def test_when_our_database_fails_the_command_says_what_to_do(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any) -> int:
        raise OperationalError("the connection is lost\nHINT: none")

    monkeypatch.setattr(migration.Migration, "count", away)

    assert failing("local")[0] == (
        "Our own database failed (the connection is lost). Run the same command again: it goes on "
        "with what is not there yet."
    )


def test_two_migrations_at_once_are_one_too_many(standin: StandIn) -> None:
    other = connection.copy()
    with closing(other), other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [migration.ADVISORY_LOCK])
        problem, _ = failing("local")
        cursor.execute("SELECT pg_advisory_unlock(%s)", [migration.ADVISORY_LOCK])
    assert problem.startswith("Another migration is running: wait for its end.")

    migrate("local")


def test_progress_is_shown_on_a_terminal(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    local_video()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    call_command("migrate_media", "--to", "cloudinary")

    assert "0/2" in capsys.readouterr().err

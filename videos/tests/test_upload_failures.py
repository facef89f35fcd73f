"""A failure at any step of an upload leaves neither a row nor a file."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from videos.models import Video
from videos.services import uploads
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client
from viztube.media import uploads as uploading
from viztube.media.commands import CommandFailed
from viztube.media.images import NotAnImage
from viztube.media.probe import NotAVideo
from viztube.media.tests.fixtures import picture

pytestmark = pytest.mark.django_db


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    return fail


NO_ROOM = OSError(errno.ENOSPC, "No space left on device")
BROKEN_DISK = OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize(
    ("step", "error", "status"),
    [
        ("probe", NotAVideo("is not one"), 415),
        ("probe", FileNotFoundError(errno.ENOENT, "no ffprobe"), 500),
        ("extract_poster", NotAVideo("has no picture that can be decoded"), 415),
        ("extract_poster", NO_ROOM, 503),
        ("store_image", NotAnImage("must be a picture"), 415),
        ("store_image", NO_ROOM, 503),
        ("store_image", BROKEN_DISK, 503),
        ("relocate_on_commit", OperationalError("the database went away"), 503),
        ("relocate_on_commit", MemoryError("17 bytes short"), 500),
    ],
)
def test_a_step_that_fails(
    user_client: Client,
    tiny_clip: Any,
    stored_files: Callable[[], set[str]],
    media_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: BaseException,
    status: int,
) -> None:
    monkeypatch.setattr(uploads, step, raising(error))
    body = {"title": "x", "videoFile": tiny_clip}
    if step == "store_image":
        body["thumbnail"] = picture()
    answer = user_client.post("videos", body)

    assert answer.status == status
    assert str(error) not in answer.body["message"] or status == 415
    assert not Video.objects.exists()
    assert stored_files() == set()
    assert list((media_root / "incoming").iterdir()) == []
    assert waiting_jobs() == []


def test_a_row_that_cannot_be_written(
    user_client: Client,
    tiny_clip: Any,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Video, "save", raising(OperationalError("the database went away")))
    answer = user_client.post("videos", {"title": "x", "videoFile": tiny_clip})

    assert (answer.status, answer.code) == (503, "unavailable")
    assert not Video.objects.exists()
    assert stored_files() == set()
    assert waiting_jobs() == []


def test_a_row_that_a_constraint_refuses(
    user_client: Client,
    tiny_clip: Any,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = VideoFactory.create()
    monkeypatch.setattr(
        "videos.services.publication.new_folder", lambda area: other.folder, raising=True
    )
    answer = user_client.post("videos", {"title": "x", "videoFile": tiny_clip})

    assert (answer.status, answer.code) == (409, "conflict")
    assert list(Video.objects.all()) == [other]
    assert stored_files() == set()
    assert waiting_jobs() == []


@pytest.mark.parametrize(("error", "status"), [(NO_ROOM, 503), (BROKEN_DISK, 503)])
def test_a_disk_that_fails_while_the_file_is_taken_over(
    user_client: Client,
    tiny_clip: Any,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    status: int,
) -> None:
    monkeypatch.setattr(os, "rename", raising(error))
    answer = user_client.post("videos", {"title": "x", "videoFile": tiny_clip})

    assert answer.status == status
    assert not Video.objects.exists()
    assert stored_files() == set()


def test_a_disk_that_is_full_while_the_file_arrives(
    user_client: Client,
    tiny_clip: Any,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from viztube.media.uploads import ReceivedFile

    monkeypatch.setattr(ReceivedFile, "write", raising(NO_ROOM), raising=False)
    answer = user_client.post("videos", {"title": "x", "videoFile": tiny_clip})

    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.response["Retry-After"]
    assert stored_files() == set()


@pytest.fixture(params=["read-only", "gone"])
def no_disk(
    request: pytest.FixtureRequest, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Take the disk of the files away."""
    if request.param == "gone":
        # What is below a file cannot even be looked for.
        media_root.write_bytes(b"")
    else:
        error = OSError(errno.EROFS, "Read-only file system")
        monkeypatch.setattr(uploading, "NamedTemporaryFile", raising(error))


@pytest.mark.usefixtures("no_disk")
def test_without_the_disk_of_the_files_only_uploads_are_refused(
    user_client: Client, tiny_clip: Any, caplog: pytest.LogCaptureFixture
) -> None:
    video = VideoFactory.create()

    answers = [
        user_client.post("videos", {"title": "x", "videoFile": tiny_clip}),
        user_client.patch("user/update-avatar", {"avatar": picture()}),
    ]

    assert {(answer.status, answer.code) for answer in answers} == {(503, "unavailable")}
    assert {answer.response["Retry-After"] for answer in answers} == {"5"}
    assert {answer.body["message"] for answer in answers} == {
        "Files cannot be stored right now. Try again later."
    }
    # Somebody has to do something about it.
    assert [record.levelname for record in caplog.records].count("ERROR") == len(answers)
    assert list(Video.objects.all()) == [video]
    assert waiting_jobs() == []
    assert user_client.get("videos").data["docs"][0]["id"] == str(video.pk)
    assert user_client.get(f"videos/{video.pk}").status == 200


def test_a_move_that_fails_after_the_commit_is_made_up_for_by_a_job(
    user_client: Client,
    api: Client,
    tiny_clip: Any,
    monkeypatch: pytest.MonkeyPatch,
    run_jobs: Callable[[], list[str]],
) -> None:
    rename = os.rename
    with monkeypatch.context() as broken:

        def fail_to_publish(source: Any, target: Any) -> None:
            if "/p/" in str(target):
                raise BROKEN_DISK
            rename(source, target)

        broken.setattr(os, "rename", fail_to_publish)
        answer = user_client.post("videos", {"title": "x", "videoFile": tiny_clip})
    video = answer.data["video"]

    assert answer.status == 201
    assert api.get(video["videoFileUrl"]).status == 404
    assert run_jobs() == ["settle_video"]
    assert api.get(video["videoFileUrl"]).status == 200
    assert api.get(video["thumbnailUrl"]).status == 200
    row = Video.objects.get()
    assert row.stored_folder == row.folder


def test_a_program_that_is_killed_is_no_fault_of_the_server(
    user_client: Client,
    tiny_clip: Any,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "viztube.media.probe.run_guarded", raising(CommandFailed("ffprobe", "timed out"))
    )
    answer = user_client.post("videos", {"title": "x", "videoFile": tiny_clip})

    assert (answer.status, list(answer.body["details"])) == (415, ["videoFile"])
    assert stored_files() == set()

"""Videos on their way to Cloudinary, and what it tells us about them."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from users.models import User
from videos.models import ProcessingStatus, Video
from videos.services.pushes import push_on_commit, push_video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client, check_documented
from viztube.media.backends import cloud
from viztube.media.cloud import NOTIFY_PATH, CloudinaryBackend
from viztube.media.tests.fetching import fetch
from viztube.media.tests.fixtures import CLIP, picture
from viztube.media.tests.standin import Notice, StandIn

# A way to make a notification about the file with a public id.
Told = Callable[[StandIn, Any], Notice]
Files = Callable[[], set[str]]


def backend() -> CloudinaryBackend:
    """Return the Cloudinary in use."""
    found = cloud()
    assert found is not None
    return found


def spooled_video(user: User | None = None, content: bytes | None = None, **fields: Any) -> Video:
    """Return a video as an upload leaves it: here, and with a job that pushes it."""
    owner = {"user": user} if user else {}
    video = VideoFactory.create(
        files=True, processing_status=ProcessingStatus.PROCESSING, **owner, **fields
    )
    folder = folder_of(video)
    (folder / "video.mp4").write_bytes(CLIP.read_bytes() if content is None else content)
    (folder / "poster.jpg").write_bytes(picture("JPEG").getvalue())
    push_on_commit(video=video)
    return video


def folder_of(video: Video) -> Path:
    """Return where a video's files are on this disk."""
    return Path(settings.MEDIA_ROOT, video.stored_folder)


def pushed_video(user: User | None = None, **fields: Any) -> Video:
    """Return a video that has just come to Cloudinary, without a stream and without a job."""
    video = spooled_video(user, **fields)
    push_video(video_id=video.pk, since=time.time())
    forget_jobs()
    video.refresh_from_db()
    return video


def clip_of(size: int) -> bytes:
    """Return a real clip of a size: its last box is one of zeroes, which players skip."""
    content = CLIP.read_bytes()
    padding = size - len(content)
    return content + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8)


def answers(api: Client, address: str) -> int:
    """Return the status at an address of ours or of Cloudinary's; a redirect is followed."""
    if address.startswith(("/", settings.PUBLIC_URL)):
        answer = api.get(address)
        if answer.status != 302:
            return answer.status
        address = answer.response["Location"]
    return fetch(address).status


def assert_plays(api: Client, video: Video) -> None:
    """Check that a video's original and its poster are where its row says."""
    row = Video.objects.get(pk=video.pk)
    for path in (row.video_path, row.thumbnail_path):
        assert answers(api, path if "://" in path else f"/media/{path}") == 200


def assert_only_there(api: Client, video: Video, standin: StandIn, stored_files: Files) -> None:
    """Run the jobs, and check that a video is on Cloudinary, once, and nowhere else."""
    for _ in range(3):
        try_jobs()
    row = Video.objects.get(pk=video.pk)
    assert (row.video_public_id, row.thumbnail_public_id) == tuple(
        f"{row.folder}/{PurePosixPath(address).stem}"
        for address in (row.video_file, row.thumbnail_file)
    )
    assert standin.stored() == {
        f"video {row.video_public_id}",
        f"image {row.thumbnail_public_id}",
    }
    assert stored_files() == set()
    assert row.processing_error == ""
    assert_plays(api, video)


def forget_jobs() -> None:
    """Empty the queue."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_events")
        cursor.execute("DELETE FROM procrastinate_jobs")


def try_jobs() -> list[Exception]:
    """Run each waiting job once, as a worker does; return what failed. That waits on."""
    failures: list[Exception] = []
    last = 0
    while job := ProcrastinateJob.objects.filter(status="todo", id__gt=last).order_by("id").first():
        last = job.id
        try:
            app.tasks[job.task_name].func(**job.args)
        except Exception as failure:
            failures.append(failure)
            continue
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_events WHERE job_id = %s", [job.id])
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.id])
    return failures


def notify(api: Client, notice: Notice, **changes: str | None) -> int:
    """Send a notification with headers changed or left out; return the status of the answer."""
    headers = notice.headers | {name.replace("_", "-"): text for name, text in changes.items()}
    return int(answer_to(api, notice.body, headers).status_code)


def answer_to(
    api: Client, body: bytes, headers: Mapping[str, str | None], method: str = "POST"
) -> Any:
    """Send a notification and return the answer, an error being in the envelope of the API."""
    response: Any = api.http.generic(
        method,
        NOTIFY_PATH,
        body,
        content_type=headers.get("Content-Type") or "application/json",
        headers={
            name: text
            for name, text in headers.items()
            if text is not None and name != "Content-Type"
        },
    )
    if response.status_code >= 400:
        answer = response.json()
        assert answer["statusCode"] == response.status_code
        check_documented(method, NOTIFY_PATH, response.status_code, answer)
    return response


def eager_done(standin: StandIn, public_id: Any, **changes: Any) -> Notice:
    """Return what is told when a stream has been made, whether it has been made or not."""
    made = [{"transformation": "sp_hd/m3u8", "format": "m3u8", "bytes": 1007}]
    return _told(standin, "eager", public_id, {"eager": made} | changes)


def eager_failed(standin: StandIn, public_id: Any, **changes: Any) -> Notice:
    """Return what is told when a stream could not be made."""
    reason = {"status": "failed", "reason": "Video processing failed"}
    entry = {"transformation": "sp_hd/m3u8", **reason}
    return _told(standin, "eager", public_id, {"eager": [entry]} | changes)


def uploaded(standin: StandIn, public_id: Any, **changes: Any) -> Notice:
    """Return what is told when an upload is through."""
    facts = {"resource_type": "video", "type": "upload", "format": "mp4", "version": 1}
    return _told(standin, "upload", public_id, facts | changes)


def _told(standin: StandIn, kind: str, public_id: Any, facts: dict[str, Any]) -> Notice:
    return standin.notice({"notification_type": kind, "public_id": public_id} | facts)

"""Streams made here, as tests ask for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.job_context import AbortReason

from videos.models import ProcessingStatus, Transcoding, Video
from videos.services.transcoding import request_stream
from videos.tasks import transcode_video
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.media.hls.tests.sources import make
from viztube.media.tests.fixtures import context_of, picture

# Two qualities are made of it: 240p and 360p.
SIZE = "426x360"
# Asked all the time while a stream is made, like a worker is.
Hook = Callable[[], AbortReason | None]


def make_source(folder: Path, *, size: str = SIZE, seconds: float = 2, rate: str = "10") -> Path:
    """Write a video from which two qualities are made."""
    return make(folder / "source.mp4", size=size, rate=rate, seconds=seconds)


def uploaded(source: Path, **fields: Any) -> Video:
    """Return a video as an upload leaves it, its stream asked for."""
    fields = {"duration": 2, "processing_status": ProcessingStatus.PROCESSING} | fields
    video = VideoFactory.create(files=True, **fields)
    (folder_of(video) / video.video_file).write_bytes(source.read_bytes())
    (folder_of(video) / video.thumbnail_file).write_bytes(picture("JPEG").getvalue())
    with transaction.atomic():
        request_stream(video=video)
    return video


def folder_of(video: Video) -> Path:
    """Return where the files of a video are."""
    return Path(settings.MEDIA_ROOT, Video.objects.get(pk=video.pk).stored_folder)


def streams_of(video: Video) -> list[str]:
    """Return the names of the streams in a video's folder, whether anything leads there or not."""
    return sorted(path.name for path in folder_of(video).glob("hls-*"))


def transcode_once(video: Video, hook: Hook = lambda: None) -> None:
    """Run the job of a video as a worker does, once; what it raises is raised."""
    job = ProcrastinateJob.objects.filter(
        task_name=transcode_video.name, args__video_id=str(video.pk), status="todo"
    ).first()
    assert job is not None, waiting_jobs()
    reason: AbortReason | None = None

    def asked() -> AbortReason | None:
        # Once more at the end of the job, when nothing is being made any longer.
        nonlocal reason
        if Transcoding.objects.filter(pk=video.pk).exists():
            reason = hook()
        return reason

    context = context_of(job).evolve(abort_reason=asked)
    transcode_video.func(context, video_id=str(video.pk))


def heights_of(video: Video) -> list[int]:
    """Return the qualities that a video's row has."""
    return list(video.renditions.order_by("height").values_list("height", flat=True))


def state_of(video: Video) -> tuple[str, str]:
    """Return a video's status and why processing failed."""
    row = Video.objects.get(pk=video.pk)
    return row.processing_status, row.processing_error


def attempts_at(video: Video) -> int:
    """Return how often the stream of a video was begun."""
    return Transcoding.objects.get(pk=video.pk).attempts

"""Streams made here, as tests ask for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.job_context import AbortReason

from videos.models import Video
from videos.tasks import transcode_video
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.media.hls.tests.sources import make
from viztube.media.tests.fixtures import context_of

SIZE = "426x360"  # two qualities: 240p and 360p


def make_source(folder: Path, *, size: str = SIZE, seconds: float = 2) -> Path:
    """Write a video from which two qualities are made."""
    return make(folder / "source.mp4", size=size, rate="10", seconds=seconds)


def uploaded(source: Path, **fields: Any) -> Video:
    """Return a video whose original is here, as an upload leaves it but for its job."""
    video = VideoFactory.create(files=True, duration=2, processing_status="PROCESSING", **fields)
    (folder_of(video) / video.video_file).write_bytes(source.read_bytes())
    return video


def folder_of(video: Video) -> Path:
    """Return where the files of a video are."""
    return Path(settings.MEDIA_ROOT, Video.objects.get(pk=video.pk).stored_folder)


def streams_of(video: Video) -> list[str]:
    """Return the names of the streams in a video's folder, whether anything leads there or not."""
    return sorted(path.name for path in folder_of(video).glob("hls-*"))


def transcode_once(video_id: UUID, reason: Callable[[], AbortReason | None] = lambda: None) -> None:
    """Run the job of a video as a worker does, once; what it raises is raised."""
    job = ProcrastinateJob.objects.filter(
        task_name=transcode_video.name, args__video_id=str(video_id), status="todo"
    ).first()
    assert job is not None, waiting_jobs()
    context = context_of(job).evolve(abort_reason=reason)
    transcode_video.func(context, video_id=str(video_id))

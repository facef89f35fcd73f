"""Taking up work on videos that nobody does any longer: its job was deleted, or gave up."""

import time
from datetime import timedelta

from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from videos.models import ProcessingStatus, Video
from videos.services.assets import SLOTS, assets_of, is_here
from videos.services.pushes import push_on_commit
from viztube.media.backends import cloud

# What is younger has a job that is about to do it.
LEFT_ALONE = timedelta(minutes=15)
BATCH = 500  # videos a call


def resume_processing() -> int:
    """Defer the next step for videos that are being processed without a job; return how many."""
    from videos.tasks import confirm_stream, move_assets

    if cloud() is None:
        return 0
    waiting = Video.objects.filter(
        processing_status=ProcessingStatus.PROCESSING,
        created_at__lt=timezone.now() - LEFT_ALONE,
    ).order_by("pk")
    resumed = 0
    for video in waiting[:BATCH]:
        if has_job(video):
            continue
        if any(is_here(video, slot) for slot in SLOTS):
            push_on_commit(video=video)
        elif any(asset.is_misplaced for asset in assets_of(video)):
            move_assets.defer(video_id=str(video.pk), folders=[])
        else:
            confirm_stream.defer(video_id=str(video.pk), since=int(time.time()))
        resumed += 1
    return resumed


def has_job(video: Video) -> bool:
    """Tell whether a job waits or runs that brings a video's files to where they belong."""
    return ProcrastinateJob.objects.filter(
        status__in=("todo", "doing"),
        task_name__in=[
            f"videos.tasks.{name}" for name in ("push_video", "move_assets", "confirm_stream")
        ],
        args__video_id=str(video.pk),
    ).exists()

"""Taking up work on videos that nobody does any longer: its job was deleted, or gave up."""

from datetime import timedelta

from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from videos.models import ProcessingStatus, Video
from videos.services.assets import SLOTS, assets_of, is_here
from videos.services.pushes import push_on_commit
from videos.services.transcoding import resume_transcoding
from viztube.media.backends import cloud

# What is younger has a job that is about to do it.
LEFT_ALONE = timedelta(minutes=15)
BATCH = 500  # videos a call


def resume_processing(*, dry_run: bool = False) -> int:
    """Defer the next step for videos on which work is left without a job; return how many."""
    from videos.tasks import move_assets

    videos = _forgotten() if cloud() is not None else _forgotten_here()
    for video in () if dry_run else videos:
        if cloud() is None:
            resume_transcoding(video_id=video.pk)
        elif any(is_here(video, slot) for slot in SLOTS):
            push_on_commit(video=video)
        else:
            # Asks for the stream, too.
            move_assets.defer(video_id=str(video.pk))
    return len(videos)


def _forgotten() -> list[Video]:
    """Return videos without a job that are being processed, or whose files are misplaced."""
    rest = Video.objects.filter(created_at__lt=timezone.now() - LEFT_ALONE).order_by("pk")
    rest = rest.exclude(pk__in=_with_a_job("push_video", "move_assets", "confirm_stream"))
    waiting = rest.filter(processing_status=ProcessingStatus.PROCESSING)
    moving = [video for video in rest.unmoved()[:BATCH] if _is_misplaced(video)]
    return list({video.pk: video for video in (*moving, *waiting[:BATCH])}.values())


def _forgotten_here() -> list[Video]:
    """Return videos on this disk without a job that are being processed."""
    rest = Video.objects.filter(
        created_at__lt=timezone.now() - LEFT_ALONE, processing_status=ProcessingStatus.PROCESSING
    ).order_by("pk")
    rest = rest.exclude(pk__in=_with_a_job("transcode_video"))
    return [video for video in rest[:BATCH] if is_here(video, "video")]


def _with_a_job(*names: str) -> list[str]:
    """Return the ids of videos that a job of one of these names is about to work on."""
    jobs = ProcrastinateJob.objects.filter(
        status__in=("todo", "doing"), task_name__in=[f"videos.tasks.{name}" for name in names]
    )
    return list(jobs.values_list("args__video_id", flat=True).distinct())


def _is_misplaced(video: Video) -> bool:
    return any(asset.is_misplaced for asset in assets_of(video))

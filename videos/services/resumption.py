"""Taking up work on videos that nobody does any longer: its job was deleted, or gave up."""

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


def resume_processing(*, dry_run: bool = False) -> int:
    """Defer the next step for videos on which work is left without a job; return how many."""
    from videos.tasks import move_assets

    if cloud() is None:
        return 0
    videos = _forgotten()
    for video in () if dry_run else videos:
        if any(is_here(video, slot) for slot in SLOTS):
            push_on_commit(video=video)
        else:
            # Asks for the stream, too.
            move_assets.defer(video_id=str(video.pk))
    return len(videos)


def _forgotten() -> list[Video]:
    """Return videos without a job that are being processed, or whose files are misplaced."""
    rest = Video.objects.filter(created_at__lt=timezone.now() - LEFT_ALONE).order_by("pk")
    rest = rest.exclude(pk__in=_with_a_job())
    waiting = rest.filter(processing_status=ProcessingStatus.PROCESSING)
    moving = [video for video in rest.unmoved()[:BATCH] if _is_misplaced(video)]
    return list({video.pk: video for video in (*moving, *waiting[:BATCH])}.values())


def _with_a_job() -> list[str]:
    """Return the ids of videos whose files a job is about to bring to where they belong."""
    jobs = ProcrastinateJob.objects.filter(
        status__in=("todo", "doing"),
        task_name__in=[
            f"videos.tasks.{name}" for name in ("push_video", "move_assets", "confirm_stream")
        ],
    )
    return list(jobs.values_list("args__video_id", flat=True).distinct())


def _is_misplaced(video: Video) -> bool:
    return any(asset.is_misplaced for asset in assets_of(video))

"""Jobs of the videos app."""

from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app

from videos.models import Video
from videos.services import placement, views
from viztube.media.backends import media
from viztube.media.queues import DEFAULT_QUEUE, DISK_QUEUE, Backoff


@app.task(queue=DISK_QUEUE, retry=Backoff(attempts=30))
def settle_video(video_id: str) -> None:
    """Move a video's files to where they belong, if the request that was to do it could not."""
    placement.settle(video_id=UUID(video_id))


@app.task(queue=DISK_QUEUE, retry=Backoff(attempts=30))
def remove_old_poster(video_id: str, name: str) -> None:
    """Delete a poster that was replaced."""
    with transaction.atomic():
        video = Video.objects.select_for_update(of=("self",)).filter(pk=video_id).first()
        if video is not None and video.thumbnail_file != name:
            media().remove(video.stored_folder, name)


@app.periodic(cron="* * * * *")
@app.task(queue=DEFAULT_QUEUE, lock="fold_views", queueing_lock="fold_views")
def fold_views(timestamp: int) -> None:
    """Fold views into totals, every minute."""
    views.fold_views()


@app.periodic(cron="* * * * *")
@app.task(queue=DISK_QUEUE, queueing_lock="follow_standing")
def follow_standing(timestamp: int) -> None:
    """Let files follow the standing of their owners, every minute."""
    # Late, because it gives files new places, which defers settle_video of this module.
    from videos.services import standing

    standing.follow_standing()

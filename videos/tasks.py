"""Jobs of the videos app.

Services that defer jobs of this module are imported where they are called.
"""

import logging
from uuid import UUID

from django.db import transaction
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import JobAborted
from procrastinate.job_context import AbortReason

from videos.models import Video
from videos.services import assets, placement, views
from viztube.media.backends import Kind, MediaMissing, disk
from viztube.media.queues import (
    DEFAULT_QUEUE,
    DISK_QUEUE,
    PUSH_QUEUE,
    TRANSCODE_QUEUE,
    URGENT,
    Backoff,
)

logger = logging.getLogger(__name__)


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
            disk().remove(Kind.IMAGE, f"{video.stored_folder}/{name}")


@app.task(queue=PUSH_QUEUE, retry=Backoff(attempts=40))
def push_video(video_id: str, since: float) -> None:
    """Send a video's files to Cloudinary, from the machine that has them."""
    from videos.services import pushes

    pushes.push_video(video_id=UUID(video_id), since=since)


@app.task(queue=DISK_QUEUE, retry=Backoff(attempts=36))
def remove_spooled(video_id: str, folder: str) -> None:
    """Delete files of this disk that are on Cloudinary now."""
    from videos.services import pushes

    pushes.remove_spooled(video_id=UUID(video_id), folder=folder)


@app.task(queue=TRANSCODE_QUEUE, retry=Backoff(attempts=40, first=60), pass_context=True)
def transcode_video(context: JobContext, video_id: str) -> None:
    """Make the stream of a video, on the machine that has its original."""
    from videos.services import transcoding

    def reason_to_end() -> Exception | None:
        match context.abort_reason():
            case AbortReason.SHUTDOWN:
                return transcoding.Interrupted("The worker is stopping.")
            case AbortReason.USER_REQUEST:
                return transcoding.Stopped("Staff stopped this job.")
        return None

    transcoding.transcode(video_id=UUID(video_id), reason_to_end=reason_to_end)
    if context.should_abort():
        raise JobAborted


@app.task(queue=DISK_QUEUE, retry=Backoff(attempts=30))
def remove_old_stream(video_id: str, name: str) -> None:
    """Delete the files of a stream that a video no longer has."""
    from videos.services import ladders

    ladders.remove_old_stream(video_id=UUID(video_id), name=name)


@app.task(queue=DEFAULT_QUEUE, retry=Backoff(attempts=40), priority=URGENT)
def move_assets(video_id: str) -> None:
    """Rename a video's files on Cloudinary to where they belong, and ask for its stream there."""
    from videos.services import streams

    try:
        assets.move_assets(video_id=UUID(video_id))
    except MediaMissing:
        # Looking again will not find it, and the rest goes on.
        logger.exception("A file of video %s is lost", video_id)
    streams.request_stream(video_id=UUID(video_id))


@app.task(queue=DEFAULT_QUEUE, retry=Backoff(attempts=40), priority=URGENT)
def remove_asset(video_id: str, kind: str, public_id: str) -> None:
    """Delete a file on Cloudinary that a video had."""
    assets.remove_asset(video_id=UUID(video_id), kind=Kind(kind), public_id=public_id)


@app.task(queue=DEFAULT_QUEUE, retry=Backoff(attempts=40))
def confirm_stream(video_id: str, public_id: str, since: float) -> None:
    """Look whether a video's stream answers, until it does."""
    from videos.services import streams

    streams.confirm_stream(video_id=UUID(video_id), public_id=public_id, since=since)


@app.periodic(cron="23 * * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="resume_processing")
def resume_processing(timestamp: int) -> None:
    """Take up what nobody works on although it is not finished, every hour."""
    from videos.services import resumption

    resumption.resume_processing()


@app.periodic(cron="37 * * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="prune_notifications")
def prune_notifications(timestamp: int) -> None:
    """Forget notifications that are too old to be taken again."""
    from videos.services import notifications

    notifications.delete_old_notifications()


@app.periodic(cron="* * * * *")
@app.task(queue=DEFAULT_QUEUE, lock="fold_views", queueing_lock="fold_views")
def fold_views(timestamp: int) -> None:
    """Fold views into totals, every minute."""
    views.fold_views()


@app.periodic(cron="* * * * *")
@app.task(queue=DISK_QUEUE, queueing_lock="follow_standing")
def follow_standing(timestamp: int) -> None:
    """Let files follow the standing of their owners, every minute."""
    from videos.services import standing

    standing.follow_standing()


@app.task(queue=DISK_QUEUE, retry=Backoff(attempts=30), priority=URGENT)
def follow_standing_of(user_id: str) -> None:
    """Let all files of one person follow their standing."""
    from videos.services import standing

    while standing.follow_standing(user_id=UUID(user_id)):
        pass

"""Forgetting what the shared cache holds of videos."""

from uuid import UUID

from videos.models import Video
from viztube.api import shared


def forget_video_on_commit(video: Video) -> None:
    """Forget at the commit what shows that there is a video, or that everyone may see it.

    That is the lists, what was said about it, the page of its channel and the figures of its owner.
    """
    shared.forget_on_commit(
        shared.VIDEO_LIST.tag(),
        shared.VIDEO.tag(video.pk),
        shared.COMMENTS.tag(video.pk),
        shared.CHANNEL.tag(video.user.username),
        shared.STATS.tag(video.user_id),
    )


def forget_looks_on_commit(video: UUID) -> None:
    """Forget at the commit what a video looks like, where it only looks different."""
    shared.forget_on_commit(shared.VIDEO_LIST.tag(), shared.VIDEO.tag(video))

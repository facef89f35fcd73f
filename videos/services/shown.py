"""Forgetting what the shared cache holds of videos."""

from videos.models import Video
from viztube.api import shared


def forget_video_on_commit(video: Video) -> None:
    """Forget at the commit what shows that there is a video, or that everyone may see it.

    That is the lists, what was said about it, the page of its channel and the figures of its owner.
    """
    shared.forget_on_commit(
        shared.VIDEO_LIST.tag(),
        shared.COMMENTS.tag(video.pk),
        shared.CHANNEL.tag(video.user.username),
        shared.STATS.tag(video.user_id),
    )


def forget_lists_on_commit() -> None:
    """Forget the lists at the commit, where a video only looks different."""
    shared.forget_on_commit(shared.VIDEO_LIST.tag())

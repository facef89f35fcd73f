"""Forgetting what the shared cache holds of comments."""

from uuid import UUID

from viztube.api import shared


def forget_comments_on_commit(video: UUID) -> None:
    """Forget at the commit what was said about a video, and what counts it."""
    shared.forget_on_commit(
        shared.COMMENTS.tag(video), shared.VIDEO_LIST.tag(), shared.VIDEO.tag(video)
    )

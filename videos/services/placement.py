"""Keeping a video's files where its row says they belong."""

from uuid import UUID

from django.db import transaction

from videos.models import Video
from viztube.media.backends import disk


def settle(*, video_id: UUID) -> None:
    """Move a video's files to where they belong; safe to repeat. Raises FolderMissing, OSError."""
    with transaction.atomic():
        # Two moves of one folder at once would each see half of the other's.
        video = Video.objects.select_for_update(of=("self",)).filter(pk=video_id).first()
        if video is not None and video.stored_folder != video.folder:
            finish_move(video=video)
            video.save(update_fields=["stored_folder"])


def finish_move(*, video: Video) -> None:
    """Move the files of a locked row, which the caller saves. Raises FolderMissing, OSError."""
    disk().move(video.stored_folder, video.folder)
    video.stored_folder = video.folder

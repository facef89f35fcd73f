"""Keeping the files of videos public only while their owner is in good standing."""

from contextlib import suppress
from uuid import UUID

from django.db import transaction

from videos.models import Video
from videos.services.placement import finish_move
from videos.services.publication import PLACE, relocate_on_commit
from viztube.media.backends import FolderMissing

BATCH = 500  # videos a call


def follow_standing() -> int:
    """Hide the files of who was suspended, bring back those of who no longer is; return how many.

    This looks at how things are, so it also sees a suspension that ended by the clock, and is safe
    to repeat and to run twice at once.
    """
    # Those in p/ first: hiding is more urgent than bringing back.
    found = Video.objects.misplaced().order_by("-folder").values_list("pk", "folder")[:BATCH]
    return sum(_follow(video_id) for video_id, _ in found)


def _follow(video_id: UUID) -> bool:
    """Relocate one video if that is still called for; tell whether it was."""
    with transaction.atomic():
        row = Video.objects.locked().filter(pk=video_id).first()
        if row is None or not row.is_misplaced:
            return False
        # After a crash the files may be in either folder; a row has no place for a third.
        with suppress(FolderMissing, OSError):
            finish_move(video=row)
        relocate_on_commit(video=row)
        # Nobody edited the video: updated_at stays.
        row.save(update_fields=PLACE)
    return True

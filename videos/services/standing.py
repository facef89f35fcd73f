"""Keeping the files of videos public only while their owner is in good standing."""

from contextlib import suppress
from uuid import UUID

from django.db import transaction

from users.models import User
from videos.models import Video
from videos.services.placement import finish_move
from videos.services.publication import PLACE, relocate_on_commit
from videos.services.shown import forget_looks_on_commit
from viztube.media.backends import FolderMissing

BATCH = 500  # videos a call
# Of one person, within the request that decides about them: a few milliseconds each.
AT_ONCE = 100  # videos


def follow_standing(*, user_id: UUID | None = None, limit: int = BATCH) -> int:
    """Hide the files of who was suspended, bring back those of who no longer is; return how many.

    Of one person or of all. This looks at how things are, so it also sees a suspension that ended
    by the clock, and is safe to repeat and to run twice at once.
    """
    videos = Video.objects.all() if user_id is None else Video.objects.filter(user=user_id)
    # Those in p/ first: hiding is more urgent than bringing back.
    found = videos.misplaced().order_by("-folder").values_list("pk", "folder")[:limit]
    return sum(_follow(video_id) for video_id, _ in found)


def follow_on_commit(*, user: User) -> None:
    """Let a person's files follow a new standing once the transaction commits.

    At once for as many as a request can wait for; a job takes the others and is the safety net.
    """
    from videos.tasks import follow_standing_of

    follow_standing_of.defer(user_id=str(user.pk))

    # A function of its own and no partial: Django logs the __qualname__ of what fails here.
    def follow() -> None:
        follow_standing(user_id=user.pk, limit=AT_ONCE)

    transaction.on_commit(follow, robust=True)


def _follow(video_id: UUID) -> bool:
    """Relocate one video if that is still called for; tell whether it was."""
    with transaction.atomic():
        row = Video.objects.locked().filter(pk=video_id).first()
        if row is None or not row.is_misplaced:
            return False
        # After a crash the files may be in either folder; a row has no place for a third.
        with suppress(FolderMissing, OSError):
            finish_move(video=row)
        # Before what takes the disk its time.
        forget_looks_on_commit(row.pk)
        relocate_on_commit(video=row)
        # Nobody edited the video: updated_at stays.
        row.save(update_fields=PLACE)
    return True

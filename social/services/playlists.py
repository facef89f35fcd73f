"""What is in a playlist, and in which order."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max
from django.utils import timezone
from rest_framework.generics import get_object_or_404

from social.models import Playlist, PlaylistVideo
from social.querysets import videos_in
from users.models import User
from videos.models import Video
from viztube.api.errors import ApiError, FieldError, not_found

PLAYLIST_VIDEOS = 500


def add_video(*, playlist: Playlist, user: User, pk: str) -> Playlist:
    """Append a video that the person may see, unless it is in already; return the playlist.

    Raises Http404, and ApiError (400) when the playlist is full.
    """
    with transaction.atomic():
        row = _locked(playlist)
        video = get_object_or_404(Video.objects.visible_to(user).only("pk"), pk=pk)
        if row.entries.filter(video=video).exists():
            return row
        there = row.entries.aggregate(count=Count("pk"), last=Max("position"))
        if there["count"] >= PLAYLIST_VIDEOS:
            raise ApiError(f"A playlist has at most {PLAYLIST_VIDEOS} videos. Remove one first.")
        position = 0 if there["last"] is None else there["last"] + 1
        PlaylistVideo.objects.create(playlist=row, video=video, position=position)
        return _touched(row)


def remove_video(*, playlist: Playlist, video_id: UUID) -> None:
    """Take a video out, also one that is hidden by now; nothing happens when it is not in."""
    with transaction.atomic():
        row = _locked(playlist)
        deleted, _ = row.entries.filter(video=video_id).delete()
        if deleted:
            _touched(row)


def reorder(*, playlist: Playlist, user: User, video_ids: Sequence[UUID]) -> Playlist:
    """Put the videos into this order; those that the person does not see keep their places.

    Raises FieldError (400) unless it names every other one once.
    """
    with transaction.atomic():
        row = _locked(playlist)
        # First: a video that is deleted between the two reads is then in this one at least.
        entries = list(row.entries.order_by("position"))
        seen = set(videos_in(row, user).values_list("pk", flat=True))
        if len(video_ids) != len(seen) or set(video_ids) != seen:
            raise FieldError("videoIds", "must name each video of the playlist once")
        positions = [entry.position for entry in entries if entry.video_id in seen]
        entry_of = {entry.video_id: entry for entry in entries}
        moved = [entry_of[video_id] for video_id in video_ids]
        for entry, position in zip(moved, positions, strict=True):
            entry.position = position
        PlaylistVideo.objects.bulk_update(moved, ["position"])
        return _touched(row)


def _locked(playlist: Playlist) -> Playlist:
    """Return the row as it is now: who changes a playlist takes turns. 404 when it is gone."""
    row: Playlist | None = Playlist.objects.locked().filter(pk=playlist.pk).first()
    if row is None:
        raise not_found()
    return row


def _touched(row: Playlist) -> Playlist:
    """Take down that a locked playlist has changed."""
    row.updated_at = timezone.now()
    row.save(update_fields=["updated_at"])
    return row

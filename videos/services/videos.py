"""Changing and deleting videos."""

import secrets
from contextlib import ExitStack, suppress
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from videos.models import Video
from videos.services.assets import SLOTS, assets_of, undo_pushes
from videos.services.placement import finish_move
from videos.services.publication import relocate_on_commit
from videos.services.pushes import push_on_commit
from videos.services.shown import forget_video_on_commit
from videos.services.uploads import store_poster
from videos.tasks import remove_asset, remove_old_poster
from viztube.api.errors import FieldError, not_found
from viztube.media.backends import FolderMissing, disk
from viztube.media.placement import discard_on_commit
from viztube.media.uploads import working_folder


def update_video(
    *, video: Video, changes: dict[str, Any], thumbnail: "UploadedFile[Any] | None" = None
) -> Video:
    """Change texts, publication or thumbnail; raises UnsupportedMedia, ApiError (404)."""
    with ExitStack() as stack:
        poster = None
        if thumbnail is not None:
            folder = stack.enter_context(working_folder())
            # A name of its own, so that no cache shows the old picture under the new address.
            name = store_poster(thumbnail, folder, f"poster-{secrets.token_hex(4)}")
            poster = folder.path / name
        with transaction.atomic():
            row = _locked(video)
            # After a crash the files may be in either folder; a row has no place for a third.
            with suppress(FolderMissing, OSError):
                finish_move(video=row)
            had_folder = row.has_folder
            for field, value in changes.items():
                setattr(row, field, value)
            _require_file(row)
            if poster is not None:
                if row.thumbnail_file and "/" not in row.thumbnail_file:
                    remove_old_poster.defer(video_id=str(row.pk), name=row.thumbnail_file)
                undo_pushes(video=row, folder=row.folder, slots=["thumbnail"])
                _discard_assets(row, "thumbnail")
                row.thumbnail_file, row.thumbnail_public_id = poster.name, ""
            # Before what takes the disk its time: nothing shall be told meanwhile.
            forget_video_on_commit(row)
            if row.is_misplaced:
                relocate_on_commit(video=row)
            row.save()
            if poster is not None:
                # Last, so that a row that cannot be saved leaves no picture behind.
                if not had_folder:
                    disk().make(row.stored_folder)
                disk().add(row.stored_folder, poster)
                poster.parent.rmdir()
                push_on_commit(video=row)
    return row


def toggle_publish(*, video: Video) -> Video:
    """Publish what is not, hide what is; every address handed out before stops working."""
    with transaction.atomic():
        published = not _locked(video).is_published
        return set_published(video=video, published=published)


def set_published(*, video: Video, published: bool) -> Video:
    """Publish or hide a video."""
    return update_video(video=video, changes={"is_published": published})


def set_removed(*, video: Video, removed: bool) -> Video:
    """Take a video down or bring it back; every address handed out before stops working."""
    return update_video(video=video, changes={"removed_at": timezone.now() if removed else None})


def delete_video(*, video: Video) -> None:
    """Delete a video; its files follow through the queue."""
    with transaction.atomic():
        row = _locked(video)
        # While the row has its id, and before what takes the disk its time.
        forget_video_on_commit(row)
        for folder in {row.stored_folder, row.folder}:
            discard_on_commit(folder)
        undo_pushes(video=row, folder=row.folder)
        _discard_assets(row, *SLOTS)
        row.comments.all().purge()
        row.delete()


def _discard_assets(row: Video, *slots: str) -> None:
    """Delete files on Cloudinary, wherever they are on their way, once the transaction commits."""
    for asset in assets_of(row):
        if asset.slot in slots:
            for public_id in {asset.public_id, asset.wanted, *asset.others}:
                remove_asset.defer(video_id=str(row.pk), kind=asset.kind.value, public_id=public_id)


def _require_file(row: Video) -> None:
    """Raise FieldError (400) for publishing what has nothing to play."""
    if row.is_published and not row.video_file:
        raise FieldError("isPublished", "this video has no file: its upload failed")


def _locked(video: Video) -> Video:
    """Return the row as it is now, locked: a change must not undo another's. 404 when deleted."""
    row: Video | None = Video.objects.locked().filter(pk=video.pk).first()
    if row is None:
        raise not_found()
    return row

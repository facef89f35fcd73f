"""Bringing a video's files from this machine's disk to Cloudinary.

The disk serves them until Cloudinary has them and the row says so. A push that was cut off begins
again and finds what the one before left there: ids are the files' own, and nothing is overwritten.
"""

import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from videos.models import ProcessingStatus, Video
from videos.services.assets import SLOTS, is_here, lock_of, remove_asset
from videos.services.ladders import drop_stream
from videos.services.placement import settle
from videos.services.shown import forget_looks_on_commit
from videos.services.transcoding import resume_transcoding
from videos.services.turns import turn_at
from viztube.media.backends import (
    FolderMissing,
    MediaRefused,
    MediaUnavailable,
    StoredFile,
    cloud,
    disk,
)
from viztube.media.paths import public_id_of

if TYPE_CHECKING:
    from viztube.media.cloud import CloudinaryBackend

logger = logging.getLogger(__name__)

# How long failures that may heal are waited out before staff is told.
PATIENCE = 24 * 3600  # seconds


def push_on_commit(*, video: Video) -> None:
    """See to it that the files of a new or changed row go to Cloudinary, if that is in use."""
    # Late: jobs call this module.
    from videos.tasks import push_video

    if settings.CLOUDINARY_ACCOUNT is not None:
        # Pushes of one video at a time: the second would send what the first is sending.
        push_video.configure(lock=lock_of(video.pk)).defer(
            video_id=str(video.pk), since=int(time.time())
        )


def push_again(*, video: Video) -> bool:
    """Send a video whose original stayed here once more; tell whether there was one to send."""
    failed = Video.objects.filter(pk=video.pk, processing_status=ProcessingStatus.FAILED)
    with transaction.atomic():
        here = failed.exclude(video_file="").exclude(video_file__contains="/")
        found = here.update(processing_status=ProcessingStatus.PROCESSING, processing_error="")
        if found:
            forget_looks_on_commit(video.pk)
            push_on_commit(video=video)
    return bool(found)


def push_video(*, video_id: UUID, since: float) -> None:
    """Send what a video has on this disk; safe to repeat.

    ``since`` is when this was first wanted, in seconds since the epoch. What Cloudinary will never
    take, or has not taken for ``PATIENCE``, stays here and plays; an original marks its video
    FAILED. Raises FolderMissing, OSError, MediaUnavailable.
    """
    if settings.CLOUDINARY_ACCOUNT is None:
        # It is no longer to go there.
        if _kept_here(video_id).exists():
            resume_transcoding(video_id=video_id)
        return
    try:
        settle(video_id=video_id)
        while send_next(video_id=video_id):
            pass
    except MediaRefused as refusal:
        _give_up(video_id, str(refusal))
    except MediaUnavailable as failure:
        if time.time() - since < PATIENCE:
            raise
        _give_up(video_id, f"Given up after a day: {failure}")
    except (FolderMissing, OSError):
        if time.time() - since < PATIENCE:
            raise
        _give_up(video_id, "Given up after a day: the file cannot be read here.")


def _give_up(video_id: UUID, reason: str) -> None:
    logger.warning("A file of video %s stays here: %s", video_id, reason)
    _kept_here(video_id).update(processing_status=ProcessingStatus.FAILED, processing_error=reason)
    forget_looks_on_commit(video_id)


def _kept_here(video_id: UUID) -> "QuerySet[Video]":
    """Return a video if it is being processed and its original is on this disk.

    Nobody edits it here, so what is changed by update() leaves updated_at as it is.
    """
    rows: QuerySet[Video] = Video.objects.filter(
        pk=video_id, processing_status=ProcessingStatus.PROCESSING
    )
    return rows.exclude(video_file__contains="/")


def remove_spooled(*, video_id: UUID, folder: str) -> None:
    """Delete a folder whose files are on Cloudinary, unless another file has come into it.

    Raises OSError.
    """
    with transaction.atomic():
        # Locked, because a new poster is put into the folder under this lock.
        row = Video.objects.select_for_update(of=("self",)).filter(pk=video_id).first()
        if row is None or not row.has_folder or folder not in {row.folder, row.stored_folder}:
            disk().delete(folder)


def send_next(*, video_id: UUID, look_first: bool = True) -> bool:
    """Send the first file that a video has here; tell whether there was one.

    What is there already is not sent again if we ``look_first``, which costs a call of the
    rate-limited Admin API. Raises OSError, MediaUnavailable, MediaRefused.
    """
    with turn_at(video_id):
        return _send_next(video_id, look_first=look_first)


def _send_next(video_id: UUID, *, look_first: bool) -> bool:
    backend = cloud()
    video = Video.objects.filter(pk=video_id).first()
    slot = next((slot for slot in SLOTS if video and is_here(video, slot)), None)
    if backend is None or video is None or slot is None:
        return False
    name = getattr(video, f"{slot}_file")
    kind = SLOTS[slot][0]
    stored = None
    if look_first:
        # Only to spare us the sending: nothing is sent over what is there.
        with suppress(MediaUnavailable):
            stored = backend.find(kind, public_id_of(f"{video.folder}/{name}"))
    if stored is None:
        stored = backend.add(video.folder, Path(settings.MEDIA_ROOT, video.stored_folder, name))
    if not _recorded(backend, video, slot, stored):
        remove_asset(video_id=video_id, kind=kind, public_id=stored.public_id)
    return True


def _recorded(backend: "CloudinaryBackend", video: Video, slot: str, stored: StoredFile) -> bool:
    """Let the row say that a file is on Cloudinary; tell whether it still has that file."""
    from videos.tasks import confirm_stream, move_assets, remove_spooled

    name = getattr(video, f"{slot}_file")
    with transaction.atomic():
        row = Video.objects.select_for_update(of=("self",)).filter(pk=video.pk).first()
        if row is None or getattr(row, f"{slot}_file") != name:
            return False
        # The row may have got another folder since: that is where the file belongs now.
        address = backend.address(stored.kind, public_id_of(f"{row.folder}/{name}"), stored.format)
        setattr(row, f"{slot}_file", address)
        setattr(row, f"{slot}_public_id", stored.public_id)
        if row.folder != video.folder:
            move_assets.defer(video_id=str(row.pk))
        if slot == "video":
            row.video_bytes, row.video_format = stored.bytes, stored.format
            row.video_version = stored.version
            drop_stream(row)
            row.processing_status, row.processing_error = ProcessingStatus.PROCESSING, ""
            confirm_stream.configure(schedule_in={"seconds": 20}).defer(
                video_id=str(row.pk), public_id=stored.public_id, since=int(time.time())
            )
        if not row.has_folder:
            # They may be on their way from one to the other.
            for folder in {row.stored_folder, row.folder}:
                remove_spooled.defer(video_id=str(row.pk), folder=folder)
            row.stored_folder = row.folder
        # Nobody edited the video: updated_at stays.
        row.save(
            update_fields=[
                f"{slot}_file",
                f"{slot}_public_id",
                "stored_folder",
                "video_bytes",
                "video_format",
                "video_version",
                "stream_file",
                "processing_status",
                "processing_error",
            ]
        )
        forget_looks_on_commit(row.pk)
    return True

"""Bringing a video's files from Cloudinary to this machine's disk.

Cloudinary has them until the disk does and the row says so; then a job deletes them there. What was
cut off begins again: until its transaction commits, it has left nothing but a folder that is
cleared up with those of uploads.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from django.conf import settings
from django.db import transaction

from videos.models import ProcessingStatus, Video
from videos.services.assets import SLOTS, Asset, assets_of, lock_of, move_assets
from videos.services.shown import forget_looks_on_commit
from videos.services.turns import turn_at
from viztube.media.backends import MediaMissing, cloud, disk
from viztube.media.paths import is_own_id
from viztube.media.uploads import working_folder


class RowChanged(Exception):
    """What was to be moved is not what the row names any longer."""


class NotMoved(Exception):
    """A file cannot be moved; the text says why."""


def bring_home(video_id: UUID, slot: str) -> bool:
    """Bring a file of a video home; tell whether there was one.

    Raises OSError, MediaMissing, MediaUnavailable, MediaRefused, RowChanged, NotMoved.
    """
    with turn_at(video_id):
        return _bring_home(video_id, slot)


def _bring_home(video_id: UUID, slot: str) -> bool:
    video, asset = _asset(video_id, slot)
    if asset is not None and asset.is_misplaced:
        move_assets(video_id=video_id)
        video, asset = _asset(video_id, slot)
    backend = cloud()
    if video is None or asset is None or backend is None:
        return False
    if asset.is_misplaced:
        raise RowChanged
    with working_folder() as folder:
        file = folder.path / _name_of(asset)
        try:
            backend.fetch(asset.address, file)
        except MediaMissing:
            if _asset(video_id, slot)[1] != asset:
                raise RowChanged from None
            raise
        file.chmod(settings.FILE_UPLOAD_PERMISSIONS)
        _write_through(file)
        _take_home(video_id, asset, file)
        folder.path.rmdir()
    return True


def _take_home(video_id: UUID, asset: Asset, file: Path) -> None:
    """Put a file that came from Cloudinary into a video's folder, and let the row say so.

    Raises OSError, RowChanged, NotMoved.
    """
    from videos.tasks import remove_asset

    slot, size = asset.slot, file.stat().st_size
    with transaction.atomic():
        row = Video.objects.select_for_update(of=("self",)).filter(pk=video_id).first()
        if row is None or asset not in assets_of(row):
            raise RowChanged
        if not row.has_folder:
            # Nothing of it is here, so nothing waits for its move from another folder.
            row.stored_folder = row.folder
        changed: dict[str, Any] = {f"{slot}_file": file.name, f"{slot}_public_id": ""}
        if slot == "video":
            if row.video_bytes not in {None, size}:
                raise NotMoved(f"It has {row.video_bytes:,} bytes, and {size:,} came.")
            changed |= {
                "video_bytes": size,
                "video_format": file.suffix.removeprefix("."),
                "video_version": None,
                "stream_file": "",
                # While Cloudinary is in use no stream is made here.
                "processing_status": ProcessingStatus.COMPLETED,
                "processing_error": "",
            }
        for column, value in changed.items():
            setattr(row, column, value)
        # Nobody edited the video: updated_at stays.
        row.save(update_fields=[*changed, "stored_folder"])
        forget_looks_on_commit(row.pk)
        # Else the address shows something that Cloudinary makes of a file, which is all there is.
        if asset.public_id in {asset.wanted, unquote(asset.wanted)}:
            # In turn with pushes: one that is under way may let the row name that file again.
            remove_asset.configure(lock=lock_of(row.pk)).defer(
                video_id=str(row.pk), kind=asset.kind.value, public_id=asset.public_id
            )
        disk().make(row.stored_folder)
        disk().add(row.stored_folder, file)
        _write_through(Path(settings.MEDIA_ROOT, row.stored_folder))


def _asset(video_id: UUID, slot: str) -> tuple[Video | None, Asset | None]:
    """Return a video as it is now, and its file on the account."""
    video = Video.objects.filter(pk=video_id).first()
    assets = assets_of(video) if video else []
    return video, next((asset for asset in assets if asset.slot == slot), None)


def _name_of(asset: Asset) -> str:
    """Return what a file is called on this disk; the old service's names stay behind."""
    path = PurePosixPath(asset.address)
    _, name, extension = SLOTS[asset.slot]
    if is_own_id(asset.wanted):
        name = PurePosixPath(asset.wanted).name
    found = path.suffix.removeprefix(".").lower()
    return f"{name}.{found if re.fullmatch('[a-z0-9]{1,5}', found) else extension}"


def _write_through(path: Path) -> None:
    """Have a file or folder on the disk even if the power fails: the other copy is about to go."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A video's files on Cloudinary: giving them new ids, and taking them away.

A row's address says where such a file belongs, its public id what it is called now. Cloudinary is
asked outside of transactions, so a row may change meanwhile: what is written back is only where the
file is, and only where the row still says what it said before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from videos.models import ProcessingStatus, Video
from viztube.media.backends import (
    Kind,
    MediaMissing,
    MediaRefused,
    MediaUnavailable,
    StoredFile,
    cloud,
)
from viztube.media.paths import is_own_id, public_id_of

if TYPE_CHECKING:
    from viztube.media.cloud import CloudinaryBackend

# The columns of a file start with its slot; the name is what a file from elsewhere gets here.
SLOTS = {"video": (Kind.VIDEO, "video", "mp4"), "thumbnail": (Kind.IMAGE, "poster", "jpg")}


@dataclass(frozen=True)
class Asset:
    """One file of a video on our account: its slot, its address, and the public id it has now."""

    slot: str
    kind: Kind
    address: str
    public_id: str
    # The public id in the address: where the file belongs.
    wanted: str

    @property
    def is_misplaced(self) -> bool:
        """Tell whether the file is to get another id; one from the old service may keep its own."""
        return self.public_id != self.wanted and is_own_id(self.wanted)


def assets_of(video: Video) -> list[Asset]:
    """Return those files of a video that are on the account in use."""
    named = [slot for slot in SLOTS if getattr(video, f"{slot}_public_id")]
    backend = cloud() if named else None
    if backend is None:
        return []
    found = []
    for slot in named:
        kind, address = SLOTS[slot][0], getattr(video, f"{slot}_file")
        wanted = backend.id_at(kind, address)
        if wanted is not None:
            found.append(Asset(slot, kind, address, getattr(video, f"{slot}_public_id"), wanted))
    return found


def is_here(video: Video, slot: str) -> bool:
    """Tell whether a file of a video is in its folder on this disk."""
    name = getattr(video, f"{slot}_file")
    return bool(name) and "/" not in name


def lock_of(video_id: UUID) -> str:
    """Return by which name the queue lets jobs take turns that push a video or undo a push."""
    return f"push-{video_id}"


def undo_pushes(*, video: Video, folder: str, slots: Iterable[str] = SLOTS) -> None:
    """See to it that Cloudinary has nothing of what a row had in a folder of this disk until now.

    A push that was cut off may have left it there, and no row says so. It takes turns with pushes,
    because one that is under way may record the file after all.
    """
    # Late: jobs call this module.
    from videos.tasks import remove_asset

    if settings.CLOUDINARY_ACCOUNT is None:
        return
    for slot in slots:
        if is_here(video, slot):
            path = f"{folder}/{getattr(video, f'{slot}_file')}"
            remove_asset.configure(lock=lock_of(video.pk)).defer(
                kind=SLOTS[slot][0].value, public_id=public_id_of(path)
            )


def readdress(*, video: Video) -> bool:
    """Give the files of a locked row addresses in its folder; tell whether there were any.

    One of the old service that another video has too keeps its address: that of the other must go
    on working. The caller saves the row, and defers ``move_assets``, which the addresses wait for.
    """
    assets = [asset for asset in assets_of(video) if not _is_shared(video, asset)]
    for asset in assets:
        _, name, extension = SLOTS[asset.slot]
        path = PurePosixPath(asset.address)
        if is_own_id(asset.wanted):
            name = path.stem
        address = _backend().address(
            asset.kind, f"{video.folder}/{name}", path.suffix.removeprefix(".") or extension
        )
        setattr(video, f"{asset.slot}_file", address)
    if video.stream_file and any(asset.slot == "video" for asset in assets):
        # It goes with the old id, and is asked for again under the new one.
        video.stream_file = ""
        video.processing_status = ProcessingStatus.PROCESSING
    return bool(assets)


def move_assets(*, video_id: UUID, folders: Sequence[str]) -> None:
    """Rename a video's files to where they belong; safe to repeat.

    ``folders`` are other places where a job that was cut off may have left them. Raises
    MediaMissing, MediaUnavailable, MediaRefused.
    """
    video = Video.objects.filter(pk=video_id).first()
    if settings.CLOUDINARY_ACCOUNT is None:
        raise MediaUnavailable("CLOUDINARY_URL is not set, so no file can be renamed there.")
    missing = []
    for asset in assets_of(video) if video else ():
        if not asset.is_misplaced:
            continue
        stored = _renamed(asset, folders)
        if stored is None:
            missing.append(asset.public_id)
            continue
        rows = Video.objects.filter(pk=video_id)
        was = {f"{asset.slot}_public_id": asset.public_id}
        if rows.filter(**was).update(**{f"{asset.slot}_public_id": stored.public_id}):
            continue
        # Deleted or replaced meanwhile, unless another job was here first.
        remove_asset(kind=asset.kind, public_id=stored.public_id)
    if missing:
        raise MediaMissing(f"Cloudinary does not have {' and '.join(missing)}.")


def remove_asset(*, kind: Kind, public_id: str) -> None:
    """Delete a file unless a video has it: those from before this service may share one.

    Raises MediaUnavailable.
    """
    backend = cloud()
    if backend is None:
        raise MediaUnavailable("CLOUDINARY_URL is not set, so no file can be deleted there.")
    if not is_used(kind, public_id):
        backend.remove(kind, public_id)


def is_used(kind: Kind, public_id: str) -> bool:
    """Tell whether a video's row says that its file has this id."""
    slot = "video" if kind is Kind.VIDEO else "thumbnail"
    used: bool = Video.objects.filter(**{f"{slot}_public_id": public_id}).exists()
    return used


def _is_shared(video: Video, asset: Asset) -> bool:
    others = Video.objects.exclude(pk=video.pk)
    return (
        not is_own_id(asset.public_id)
        and others.filter(**{f"{asset.slot}_public_id": asset.public_id}).exists()
    )


def _renamed(asset: Asset, folders: Sequence[str]) -> StoredFile | None:
    """Bring a file to its wanted id, from wherever it is; None when it is nowhere."""
    name = PurePosixPath(asset.wanted).name
    places = dict.fromkeys([asset.public_id, *(f"{folder}/{name}" for folder in folders)])
    for place in places:
        try:
            stored = _backend().rename(asset.kind, place, asset.wanted)
        except MediaRefused:
            stored = _backend().find(asset.kind, asset.wanted)
            if stored is None:
                raise
            # A copy is there already: this one must not stay where it is.
            if is_own_id(place):
                _backend().remove(asset.kind, place)
        if stored is not None:
            return stored
    return _backend().find(asset.kind, asset.wanted)


def _backend() -> "CloudinaryBackend":
    backend = cloud()
    assert backend is not None, "an asset is only known while Cloudinary is in use"
    return backend

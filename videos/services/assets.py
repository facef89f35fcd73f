"""A video's files on Cloudinary: giving them new ids, and taking them away.

A row's address says where such a file belongs, its public id what it is called now. Cloudinary is
asked outside of transactions, so a row may change meanwhile: what is written back is only where the
file is, and only where the row still says what it said before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from videos.models import ProcessingStatus, Video
from videos.services.shown import forget_looks_on_commit
from videos.services.turns import turn_at
from viztube.media.backends import (
    Kind,
    MediaMissing,
    MediaRefused,
    MediaUnavailable,
    StoredFile,
    cloud,
)
from viztube.media.paths import is_own_id, own_id_in, public_id_of
from viztube.media.queues import LATE_SECONDS

if TYPE_CHECKING:
    from viztube.media.cloud import CloudinaryBackend

# The columns of a file start with its slot; the name is what a file from elsewhere gets here.
SLOTS = {"video": (Kind.VIDEO, "video", "mp4"), "thumbnail": (Kind.IMAGE, "poster", "jpg")}

# How many places are remembered at most while Cloudinary cannot be asked.
FORMER_FOLDERS = 50


@dataclass(frozen=True)
class Asset:
    """One file of a video on our account: its slot, its address, and the public id it has now."""

    slot: str
    kind: Kind
    address: str
    public_id: str
    # The public id in the address: where the file belongs.
    wanted: str
    # Other ids under which a renaming that was cut off may have left it.
    others: tuple[str, ...] = ()

    @property
    def is_misplaced(self) -> bool:
        """Tell whether the file is to get another id; one from the old service may keep its own."""
        return self.public_id != self.wanted and is_own_id(self.wanted)


def assets_of(video: Video) -> list[Asset]:
    """Return those files of a video that are on our account.

    Ids that we gave are known by themselves, whether the account is in use or not.
    """
    found = []
    for slot, (kind, _, _) in SLOTS.items():
        address, public_id = getattr(video, f"{slot}_file"), getattr(video, f"{slot}_public_id")
        wanted = own_id_in(address) if public_id else None
        if public_id and wanted is None and (backend := cloud()) is not None:
            wanted = backend.id_at(kind, address)
        if wanted is not None:
            name = PurePosixPath(wanted).name
            others = tuple(f"{folder}/{name}" for folder in video.former_folders or ())
            found.append(Asset(slot, kind, address, public_id, wanted, others))
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
            job = {
                "video_id": str(video.pk),
                "kind": SLOTS[slot][0].value,
                "public_id": public_id_of(path),
            }
            remove_asset.configure(lock=lock_of(video.pk)).defer(**job)
            remove_asset.configure(schedule_in={"seconds": LATE_SECONDS}).defer(**job)


def readdress(*, video: Video, old: str) -> bool:
    """Give the files of a locked row addresses in its new folder; tell whether there were any.

    One of the old service that another video has too keeps its address: that of the other must go
    on working. The caller saves the row, and defers ``move_assets``, which the addresses wait for.
    """
    backend = cloud()
    assets = [asset for asset in assets_of(video) if not _is_shared(video, asset)]
    for asset in assets:
        _, name, extension = SLOTS[asset.slot]
        extension = PurePosixPath(asset.address).suffix.removeprefix(".") or extension
        if is_own_id(asset.wanted):
            name = PurePosixPath(asset.wanted).name
        new_id = f"{video.folder}/{name}"
        if backend is None:
            address = asset.address.replace(asset.wanted, new_id)
        else:
            address = backend.address(asset.kind, new_id, extension)
        setattr(video, f"{asset.slot}_file", address)
    has_to_be_made = video.stream_file or video.processing_status == ProcessingStatus.FAILED
    if has_to_be_made and any(asset.slot == "video" for asset in assets):
        # A stream goes with the old id, and is asked for again under the new one.
        video.stream_file = ""
        video.processing_status, video.processing_error = ProcessingStatus.PROCESSING, ""
    if assets:
        video.former_folders = [*(video.former_folders or ()), old][-FORMER_FOLDERS:]
    return bool(assets)


def move_assets(*, video_id: UUID) -> None:
    """Rename a video's files to where they belong; safe to repeat.

    Every file is tried. Raises MediaMissing for one that is nowhere, MediaUnavailable,
    MediaRefused.
    """
    if settings.CLOUDINARY_ACCOUNT is None:
        raise MediaUnavailable("CLOUDINARY_URL is not set, so no file can be renamed there.")
    failures: list[MediaMissing | MediaRefused] = []
    with turn_at(video_id):
        video = Video.objects.filter(pk=video_id).first()
        for asset in assets_of(video) if video else ():
            if asset.is_misplaced:
                try:
                    _move(video_id, asset)
                except (MediaMissing, MediaRefused) as failure:
                    failures.append(failure)
        if video is not None and not failures:
            # Unless it got yet another folder meanwhile.
            here = Video.objects.filter(pk=video_id, folder=video.folder)
            here.exclude(former_folders=None).update(former_folders=None)
    if failures:
        raise failures[0]


def _move(video_id: UUID, asset: Asset) -> None:
    stored = _renamed(asset)
    if stored is None:
        raise MediaMissing(f"Cloudinary does not have the {asset.kind} {asset.public_id}.")
    column = f"{asset.slot}_public_id"
    rows = Video.objects.filter(pk=video_id, **{column: asset.public_id})
    if rows.update(**{column: stored.public_id}):
        # Answers name the id.
        forget_looks_on_commit(video_id)
    else:
        # The video was deleted, or the file replaced, meanwhile.
        remove_asset(video_id=video_id, kind=asset.kind, public_id=stored.public_id)


def remove_asset(*, video_id: UUID, kind: Kind, public_id: str) -> None:
    """Delete a file that a video had, unless a video has it: the old service's may be shared.

    Raises MediaUnavailable.
    """
    backend = cloud()
    if backend is None:
        raise MediaUnavailable("CLOUDINARY_URL is not set, so no file can be deleted there.")
    with turn_at(video_id):
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


def _renamed(asset: Asset) -> StoredFile | None:
    """Bring a file to its wanted id, from wherever it is; None when it is nowhere."""
    places = dict.fromkeys([asset.public_id, *asset.others])
    places.pop(asset.wanted, None)
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

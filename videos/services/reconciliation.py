"""Comparing the places where files are with the rows that name them, in both directions.

What is young is left alone: it may be on its way. What no row names is looked for in the rows once
more before it is deleted, and one run deletes only so much.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from users.services.pictures import missing_pictures, picture_folders
from videos.models import Video
from videos.services.assets import SLOTS, Asset, assets_of, is_here
from videos.services.resumption import resume_processing
from viztube.media.backends import Kind, cloud, disk
from viztube.media.cloud import CloudinaryBackend
from viztube.media.paths import HIDDEN, PUBLISHED, is_stored_folder, public_id_of
from viztube.media.spools import Freed, size_of

MIN_AGE = timedelta(days=1)
BATCH = 500
# How much one run deletes unless it is told otherwise: the rows may be wrong, not the files.
LIMIT = 100
NAMES_SHOWN = 20

T = TypeVar("T")


@dataclass
class Finding:
    """One kind of difference: how often it was found, some names, how many were dealt with."""

    place: str
    what: str
    found: int = 0
    done: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one, and remember its name while there are few."""
        self.found += 1
        if len(self.names) < NAMES_SHOWN:
            self.names.append(name)


class Reconciliation:
    """One run: what it may do, and what it found."""

    def __init__(self, *, dry_run: bool, limit: int, advance: Callable[[int], object]) -> None:
        """Take whether to only look, how much to delete at most, and whom to tell of progress."""
        self.findings: list[Finding] = []
        self._dry_run = dry_run
        self._left_to_delete = limit
        self.left_over = 0
        self._advance = advance

    def run(self) -> None:
        """Compare both places with the rows. Raises OSError, MediaUnavailable."""
        self._delete("disk", "folders that no row names", self._lost_folders())
        self._report("disk", "files that rows name and that are gone", self._missing_here())
        backend = cloud()
        if backend is None:
            return
        self._delete("Cloudinary", "files that no row names", self._lost_assets(backend))
        gone = self._missing(backend)
        self._report("Cloudinary", "files that rows name and that are gone", gone)
        forgotten = Finding("Cloudinary", "videos on which work was forgotten")
        self.findings.append(forgotten)
        forgotten.found = resume_processing(dry_run=self._dry_run)
        forgotten.done = 0 if self._dry_run else forgotten.found

    def _report(self, place: str, what: str, names: Iterable[str]) -> None:
        finding = Finding(place, what)
        self.findings.append(finding)
        for name in names:
            finding.add(name)

    def _delete(
        self, place: str, what: str, lost: Iterable[tuple[str, Callable[[], bool]]]
    ) -> None:
        finding = Finding(place, what)
        self.findings.append(finding)
        for name, delete in lost:
            finding.add(name)
            if self._dry_run or self._left_to_delete == 0:
                self.left_over += 1
                continue
            self._left_to_delete -= 1
            finding.done += delete()

    def _lost_folders(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        for folder in lost_folders(self._advance):
            yield folder, partial(_delete_folder, folder)

    def _missing_here(self) -> Iterator[str]:
        for videos in _batches(_files().iterator(BATCH), BATCH):
            self._advance(len(videos))
            for video in videos:
                for path in _missing_files(video):
                    yield f"{path} of video {video.pk}"
        yield from missing_pictures()

    def _lost_assets(self, backend: CloudinaryBackend) -> Iterator[tuple[str, Callable[[], bool]]]:
        newest = timezone.now() - MIN_AGE
        for assets in _batches(backend.holdings(), BATCH):
            self._advance(len(assets))
            old = [asset for asset in assets if asset.made_at and asset.made_at < newest]
            for kind in Kind:
                mine = [asset for asset in old if asset.kind is kind]
                used = ids_in_use(kind, [asset.public_id for asset in mine])
                for asset in mine:
                    if asset.public_id not in used:
                        yield (
                            f"{kind} {asset.public_id}",
                            partial(_delete_asset, backend, kind, asset.public_id),
                        )

    def _missing(self, backend: CloudinaryBackend) -> Iterator[str]:
        rows = _files().exclude(video_public_id="", thumbnail_public_id="")
        for video in rows.iterator(BATCH):
            self._advance(1)
            for asset in assets_of(video):
                # One that waits for its new id is not at its address yet.
                if asset.is_misplaced or backend.delivers(asset.address):
                    continue
                if _still_names(video, asset):
                    yield f"{asset.kind} {asset.public_id} of video {video.pk}"


def lost_folders(advance: Callable[[int], object] = lambda _: None) -> Iterator[str]:
    """Yield the old capability folders of this disk that no row names.

    ``advance`` is told how many folders were looked at. Raises OSError.
    """
    for folders in _batches(_old_folders(), BATCH):
        advance(len(folders))
        yield from sorted(set(folders) - folders_in_use(folders))


def delete_lost_folders(*, limit: int, dry_run: bool = False) -> tuple[Freed, int]:
    """Delete such folders, at most ``limit``; return what was freed and how many are left.

    Dry, it tells the same. Raises OSError.
    """
    freed, left = Freed(), 0
    for folder in lost_folders():
        if freed.count == limit:
            left += 1
            continue
        size = size_of(Path(settings.MEDIA_ROOT) / folder)
        if dry_run or _delete_folder(folder):
            freed.add(size)
    return freed, left


def folders_in_use(folders: Sequence[str]) -> set[str]:
    """Return those of some folders of this disk in which a row has a file."""
    used: set[str] = set()
    # The first has an index and finds nearly all.
    for column in ("folder", "stored_folder"):
        rest = set(folders) - used
        for video in Video.objects.filter(**{f"{column}__in": rest}) if rest else ():
            if video.has_folder:
                used |= {video.folder, video.stored_folder}
    rest = set(folders) - used
    if rest:
        used |= picture_folders(rest)
        # The clips that many demo videos share.
        for slot in SLOTS:
            paths = Video.objects.filter(**{f"{slot}_file__regex": "^[ph]/"})
            used |= {path[:34] for path in paths.values_list(f"{slot}_file", flat=True).distinct()}
    return used & set(folders)


def ids_in_use(kind: Kind, public_ids: Sequence[str]) -> set[str]:
    """Return those of some public ids that a row has, is to get, or may be sending right now."""
    folders = {public_id.rpartition("/")[0] for public_id in public_ids}
    (slot,) = (slot for slot in SLOTS if SLOTS[slot][0] is kind)
    used: set[str] = set()
    for video in Video.objects.filter(folder__in=folders):
        if is_here(video, slot):
            used.add(public_id_of(f"{video.folder}/{getattr(video, f'{slot}_file')}"))
        for asset in assets_of(video):
            used |= {asset.public_id, asset.wanted}
    rest = set(public_ids) - used
    if rest:
        column = f"{slot}_public_id"
        named = Video.objects.filter(**{f"{column}__in": rest})
        used |= set(named.values_list(column, flat=True))
    if kind is Kind.IMAGE and (rest := set(public_ids) - used):
        people = picture_folders({public_id.rpartition("/")[0] for public_id in rest})
        used |= {public_id for public_id in rest if public_id.rpartition("/")[0] in people}
    return used & set(public_ids)


def _files() -> "QuerySet[Video]":
    """Return all videos, with no more than what says where their files are."""
    columns = [f"{slot}_{what}" for slot in SLOTS for what in ("file", "public_id")]
    videos: QuerySet[Video] = Video.objects.only("folder", "stored_folder", *columns)
    return videos.order_by("pk")


def _delete_folder(folder: str) -> bool:
    """Delete a folder of this disk unless a row names it by now; tell whether that was done."""
    if folders_in_use([folder]):
        return False
    disk().delete(folder)
    return True


def _delete_asset(backend: CloudinaryBackend, kind: Kind, public_id: str) -> bool:
    """Delete a file on Cloudinary unless a row names it by now; tell whether that was done."""
    if ids_in_use(kind, [public_id]) or _may_be_moving(public_id.rpartition("/")[0]):
        return False
    backend.remove(kind, public_id)
    return True


def _may_be_moving(folder: str) -> bool:
    """Tell whether a renaming that was cut off may have left a file there, for a job to find.

    Its age does not say: a renamed file is as old as it was before.
    """
    videos: QuerySet[Video] = Video.objects.filter(former_folders__contains=[folder])
    return videos.exists()


def _old_folders() -> Iterator[str]:
    """Yield the capability folders of this disk that are older than ``MIN_AGE``."""
    newest = (datetime.now(UTC) - MIN_AGE).timestamp()
    for area in (PUBLISHED, HIDDEN):
        root = Path(settings.MEDIA_ROOT) / area
        if not root.is_dir():
            continue
        with os.scandir(root) as entries:
            for entry in entries:
                folder = f"{area}/{entry.name}"
                with suppress(FileNotFoundError):  # moved or deleted meanwhile
                    if is_stored_folder(folder) and entry.stat().st_mtime < newest:
                        yield folder


def _missing_files(video: Video) -> list[str]:
    """Return those files of a video that are in its folder by its row and not on the disk."""

    def missing(row: Video) -> list[str]:
        names = [getattr(row, f"{slot}_file") for slot in SLOTS if is_here(row, slot)]
        paths = [f"{row.stored_folder}/{name}" for name in names]
        return [path for path in paths if not Path(settings.MEDIA_ROOT, path).is_file()]

    if not missing(video):
        return []
    # It may have been moved or deleted since the row was read.
    row = Video.objects.filter(pk=video.pk).first()
    return missing(row) if row else []


def _still_names(video: Video, asset: Asset) -> bool:
    """Tell whether a row still says that a file is where it was not found."""
    row = Video.objects.filter(pk=video.pk).first()
    return row is not None and asset in assets_of(row)


def _batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch

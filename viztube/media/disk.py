"""The disk of this machine: capability folders below the media root.

Here folders are the unit: one holds all files of a video or of one profile picture, and moves or
goes as a whole, in one step.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from django.conf import settings

from viztube.media.backends import (
    FolderMissing,
    Kind,
    MediaBackend,
    MediaMissing,
    StoredFile,
    kind_of,
)
from viztube.media.paths import HIDDEN, INCOMING, PUBLISHED, TRASH, is_stored_folder


class DiskBackend(MediaBackend):
    """Files below ``MEDIA_ROOT``; moving them is a rename on one file system."""

    @cached_property
    def _address(self) -> str:
        return f"{settings.PUBLIC_URL}{settings.MEDIA_URL}"

    def url(self, path: str) -> str:
        """Return ``PUBLIC_URL/media/...``; an absolute address stays as it is."""
        if not path or "://" in path:
            return path
        return self._address + path

    def add(self, folder: str, file: Path) -> StoredFile:
        """Rename a file into a folder, which must be there."""
        target = self._folder(folder) / file.name
        if file.exists() or not target.exists():
            file.rename(target)
        return _described(target)

    def find(self, kind: Kind, public_id: str) -> StoredFile | None:
        """Return what the disk says of a file."""
        try:
            return _described(self._file(public_id))
        except FileNotFoundError:
            return None

    def fetch(self, address: str, target: Path) -> None:
        """Copy a file."""
        try:
            shutil.copyfile(self._file(address), target)
        except FileNotFoundError as error:
            raise MediaMissing(address) from error

    def remove(self, kind: Kind, public_id: str) -> None:
        """Unlink a file."""
        self._file(public_id).unlink(missing_ok=True)

    def holdings(self) -> Iterator[StoredFile]:
        """Yield every file below ``p/`` and ``h/``."""
        for area in (PUBLISHED, HIDDEN):
            for path in (Path(settings.MEDIA_ROOT) / area).rglob("*"):
                with suppress(FileNotFoundError):  # moved or deleted meanwhile
                    if path.is_file():
                        yield _described(path)

    def move(self, source: str, target: str) -> None:
        """Rename a folder; done already is fine. Raises FolderMissing, OSError."""
        old, new = self._folder(source), self._folder(target)
        if source == target:
            return
        new.parent.mkdir(parents=True, exist_ok=True)
        try:
            old.rename(new)
        except FileNotFoundError:
            if not new.is_dir():
                raise FolderMissing(f"{source} cannot become {target}: neither exists.") from None

    def make(self, folder: str) -> None:
        """Make a folder and, on a new disk, the one above it; there already is fine."""
        self._folder(folder).mkdir(parents=True, exist_ok=True)

    def withdraw(self, folder: str) -> None:
        """Rename a folder into the trash, which nothing serves: all its addresses stop working.

        It may still be on its way from ``incoming/``: looking there first and then at its place
        cannot miss it, and a move that comes later finds nothing to move. Raises OSError.
        """
        place = self._folder(folder)
        trash = Path(settings.MEDIA_ROOT) / TRASH
        trash.mkdir(parents=True, exist_ok=True)
        for path in (self._folder(f"{INCOMING}/{place.name}"), place):
            # Under a name of its own: a deletion that was cut off may have left some of this key.
            with suppress(FileNotFoundError):
                path.rename(trash / f"{place.name}-{secrets.token_hex(4)}")

    def delete(self, folder: str) -> None:
        """Withdraw a folder, then remove its files; gone already is fine. Raises OSError."""
        self.withdraw(folder)
        name = self._folder(folder).name
        for trash in (Path(settings.MEDIA_ROOT) / TRASH).glob(f"{name}-*"):
            with suppress(FileNotFoundError):
                shutil.rmtree(trash)

    @classmethod
    def _file(cls, path: str) -> Path:
        """Return a file directly in a folder of ours; raises ValueError for any other path."""
        folder, _, name = path.rpartition("/")
        if name in {"", ".", ".."}:
            raise ValueError(f"Not a media file: {path!r}")
        return cls._folder(folder) / name

    @staticmethod
    def _folder(path: str) -> Path:
        if not is_stored_folder(path):
            raise ValueError(f"Not a media folder: {path!r}")
        return Path(settings.MEDIA_ROOT) / path


def _described(file: Path) -> StoredFile:
    """Return a file's facts; raises FileNotFoundError."""
    status = file.stat()
    path = file.relative_to(settings.MEDIA_ROOT).as_posix()
    return StoredFile(
        kind=kind_of(file),
        public_id=path,
        address=path,
        bytes=status.st_size,
        format=file.suffix.removeprefix("."),
        made_at=datetime.fromtimestamp(status.st_mtime, UTC),
    )

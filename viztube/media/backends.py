"""The media interface: what the apps may ask of the place where files are.

Folders are the unit: one holds all files of a video or of one profile image. Every method is safe
to repeat, because jobs are.
"""

import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import urljoin

from django.conf import settings

from viztube.media.paths import INCOMING, TRASH, is_stored_folder


class FolderMissing(Exception):
    """A folder is neither where it was nor where it should go."""


class MediaBackend(ABC):
    """A place for media folders."""

    @abstractmethod
    def url(self, path: str) -> str:
        """Return the absolute address of a file, "" for no file."""

    @abstractmethod
    def move(self, source: str, target: str) -> None:
        """Move a folder in one step; done already is fine. Raises FolderMissing, OSError."""

    @abstractmethod
    def make(self, folder: str) -> None:
        """Make a folder; there already is fine. Raises OSError."""

    @abstractmethod
    def add(self, folder: str, file: Path) -> None:
        """Move a file of this machine into a folder, under its own name. Raises OSError."""

    @abstractmethod
    def remove(self, folder: str, name: str) -> None:
        """Remove one file of a folder; gone already is fine. Raises OSError."""

    @abstractmethod
    def withdraw(self, folder: str) -> None:
        """Make every address below a folder stop working, in one step. Raises OSError."""

    @abstractmethod
    def delete(self, folder: str) -> None:
        """Remove a folder and what is left of it; gone already is fine. Raises OSError."""


class LocalBackend(MediaBackend):
    """Folders below ``MEDIA_ROOT``; moving is a rename on one file system."""

    def url(self, path: str) -> str:
        """Return ``PUBLIC_URL/media/...``; an imported absolute address stays as it is."""
        if not path:
            return ""
        return urljoin(settings.PUBLIC_URL + settings.MEDIA_URL, path)

    def move(self, source: str, target: str) -> None:
        """Rename a folder."""
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
        """Make a folder and, on a new disk, the one above it."""
        self._folder(folder).mkdir(parents=True, exist_ok=True)

    def add(self, folder: str, file: Path) -> None:
        """Rename a file into a folder."""
        file.rename(self._folder(folder) / file.name)

    def remove(self, folder: str, name: str) -> None:
        """Unlink a file."""
        (self._folder(folder) / Path(name).name).unlink(missing_ok=True)

    def withdraw(self, folder: str) -> None:
        """Rename a folder into the trash, which nothing serves.

        It may still be on its way from ``incoming/``: looking there first and then at its place
        cannot miss it, and a move that comes later finds nothing to move.
        """
        trash = self._trash(folder)
        trash.parent.mkdir(parents=True, exist_ok=True)
        place = self._folder(folder)
        for path in (self._folder(f"{INCOMING}/{place.name}"), place):
            with suppress(FileNotFoundError):
                path.rename(trash)

    def delete(self, folder: str) -> None:
        """Withdraw a folder, then remove its files."""
        self.withdraw(folder)
        with suppress(FileNotFoundError):
            shutil.rmtree(self._trash(folder))

    @staticmethod
    def _folder(path: str) -> Path:
        if not is_stored_folder(path):
            raise ValueError(f"Not a media folder: {path!r}")
        return Path(settings.MEDIA_ROOT) / path

    @classmethod
    def _trash(cls, path: str) -> Path:
        return Path(settings.MEDIA_ROOT) / TRASH / cls._folder(path).name


@lru_cache(maxsize=1)
def media() -> MediaBackend:
    """Return the backend in use."""
    return LocalBackend()

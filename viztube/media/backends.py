"""The media interface: what the apps may ask of a place where files are.

There are two places. The disk of this machine receives every file and serves it at once; it is
where files stay, unless ``CLOUDINARY_URL`` is set: then they move on to Cloudinary. Rows say where
each file is: a path below the media root, or the absolute address at which it is delivered.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path, PurePath
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from viztube.environment import CloudinaryAccount
    from viztube.media.cloud import CloudinaryBackend
    from viztube.media.disk import DiskBackend


class Kind(StrEnum):
    """What a file is; Cloudinary keeps each kind in a name space of its own."""

    IMAGE = "image"
    VIDEO = "video"


def kind_of(path: PurePath) -> Kind:
    """Return what a file of ours is, by the name that we gave it: an original is a ``video``."""
    return Kind.VIDEO if path.stem == "video" else Kind.IMAGE


class FolderMissing(Exception):
    """A folder is neither where it was nor where it should go."""


class MediaMissing(Exception):
    """There is no such file."""


class MediaUnavailable(Exception):
    """The place does not answer, or not now: what was asked for may work later."""


class MediaRefused(Exception):
    """The place takes no such file, however often it is asked; the text says why, for staff."""


@dataclass(frozen=True)
class StoredFile:
    """A file as its place describes it.

    ``public_id`` is what the place calls it: on the disk, its path below the media root.
    ``address`` is what rows keep. ``bytes`` is its size, ``width`` and ``height`` are in pixels,
    ``duration`` is in seconds; None stands for what the place does not know.
    """

    kind: Kind
    public_id: str
    address: str
    bytes: int
    format: str
    version: int | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    made_at: datetime | None = None


class MediaBackend(ABC):
    """A place for media files. Every method is safe to repeat, because jobs are."""

    @abstractmethod
    def url(self, path: str) -> str:
        """Return the absolute address of a path like ``p/<key>/video.mp4``, "" for no path."""

    @abstractmethod
    def add(self, folder: str, file: Path) -> StoredFile:
        """Take a file of this machine into a folder, under its own name; there already is fine.

        Raises OSError, MediaUnavailable, MediaRefused.
        """

    @abstractmethod
    def find(self, kind: Kind, public_id: str) -> StoredFile | None:
        """Return what is known of a file, None when there is none. Raises MediaUnavailable."""

    @abstractmethod
    def fetch(self, address: str, target: Path) -> None:
        """Write a copy of a file to a path of this machine.

        Raises OSError, MediaMissing, MediaUnavailable.
        """

    @abstractmethod
    def remove(self, kind: Kind, public_id: str) -> None:
        """Remove one file; gone already is fine. Raises OSError, MediaUnavailable."""

    @abstractmethod
    def holdings(self) -> Iterator[StoredFile]:
        """Yield every file in capability folders. Raises OSError, MediaUnavailable."""


_MAKING = Lock()


def disk() -> "DiskBackend":
    """Return the disk of this machine."""
    return _disk()


def cloud() -> "CloudinaryBackend | None":
    """Return Cloudinary, None when ``CLOUDINARY_URL`` is not set."""
    if settings.CLOUDINARY_ACCOUNT is None:
        return None
    # Not twice at once: making it configures the SDK, which is there once.
    with _MAKING:
        return _cloud(settings.CLOUDINARY_ACCOUNT)


# Imported when they are asked for: both build on this module, and the SDK is for who uses it.
@lru_cache(maxsize=1)
def _disk() -> "DiskBackend":
    from viztube.media.disk import DiskBackend

    return DiskBackend()


@lru_cache(maxsize=1)
def _cloud(account: "CloudinaryAccount") -> "CloudinaryBackend":
    from viztube.media.cloud import CloudinaryBackend

    return CloudinaryBackend(account)

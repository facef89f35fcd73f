"""Copies of the files in the capability folders, which take no room where they need not.

A file there is never written again, only renamed with its folder or deleted. So another name for it
(a hard link) is as good as a copy, and a file is known again by its inode, size and time, whatever
its folder is called by now.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from viztube.media.paths import HIDDEN, PUBLISHED

AREAS = (PUBLISHED, HIDDEN)
CHUNK = 1 << 20  # bytes

Advance = Callable[[str, int], object]
Identity = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file of a backup; ``inode`` and ``modified`` (in ns) are those of the file it came from."""

    size: int
    sha256: str
    inode: int
    modified: int

    @property
    def identity(self) -> Identity:
        """Return what the file is known again by."""
        return self.inode, self.size, self.modified


@dataclass(frozen=True, slots=True)
class Known:
    """A file that the backup before has already."""

    path: str
    sha256: str


def files_below(root: Path) -> Iterator[tuple[str, Identity]]:
    """Yield the path below ``root`` and the identity of each file; what vanishes is left out."""
    for area in AREAS:
        # Folders that vanish while they are walked through are left out by os.walk itself.
        for folder, _, names in os.walk(root / area):
            for name in names:
                path = Path(folder, name)
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue
                identity = status.st_ino, status.st_size, status.st_mtime_ns
                yield path.relative_to(root).as_posix(), identity


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_file(source: Path, target: Path) -> str:
    """Copy a file into a private one that is safely on disk; return its SHA-256. Raises OSError."""
    digest = hashlib.sha256()
    with (
        source.open("rb") as reader,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writer,
    ):
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def can_link(source: Path, folder: Path) -> bool:
    """Tell whether a file can get another name in a folder: both must be on one file system."""
    probe = folder / ".link"
    try:
        os.link(source, probe)
    except OSError:
        return False
    probe.unlink()
    return True


class MediaCopy:
    """The media of a backup that is being made: taken as often as wanted, each file once."""

    def __init__(
        self, source: Path, target: Path, known: Mapping[Identity, Known], advance: Advance
    ) -> None:
        """Take the media root, where its copy is to be, and what the backup before has."""
        self.linked = self.copied = self.copied_bytes = 0
        self._source, self._target, self._known, self._advance = source, target, known, advance
        self._files: dict[str, MediaFile] = {}
        self._missed: set[Identity] = set()

    def bytes_to_copy(self) -> int:
        """Return how much room the files need that cannot be linked."""
        links: bool | None = None
        size = 0
        for path, identity in files_below(self._source):
            if links is None:
                links = can_link(self._source / path, self._target)
            if not links and identity not in self._known:
                size += identity[1]
        return size

    def take(self) -> None:
        """Link or copy every file that was not taken yet; raises OSError."""
        # Listed first: what goes while the others are taken is to be counted.
        for path, identity in list(files_below(self._source)):
            taken = self._files.get(path)
            if taken and taken.identity != identity:
                # The master playlist of a stream is replaced when there are more qualities.
                (self._target / path).unlink()
                del self._files[path]
            if path not in self._files:
                self._advance("Files", 0)
                try:
                    self._take(path, identity)
                except FileNotFoundError:
                    self._missed.add(identity)
                self._advance("Files", 1)

    def drop_gone(self) -> None:
        """Let go of folders that were renamed or deleted since they were taken."""
        for area in AREAS:
            if (self._target / area).is_dir():
                for folder in (self._target / area).iterdir():
                    if not (self._source / area / folder.name).is_dir():
                        shutil.rmtree(folder)
                        self._forget(f"{area}/{folder.name}/")

    def vanished(self) -> int:
        """Return how many files were seen and are gone: under no other name taken either."""
        return len(self._missed - {file.identity for file in self._files.values()})

    def finish(self) -> dict[str, MediaFile]:
        """Return the files by path, after reading those whose SHA-256 is not known yet."""
        for path, file in self._files.items():
            if not file.sha256:
                self._advance("Checksums", 0)
                found = sha256_of(self._target / path)
                self._files[path] = MediaFile(file.size, found, file.inode, file.modified)
                self._advance("Checksums", 1)
        return self._files

    def _take(self, path: str, identity: Identity) -> None:
        source, target = self._source / path, self._target / path
        _make_private(target.parent, self._target)
        inode, size, modified = identity
        known = self._known.get(identity)
        # What was read when the file was new: to read it again would bless what went bad since.
        sha256 = known.sha256 if known else ""
        if _link(source, target) or (known and _link(known.path, target)):
            self.linked += 1
        else:
            sha256 = copy_file(source, target)
            self.copied += 1
            self.copied_bytes += size
        self._files[path] = MediaFile(size, sha256, inode, modified)

    def _forget(self, prefix: str) -> None:
        for path in [path for path in self._files if path.startswith(prefix)]:
            self._missed.add(self._files.pop(path).identity)


def _link(source: Path | str, target: Path) -> bool:
    """Give a file another name; tell whether this file system can."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _make_private(folder: Path, root: Path) -> None:
    """Make a folder and those above it up to the root, with mode 0700."""
    if folder != root and not folder.is_dir():
        _make_private(folder.parent, root)
        folder.mkdir(mode=0o700)

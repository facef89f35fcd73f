"""What killed processes left where files are received and where they are deleted."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from viztube.media.paths import INCOMING, TRASH

DAY = 24 * 3600
# A file still being received is young; a folder may wait for a job that a full disk holds up, which
# gives up after little more than a day.
STALE_FILE_AGE = DAY
STALE_FOLDER_AGE = 2 * DAY


@dataclass
class Freed:
    """How many files and folders were deleted, and how many bytes they had."""

    count: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count one of a size in bytes."""
        self.count += 1
        self.bytes += size


def sweep(*, dry_run: bool = False) -> Freed:
    """Delete what is stale in ``incoming/`` and ``trash/``. Raises OSError."""
    freed, now = Freed(), time.time()
    for area in (INCOMING, TRASH):
        root = Path(settings.MEDIA_ROOT) / area
        for entry in root.iterdir() if root.is_dir() else ():
            try:
                age = now - entry.stat().st_mtime
                if entry.is_dir() and age > STALE_FOLDER_AGE:
                    size = size_of(entry)
                    if not dry_run:
                        shutil.rmtree(entry)
                elif entry.is_file() and age > STALE_FILE_AGE:
                    size = entry.stat().st_size
                    if not dry_run:
                        entry.unlink()
                else:
                    continue
            except FileNotFoundError:
                continue  # finished or deleted by someone else meanwhile
            freed.add(size)
    return freed


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; what vanishes meanwhile counts nothing."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += Path(place, name).lstat().st_size
            except FileNotFoundError:
                continue
    return size

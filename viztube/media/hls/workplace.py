"""Where a stream is put together: a folder below ``incoming/``, which nothing serves."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from viztube.media.paths import incoming_folder


class WorkplaceTaken(Exception):
    """Another process of this machine works there."""


@contextmanager
def workplace(name: str) -> Iterator[Path]:
    """Make the folder of this name, empty, and remove it at the end.

    Its name is always the same for the same work, so what a killed process left there is removed by
    whoever takes the work up. A lock tells whether one is still at it: it goes with its process.
    Raises WorkplaceTaken, OSError.
    """
    folder = incoming_folder() / name
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkplaceTaken(f"Another process works on {name}.") from None
        if not _is_there(folder, descriptor):
            raise WorkplaceTaken(f"Another process has just ended its work on {name}.")
        _empty(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _is_there(folder: Path, descriptor: int) -> bool:
    """Tell whether what was locked is still what has this name."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()

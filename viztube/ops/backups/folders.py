"""The folder that backups lie in: whose turn it is, which are complete, which may go."""

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from viztube.ops.backups import BackupError

PARTIAL = ".partial-"
LOCK = ".lock"
STAMP = "%Y%m%dT%H%M%SZ"
_COMPLETE = re.compile(r"\d{8}T\d{6}Z")
_DAY = len("20261125")


def stamp() -> str:
    """Return this moment as backups are named: 20261125T061500Z."""
    return datetime.now(UTC).strftime(STAMP)


def complete_backups(folder: Path) -> list[Path]:
    """Return the backups in a folder, the oldest first."""
    return sorted(path for path in folder.iterdir() if _COMPLETE.fullmatch(path.name))


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[int]:
    """Have a folder to oneself, and make it if need be; yields the open lock.

    Whoever inherits the lock holds it too. Raises BackupError while another backup is made in it or
    one of it is restored, and OSError.
    """
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, fcntl.LOCK_EX, folder)
        yield lock
    finally:
        os.close(lock)


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keep what is in a folder from being removed by a backup; raises BackupError, OSError."""
    try:
        lock = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        # Copied from elsewhere: no backup is made here.
        yield
        return
    try:
        _take(lock, fcntl.LOCK_SH, folder)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def drafting(folder: Path) -> Iterator[Path]:
    """Yield a new folder, which becomes a backup if the block succeeds, and else is removed.

    Only for whoever is ``writing``. Raises OSError.
    """
    for leftover in folder.glob(f"{PARTIAL}*"):
        shutil.rmtree(leftover)
    while (folder / (name := stamp())).exists():
        time.sleep(0.1)
    draft = folder / f"{PARTIAL}{name}"
    draft.mkdir(mode=0o700)
    try:
        yield draft
        for place, _, _ in os.walk(draft):
            _sync(Path(place))
        draft.rename(folder / name)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync(folder)


def remove_older(new: Path, keep: int) -> list[str]:
    """Remove backups but the newest ``keep``, and the last one of each of the newest ``keep`` days.

    So the days before stay, however many are made in one. ``new`` counts as the newest in any case.
    Returns the names of what was removed; raises OSError.
    """
    others = [path for path in complete_backups(new.parent) if path != new]
    # Of a day the last one wins.
    days = {path.name[:_DAY]: path for path in others if path.name[:_DAY] != new.name[:_DAY]}
    kept = {path for paths in (others, [*days.values()]) for path in paths[::-1][: keep - 1]}
    removed = []
    for path in others:
        if path in kept:
            continue
        # Under another name first: one half removed must not look complete.
        doomed = path.rename(path.with_name(f"{PARTIAL}{path.name}"))
        shutil.rmtree(doomed)
        removed.append(path.name)
    return removed


def _take(lock: int, kind: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BackupError(
            f"Another backup or restoration uses {folder} at the moment: wait for its end."
        ) from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

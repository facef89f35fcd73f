"""Restoring a backup: into a scratch database first, and in the place of the real one after."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from django.conf import settings

from viztube.api import shared
from viztube.media.paths import incoming_folder
from viztube.ops.backups import BackupError
from viztube.ops.backups.folders import reading, stamp
from viztube.ops.backups.manifest import DUMP, MEDIA, Manifest, read_manifest
from viztube.ops.backups.media import Advance, can_link, copy_file, files_below
from viztube.ops.backups.postgres import (
    Connection,
    check_program,
    connected,
    database_name,
    first_line,
)
from viztube.ops.backups.scratch import (
    check_replaceable,
    exists,
    fill,
    maintenance,
    related_name,
    scratch_database,
    swap,
)
from viztube.ops.backups.verifying import Verification


@dataclass
class Plan:
    """What a restoration is going to replace; ``before`` is how the current database is kept."""

    manifest: Manifest
    before: str | None
    missing: list[str] = field(default_factory=list)
    left_alone: int = 0


def verify(folder: Path, advance: Advance) -> Verification:
    """Restore a backup into a scratch database, compare, and drop it; raises BackupError."""
    with (
        _sentences(),
        reading(folder.parent),
        maintenance() as server,
        _restored(folder, server, stamp(), advance) as (_, found),
    ):
        return found


def plan(folder: Path) -> Plan:
    """Return what restoring a backup would do; raises BackupError."""
    with _sentences(), reading(folder.parent), maintenance() as server:
        check_replaceable(server)
        return _plan(folder, server, stamp())


def restore(
    folder: Path, *, confirm: Callable[[Verification, Plan], bool], advance: Advance
) -> Plan | None:
    """Restore a backup, compare, and if all is identical and ``confirm`` agrees, replace.

    ``confirm`` is asked in any case, with what was found. Returns what was done, None when nothing
    was replaced. Raises BackupError.
    """
    now = stamp()
    with _sentences(), reading(folder.parent), maintenance() as server:
        check_replaceable(server)
        with _restored(folder, server, now, advance) as (name, found):
            done = _plan(folder, server, now)
            agreed = confirm(found, done)
            if not found.identical or not agreed:
                return None
            swap(server, name, related_name("before", now))
            shared.forget(shared.EVERYTHING)
        try:
            for path in done.missing:
                _put_back(folder / MEDIA / path, Path(settings.MEDIA_ROOT) / path)
                advance("Files", 1)
        except OSError as error:
            raise BackupError(
                f"The database is replaced, but not all media is back ({error.strerror}: "
                f"{error.filename}): see to MEDIA_ROOT, then run this again."
            ) from error
        return done


def _plan(folder: Path, server: Connection, now: str) -> Plan:
    manifest, root = read_manifest(folder), Path(settings.MEDIA_ROOT)
    there = {path: size for path, (_, size, _) in files_below(root)}
    missing = [path for path, file in manifest.media.items() if there.get(path) != file.size]
    before = related_name("before", now) if exists(server, database_name()) else None
    if missing and not can_link(folder / MEDIA / missing[0], incoming_folder()):
        needed = sum(manifest.media[path].size for path in missing)
        free = shutil.disk_usage(root).free
        if needed > free:
            raise BackupError(
                f"The files that are missing need {needed / 1e6:,.0f} MB, and MEDIA_ROOT has "
                f"{free / 1e6:,.0f} MB free: make room, then run this again."
            )
    return Plan(manifest, before, missing, len(there.keys() - manifest.media.keys()))


@contextmanager
def _restored(
    folder: Path, server: Connection, now: str, advance: Advance
) -> Iterator[tuple[str, Verification]]:
    """Restore a dump into a scratch database and compare; yield its name and what was found."""
    check_program("pg_restore", server)
    manifest, found, name = read_manifest(folder), Verification(), related_name("restore", now)
    found.check_media(folder, manifest, advance)
    if not found.check_dump(folder, manifest):
        yield name, found
        return
    advance("Restoring the dump", 0)
    with scratch_database(server, name, manifest.database):
        fill(name, folder / DUMP, manifest.database)
        with connected(name) as restored:
            found.check_database(restored, manifest, advance)
        yield name, found


def _put_back(source: Path, target: Path) -> None:
    """Give a file of a backup its place below the media root, whole or not at all."""
    draft = incoming_folder() / f"restore-{target.parent.name}-{target.name}"
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError:
        copy_file(source, draft)
    # The web server reads it as another account.
    draft.chmod(settings.FILE_UPLOAD_PERMISSIONS)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.replace(target)


@contextmanager
def _sentences() -> Iterator[None]:
    """Say in one sentence what failed."""
    try:
        yield
    except psycopg.Error as error:
        raise BackupError(
            f"PostgreSQL failed ({first_line(error)}), and nothing was replaced: check "
            "DATABASE_URL and the server, then run this again."
        ) from error
    except OSError as error:
        raise BackupError(
            f"A file cannot be used ({error.strerror}: {error.filename}), and nothing was "
            "replaced: check who owns it."
        ) from error

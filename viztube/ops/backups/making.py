"""Making a backup: one snapshot of the database, and the files that its rows name."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from django.conf import settings

import viztube
from viztube.ops.backups import BackupError
from viztube.ops.backups.folders import (
    PARTIAL,
    complete_backups,
    drafting,
    remove_older,
    stamp,
    writing,
)
from viztube.ops.backups.manifest import (
    DUMP,
    FORMAT,
    MEDIA,
    Dump,
    Manifest,
    read_manifest,
    write_manifest,
)
from viztube.ops.backups.media import Advance, Identity, Known, MediaCopy, sha256_of
from viztube.ops.backups.postgres import (
    Connection,
    check_program,
    connected,
    database_name,
    first_line,
    running,
)
from viztube.ops.backups.tables import keep_tables, read_database, read_migrations, read_tables


@dataclass
class Made:
    """What a backup has become; ``copied_bytes`` is the room that its media took."""

    folder: str
    tables: int
    rows: int
    dump_bytes: int
    files: int
    media_bytes: int
    linked: int
    copied: int
    copied_bytes: int
    vanished: int
    removed: list[str] = field(default_factory=list)


def make_backup(*, to: Path, keep: int | None, advance: Advance) -> Made:
    """Make a backup in a folder of backups, then remove those that ``keep`` does not ask for.

    Raises BackupError; then there is no new backup, or too many old ones.
    """
    try:
        with writing(to) as lock:
            made = _make(to, lock, advance)
            if keep is not None:
                made.removed = remove_older(Path(made.folder), keep)
            return made
    except OSError as error:
        raise BackupError(
            f"A file cannot be used ({error.strerror}: {error.filename or to}): check who owns "
            "it, and whether the disk is full."
        ) from error
    except psycopg.Error as error:
        raise BackupError(
            f"The database failed ({first_line(error)}): check DATABASE_URL and the server."
        ) from error


def _make(to: Path, lock: int, advance: Advance) -> Made:
    with drafting(to) as draft, connected(database_name()) as connection:
        check_program("pg_dump", connection)
        (draft / MEDIA).mkdir(mode=0o700)
        media = MediaCopy(Path(settings.MEDIA_ROOT), draft / MEDIA, _known(to), advance)
        _require_room(to, connection, media)
        # A folder is renamed or deleted after the commit of the row that says so. What is gone
        # before the snapshot, no row of the snapshot names; what goes afterwards is here already.
        media.take()
        media.drop_gone()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            made_at = stamp()
            keep_tables(connection)
            dump = draft / DUMP
            arguments = ["--format=custom", f"--snapshot={snapshot}", f"--file={dump}"]
            with running("pg_dump", arguments, database_name(), hold=lock):
                media.take()
                files = media.finish()
                tables = read_tables(connection, advance)
                migrations = read_migrations(connection)
                database = read_database(connection)
        manifest = Manifest(
            format=FORMAT,
            made_at=made_at,
            viztube=viztube.__version__,
            postgresql=connection.info.parameter_status("server_version") or "",
            database=database,
            migrations=migrations,
            dump=Dump(dump.stat().st_size, sha256_of(dump)),
            tables=tables,
            media=files,
        )
        write_manifest(draft, manifest)
    return Made(
        folder=str(to / draft.name.removeprefix(PARTIAL)),
        tables=len(manifest.tables),
        rows=manifest.rows(),
        dump_bytes=manifest.dump.size,
        files=len(manifest.media),
        media_bytes=manifest.media_bytes(),
        linked=media.linked,
        copied=media.copied,
        copied_bytes=media.copied_bytes,
        vanished=media.vanished(),
    )


def _known(to: Path) -> Mapping[Identity, Known]:
    """Return the files of the newest backup; of a damaged one nothing is taken."""
    try:
        newest = complete_backups(to)[-1]
        files = read_manifest(newest).media
    except (IndexError, BackupError):
        return {}
    return {
        file.identity: Known(f"{newest}/{MEDIA}/{path}", file.sha256)
        for path, file in files.items()
    }


def _require_room(to: Path, connection: Connection, media: MediaCopy) -> None:
    (database,) = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (
        0,
    )
    needed, free = database + media.bytes_to_copy(), shutil.disk_usage(to).free
    if needed > free:
        raise BackupError(
            f"The backup may need {needed / 1e6:,.0f} MB, and {to} has {free / 1e6:,.0f} MB free: "
            "remove old backups, or name a folder on a larger disk."
        )

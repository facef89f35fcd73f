"""What a backup says of itself, in ``manifest.json``."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from viztube.ops.backups import BackupError
from viztube.ops.backups.media import MediaFile
from viztube.ops.backups.tables import DatabaseFacts, Table

MANIFEST = "manifest.json"
DUMP = "database.dump"
MEDIA = "media"
FORMAT = 1


@dataclass(frozen=True)
class Dump:
    """The file that pg_dump wrote."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The versions and figures of a backup, all of one moment."""

    format: int
    made_at: str
    viztube: str
    postgresql: str
    database: DatabaseFacts
    migrations: list[str]
    dump: Dump
    tables: dict[str, Table]
    media: dict[str, MediaFile]

    def rows(self) -> int:
        """Return how many rows all tables have together."""
        return sum(table.rows for table in self.tables.values())

    def media_bytes(self) -> int:
        """Return how large all files are together."""
        return sum(file.size for file in self.media.values())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into the folder of a backup; raises OSError."""
    descriptor = os.open(folder / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        # Piece by piece: there may be very many files.
        json.dump(vars(manifest), file, indent=1, default=asdict)
        file.flush()
        os.fsync(descriptor)


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says of itself; raises BackupError."""
    try:
        given = json.loads((folder / MANIFEST).read_text())
        if given["format"] != FORMAT:
            raise BackupError(
                f"The backup {folder} was made by another version of VizTube ({given['viztube']}): "
                "restore it with that version."
            )
        return Manifest(
            **given
            | {
                "database": DatabaseFacts(**given["database"]),
                "dump": Dump(**given["dump"]),
                "tables": {name: Table(**table) for name, table in given["tables"].items()},
                "media": {path: MediaFile(**file) for path, file in given["media"].items()},
            }
        )
    except FileNotFoundError as error:
        raise BackupError(
            f"{folder} is no backup, for it has no {MANIFEST}: name one of the folders that "
            "`manage.py backup` made, like 20261125T061500Z."
        ) from error
    except OSError as error:
        raise BackupError(
            f"{folder / MANIFEST} cannot be read ({error.strerror}): check who owns it."
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupError(f"{folder / MANIFEST} is damaged: take another backup.") from error

"""Comparing a backup with what it says of itself: its files, and its dump once restored."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from viztube.ops.backups.manifest import DUMP, MEDIA, Manifest
from viztube.ops.backups.media import Advance, files_below, sha256_of
from viztube.ops.backups.postgres import Connection
from viztube.ops.backups.tables import Table, read_migrations, read_tables

NAMES_SHOWN = 20


@dataclass(frozen=True)
class Compared:
    """A table as the manifest has it and as it was restored; None where it is not there."""

    name: str
    expected: Table | None
    found: Table | None

    @property
    def same(self) -> bool:
        """Tell whether both have the same rows."""
        return self.expected == self.found


@dataclass
class Verification:
    """What a verification has found so far; ``problems`` are sentences."""

    tables: list[Compared] = field(default_factory=list)
    files: int = 0
    files_wrong: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        """Tell whether everything is as the manifest says."""
        return not self.problems and all(table.same for table in self.tables)

    def check_dump(self, folder: Path, manifest: Manifest) -> bool:
        """Tell whether the dump is the file that pg_dump wrote."""
        problem = _problem(folder / DUMP, manifest.dump.size, manifest.dump.sha256)
        if problem:
            self.problems.append(f"{DUMP} {problem}.")
        return not problem

    def check_media(self, folder: Path, manifest: Manifest, advance: Advance) -> None:
        """Read every file of media; one that the manifest does not name is a problem too."""
        self.files = len(manifest.media)
        there = {path for path, _ in files_below(folder / MEDIA)}
        names = sorted(there - manifest.media.keys())
        problems = [f"{MEDIA}/{name} is not in the manifest." for name in names]
        for path, file in manifest.media.items():
            advance("Files", 1)
            # Only what is below the folder: a manifest is a file that somebody may have edited.
            problem = (
                _problem(folder / MEDIA / path, file.size, file.sha256)
                if path in there
                else "is missing"
            )
            if problem:
                problems.append(f"{MEDIA}/{path} {problem}.")
        self.files_wrong = len(problems)
        self.problems += problems[:NAMES_SHOWN]

    def check_database(self, restored: Connection, manifest: Manifest, advance: Advance) -> None:
        """Compare the figures of every table of a restored database, and its migrations."""
        found = read_tables(restored, advance)
        self.tables = [
            Compared(name, manifest.tables.get(name), found.get(name))
            for name in sorted(manifest.tables.keys() | found.keys())
        ]
        if read_migrations(restored) != manifest.migrations:
            self.problems.append("The migrations in the dump are not those of the manifest.")

    def as_lines(self) -> Iterator[str]:
        """Yield a table of what was compared, and the problems below it."""
        yield f"{'table':<44}  {'in the backup':>13}  {'restored':>13}  "
        for table in self.tables:
            rows = [f"{side.rows:,}" if side else "-" for side in (table.expected, table.found)]
            verdict = "same" if table.same else "DIFFERENT"
            yield f"{table.name:<44}  {rows[0]:>13}  {rows[1]:>13}  {verdict}"
        verdict = f"{self.files_wrong:,} WRONG" if self.files_wrong else "same"
        yield f"{'media files':<44}  {self.files:>13,}  {'':>13}  {verdict}"
        yield from self.problems


def _problem(path: Path, size: int, sha256: str) -> str:
    """Return what is wrong with a file; raises OSError when it cannot be read."""
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        return "is missing"
    if found != size:
        return f"has {found:,} bytes instead of {size:,}"
    return "" if sha256_of(path) == sha256 else "has other content than when it was backed up"

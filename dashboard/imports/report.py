"""What the import tells: a line for each thing changed or refused, and a table of counts."""

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

# How every line begins.
START = b'{"table":"'


@dataclass
class Count:
    """How many rows of a table were met; those that were changed are among those imported."""

    read: int = 0
    imported: int = 0
    already_there: int = 0
    changed: int = 0
    refused: int = 0

    def add(self, other: "Count") -> None:
        """Add the rows of a batch."""
        for name, number in vars(other).items():
            setattr(self, name, getattr(self, name) + number)


@dataclass(frozen=True)
class Line:
    """What was done about one thing that was wrong with a row.

    In ``old`` a long text may be a function that reads it: not all of them fit into memory.
    """

    table: str
    id: str
    reason: str
    done: str
    old: Mapping[str, Any]


class Report:
    """A file with a JSON object a line. A line that an earlier run wrote is not written again."""

    def __init__(self, path: Path) -> None:
        """Open the file, which only its owner may read; raises OSError."""
        self._written, end = _written_before(path)
        # Addresses and texts of people are in it.
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb")
        os.fchmod(self._file.fileno(), 0o600)
        self._file.seek(end)
        self._file.truncate()

    def write(self, lines: Iterable[Line]) -> None:
        """Add lines; they are on the disk when this returns. Raises OSError."""
        for line in lines:
            old = {name: _now(value) for name, value in line.old.items()}
            text = orjson.dumps(replace(line, old=old), default=str) + b"\n"
            if _digest(text) not in self._written:
                self._written.add(_digest(text))
                self._file.write(text)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def as_table(counts: Mapping[str, Count]) -> str:
    """Return the counts of each table in columns."""
    heads = ["table", *(field.name.replace("_", " ") for field in fields(Count))]
    rows = [heads, *([name, *map(str, astuple(count))] for name, count in counts.items())]
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(first),
                *(cell.rjust(width) for cell, width in zip(row[1:], others, strict=True)),
            ]
        )
        for row in rows
    )


def _written_before(path: Path) -> tuple[set[bytes], int]:
    """Return the digests of the lines of a report, and where the last whole one of them ends."""
    written: set[bytes] = set()
    end = 0
    if not path.exists():
        return written, end
    if not path.is_file():
        raise OSError(errno.EINVAL, "it is no file")
    with path.open("rb") as lines:
        for line in lines:
            # What is not ours is not ours to cut off.
            if not line.startswith(START[: len(line)]):
                raise OSError(errno.EEXIST, "it is there and no report of an import")
            # A run that was killed may have left half a line.
            if line.endswith(b"\n"):
                written.add(_digest(line))
                end += len(line)
    return written, end


def _now(value: Any) -> Any:
    """Read a long text, now that it is needed."""
    return value() if callable(value) else value


def _digest(line: bytes) -> bytes:
    return blake2b(line, digest_size=8).digest()

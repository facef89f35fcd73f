"""When the rows of a table were made, and ids that fit: computed from a row's number."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

# Nothing that is made looks at the clock: the same arguments give the same rows on every day.
END = datetime(2026, 11, 1, tzinfo=UTC)
START = END - timedelta(days=730)
MIDDLE = END - timedelta(days=365)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def uuid7_at(moment: datetime, bits: int) -> UUID:
    """Return the UUIDv7 (RFC 9562) of a moment whose 74 random bits are given."""
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    high, low = bits >> 62, bits & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


class Timeline:
    """Rows made one after another, evenly through a period.

    Other rows refer to them by number: no list of ids is kept, however many there are.
    """

    def __init__(self, name: str, seed: int, count: int, start: datetime, end: datetime) -> None:
        self._name = f"{seed} {name}"
        self._start = start
        self._step = (end - start) / max(count, 1)

    def time(self, number: int) -> datetime:
        """Return when a row was made; numbers start at 0."""
        return self._start + number * self._step

    def id(self, number: int) -> UUID:
        """Return the id of a row."""
        digest = blake2b(f"{self._name} {number}".encode(), digest_size=10).digest()
        return uuid7_at(self.time(number), int.from_bytes(digest) >> 6)

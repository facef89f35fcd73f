"""Times on the wire."""

from datetime import UTC, datetime
from functools import lru_cache


# Of what is read at all, most is read often.
@lru_cache(maxsize=4096)
def wire_time(value: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds and ``Z``, like ``2026-01-31T12:00:00.000Z``."""
    return f"{value.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"

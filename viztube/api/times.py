"""Times on the wire."""

from datetime import UTC, datetime


def wire_time(value: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds and ``Z``, like ``2026-01-31T12:00:00.000Z``."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

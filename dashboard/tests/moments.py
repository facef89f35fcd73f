"""Puts rows to a moment of the past; the columns themselves take only the present."""

from datetime import UTC, datetime
from typing import Any

from videos.models import Video, ViewEvent


def at(text: str) -> datetime:
    """Return a moment (UTC), like ``2026-01-31`` or ``2026-01-31 23:59:59.999999``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dated(row: Any, moment: str, column: str = "created_at") -> Any:
    """Say when a row came to be, and return it."""
    type(row).objects.filter(pk=row.pk).update(**{column: at(moment)})
    return row


def seen(video: Video, *moments: str) -> None:
    """Add views that are not folded yet."""
    for moment in moments:
        dated(ViewEvent.objects.create(video=video), moment, "viewed_at")

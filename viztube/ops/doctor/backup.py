"""The last backup: how old it is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from viztube.ops.doctor.findings import Finding, failed, first_line, not_checked, ok, warning

NAME = "%Y%m%dT%H%M%SZ"
# One a day, and time for it to be made.
MAX_AGE = timedelta(hours=26)
ADVICE = "Run `manage.py backup`, and look why it did not run by itself."


def is_recent() -> Finding:
    """Look for the newest folder named for a moment; one being made has another name."""
    if settings.BACKUP_DIR is None:
        return not_checked("BACKUP_DIR is not set.")
    try:
        moments = [
            moment
            for folder in settings.BACKUP_DIR.iterdir()
            if (moment := made_at(folder)) is not None
        ]
    except OSError as error:
        return failed(f"{settings.BACKUP_DIR} cannot be read: {first_line(error)}.", ADVICE)
    if not moments:
        return failed(f"There is no backup in {settings.BACKUP_DIR}.", ADVICE)
    age = timezone.now() - max(moments)
    says = f"The last backup is {age.total_seconds() / 3600:.0f} hours old."
    return warning(says, ADVICE) if age > MAX_AGE else ok(says)


def made_at(folder: Path) -> datetime | None:
    """Return when a backup was made, None for what is no whole backup."""
    try:
        moment = datetime.strptime(folder.name, NAME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if folder.is_dir() and any(folder.iterdir()) else None

"""Moving and deleting folders as part of a database transaction.

The database commits first, the disk follows at once, and a job written in the same transaction does
what a crash in between left undone.
"""

from django.db import transaction

from viztube.media.backends import disk
from viztube.media.tasks import delete_folder, place_folder

# The request itself does the work right after its commit; the job only looks after it.
SAFETY_NET_DELAY = 30  # seconds


def place_on_commit(source: str, target: str) -> None:
    """Move a folder once the current transaction commits."""
    place_folder.configure(schedule_in={"seconds": SAFETY_NET_DELAY}).defer(
        source=source, target=target
    )
    transaction.on_commit(lambda: disk().move(source, target), robust=True)


def discard_on_commit(folder: str) -> None:
    """Once the current transaction commits, stop serving a folder; a job then deletes it."""
    delete_folder.defer(folder=folder)
    transaction.on_commit(lambda: disk().withdraw(folder), robust=True)

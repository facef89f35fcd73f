"""Taking turns at a video's files on Cloudinary."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection

from viztube.media.backends import MediaUnavailable

WAIT_SECONDS = 5.0
POLL_SECONDS = 0.05


@contextmanager
def turn_at(video_id: UUID) -> Iterator[None]:
    """Let nobody else send, rename or delete this video's files meanwhile.

    What one has asked Cloudinary for and not yet written down, another would take for lost, or
    for nobody's. A lock of the session (and reentrant), because no transaction is held while
    Cloudinary is asked; it ends with the connection of a process that dies. Raises MediaUnavailable
    when others take too long.
    """
    # The random part of a UUIDv7.
    key = int.from_bytes(video_id.bytes[8:], signed=True)
    deadline = time.monotonic() + WAIT_SECONDS
    while not _ask("SELECT pg_try_advisory_lock(%s)", key):
        if time.monotonic() > deadline:
            raise MediaUnavailable("Another job is at work on this video's files.")
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        _ask("SELECT pg_advisory_unlock(%s)", key)


def _ask(statement: str, key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [key])
        return bool(cursor.fetchone()[0])

"""Backups: the database and the media of this disk in one folder, and the way back.

Nothing here uses Django's connection or the cache: the database may be gone.
"""


class BackupError(Exception):
    """A backup or a restoration cannot go on; the text says why, and what to do next."""

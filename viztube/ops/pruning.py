"""What ``manage.py prune`` deletes: the rules are those of the periodic jobs, in one list."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import DatabaseError

from users.services.audit import delete_old_events
from users.services.sessions import delete_ended_sessions, delete_expired_admin_sessions
from videos.services.notifications import delete_old_notifications
from videos.services.reconciliation import LIMIT, delete_lost_folders
from viztube.media.spools import sweep
from viztube.ops.jobs import delete_finished_jobs


@dataclass(frozen=True)
class Pruned:
    """How much of one kind was deleted.

    ``bytes`` is what it took on the disk of the media, None for rows. ``left`` is how many were
    left for another run. ``problem`` says why it could not be done, "" when it could.
    """

    what: str
    count: int = 0
    bytes: int | None = None
    left: int = 0
    problem: str = ""


ROWS: dict[str, Callable[..., int]] = {
    "sessions that ended long ago": delete_ended_sessions,
    "expired sessions of the admin site": delete_expired_admin_sessions,
    "old security events": delete_old_events,
    "old notifications of Cloudinary": delete_old_notifications,
    "jobs that ended a week ago, with their events": delete_finished_jobs,
}


def _spools(what: str, *, dry_run: bool) -> Pruned:
    freed = sweep(dry_run=dry_run)
    return Pruned(what, freed.count, freed.bytes)


def _folders(what: str, *, dry_run: bool) -> Pruned:
    freed, left = delete_lost_folders(limit=LIMIT, dry_run=dry_run)
    return Pruned(what, freed.count, freed.bytes, left)


FILES: dict[str, Callable[..., Pruned]] = {
    "stale files in incoming/ and trash/": _spools,
    "media folders that no row names": _folders,
}


def prune(*, dry_run: bool) -> Iterator[Pruned]:
    """Delete each kind in turn and yield how much that was; one that fails stops no other."""
    for what, delete in ROWS.items():
        try:
            yield Pruned(what, delete(dry_run=dry_run))
        except DatabaseError as error:
            yield Pruned(what, problem=_sentence(error))
    for what, step in FILES.items():
        try:
            yield step(what, dry_run=dry_run)
        except (DatabaseError, OSError) as error:
            yield Pruned(what, problem=_sentence(error))


def _sentence(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

"""Running the checks: each bounded in time, none stopped by another."""

import queue as queues
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.db import connection, connections, transaction

from viztube.ops.doctor import (
    backup,
    cache,
    certificate,
    clock,
    cloudinary,
    configuration,
    database,
    disk,
    queue,
    views,
)
from viztube.ops.doctor.findings import Finding, Status, failed, first_line, not_checked

DATABASE, CACHE = "database", "cache"


@dataclass(frozen=True)
class Check:
    """A name, what is looked at, what must have been ok for that, how many seconds it may take."""

    name: str
    look: Callable[[], Finding]
    needs: str = ""
    seconds: float = 10


CHECKS = (
    Check("configuration", configuration.settings_pass),
    Check(DATABASE, database.answers),
    Check("database version", database.has_our_version, DATABASE),
    Check("database clock", clock.agrees_with_database, DATABASE),
    Check("clock", clock.agrees_with_outside),
    Check("migrations", database.is_migrated, DATABASE),
    Check("other databases", database.has_no_leftovers, DATABASE),
    Check(CACHE, cache.answers),
    Check("cache memory", cache.has_room, CACHE),
    Check("disk", disk.has_room),
    Check("incoming", disk.is_writable),
    Check("queue", queue.is_kept_up_with, DATABASE),
    Check("stalled jobs", queue.has_no_stalled_jobs, DATABASE),
    Check("failed jobs", queue.has_no_failed_jobs, DATABASE),
    Check("workers", queue.has_workers, DATABASE),
    Check("media queue", queue.has_worker_of_this_machine, DATABASE),
    Check("streams", queue.makes_streams, DATABASE),
    Check("cloudinary", cloudinary.answers),
    Check("certificate", certificate.is_good),
    Check("views", views.add_up, DATABASE, seconds=60),
    Check("backup", backup.is_recent),
)


def examine(checks: Sequence[Check] = CHECKS) -> Iterator[tuple[Check, Finding]]:
    """Run the checks in their order and yield what each found."""
    away: set[str] = set()
    for check in checks:
        if check.needs in away:
            yield check, not_checked(f"The {check.needs} is away.")
            continue
        finding = _bounded(check)
        if finding.status is Status.FAILED:
            away.add(check.name)
        yield check, finding


def _bounded(check: Check) -> Finding:
    """Run a check in a thread of its own, which is left behind when it takes too long."""
    found: queues.SimpleQueue[Finding] = queues.SimpleQueue()

    def run() -> None:
        try:
            found.put(_look(check))
        except Exception as error:
            found.put(
                failed(
                    f"The check ended with {type(error).__name__}: {first_line(error)}.",
                    "Mend what failed above it first; else look at the logs.",
                )
            )
        finally:
            connections.close_all()

    threading.Thread(target=run, daemon=True).start()
    try:
        return found.get(timeout=check.seconds)
    except queues.Empty:
        return failed(
            f"There was no answer within {check.seconds:g} seconds.",
            "Look whether this machine, or what was asked, is too busy; then run it again.",
        )


def _look(check: Check) -> Finding:
    if check.needs != DATABASE:
        return check.look()
    with transaction.atomic():
        with connection.cursor() as cursor:
            # So that nothing goes on in the database after nobody waits any longer.
            milliseconds = str(int(check.seconds * 1000))
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [milliseconds])
        return check.look()

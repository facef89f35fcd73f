"""Running the import: batch after batch, each in a transaction of its own.

Where a run was stopped is not noted: what is here already is left alone, so the next one goes on by
itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    connection,
    reset_queries,
    transaction,
)
from django.db.models import Model
from psycopg import errors

from dashboard.imports.old_database import OldDatabase
from dashboard.imports.people import People
from dashboard.imports.report import Count, Line, Report
from dashboard.imports.rows import Draft, Kind, OldRow, Refused, uuid_of
from dashboard.imports.social import (
    Comments,
    Likes,
    PlaylistEntries,
    Playlists,
    Subscriptions,
    Tweets,
)
from dashboard.imports.videos import History, Videos
from dashboard.imports.writing import insert, lock_present
from viztube.api import shared

ATTEMPTS = 5  # for a batch that somebody else stands in the way of
LOCK_SECONDS = 5
# Any number, as long as nobody else locks it.
ADVISORY_LOCK = 0x76695F696D706F72


class ImportStopped(Exception):
    """The import cannot go on; the text says why, and what to do next."""


class _Raced(Exception):
    """Somebody took a name between our look and our writing."""


@dataclass
class _Batch:
    """What became of some rows."""

    count: Count = field(default_factory=Count)
    lines: list[Line] = field(default_factory=list)


def kinds() -> list[Kind]:
    """Return the tables of an import, each behind those that it refers to."""
    return [
        People(),
        Videos(),
        Tweets(),
        Comments(),
        Likes(),
        Subscriptions(),
        Playlists(),
        PlaylistEntries(),
        History(),
    ]


@contextmanager
def alone() -> Iterator[None]:
    """Keep other imports away; raises ImportStopped when one is running."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        if not cursor.fetchone()[0]:
            raise ImportStopped("Another import is running: wait for its end.")
    try:
        yield
    finally:
        # With the connection the lock is gone too.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def import_all(
    old: OldDatabase,
    report: Report,
    *,
    dry_run: bool,
    advance: Callable[[str, int], object],
) -> dict[str, Count]:
    """Import every table; return what became of its rows.

    ``advance`` is told the table and how many rows of it were just dealt with. A dry run does the
    same in one transaction that is rolled back. Raises ImportStopped, OldDatabaseError, OSError,
    and what Django raises when our own database is away.
    """
    tables = kinds()
    if not dry_run:
        return _import_all(tables, old, report, advance)
    with transaction.atomic():
        try:
            with connection.cursor() as cursor:
                # It waits while the old database is read.
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            return _import_all(tables, old, report, advance)
        finally:
            transaction.set_rollback(True)


def _import_all(
    tables: Sequence[Kind],
    old: OldDatabase,
    report: Report,
    advance: Callable[[str, int], object],
) -> dict[str, Count]:
    counts = {}
    for kind in tables:
        count = counts[kind.name] = Count()
        for rows in old.batches(kind):
            batch = _import_batch(kind, rows, old, report)
            count.add(batch.count)
            advance(kind.name, len(rows))
    for kind in tables:
        _verify(kind, old, counts[kind.name])
    return counts


def _import_batch(kind: Kind, rows: Sequence[OldRow], old: OldDatabase, report: Report) -> _Batch:
    # While developing, Django remembers thousands of statements, and ours are long.
    reset_queries()
    for attempt in range(1, ATTEMPTS + 1):
        with suppress(_Raced), transaction.atomic():
            with connection.cursor() as cursor:
                # The service goes on meanwhile, and neither waits long for the other. But a batch
                # of long texts takes its time: for the indexes of the search, for the report.
                cursor.execute(
                    "SELECT set_config('lock_timeout', %s, true), "
                    "set_config('statement_timeout', '0', true), "
                    "set_config('idle_in_transaction_session_timeout', '0', true)",
                    [f"{LOCK_SECONDS}s"],
                )
            try:
                batch = _attempt(kind, rows, old, last=attempt == ATTEMPTS)
            except OperationalError as error:
                if isinstance(error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected):
                    raise _Raced from error
                raise
            # Before the commit: said twice is better than not at all.
            report.write(batch.lines)
            shared.forget_everything_on_commit()
            return batch
    raise ImportStopped(
        f"Rows of {kind.name} are being changed by somebody else all the time: run the same "
        "command again when it is quieter; an import goes on where it was."
    )


def _attempt(kind: Kind, rows: Sequence[OldRow], old: OldDatabase, *, last: bool) -> _Batch:
    """Do what is to be done about some rows, in the transaction of the caller."""
    batch = _Batch(Count(read=len(rows)))

    def refuse(row: OldRow, reason: str) -> None:
        batch.count.refused += 1
        told = {name: value for name, value in row.items() if name not in {"id", "password"}}
        whole = {name: partial(old.whole, kind, row["id"], name) for name in _too_long(kind, row)}
        batch.lines.append(Line(kind.name, row["id"], reason, "refused", {**told, **whole}))

    known = set(
        kind.model._base_manager.filter(pk__in=_ids(rows, "id")).values_list("pk", flat=True)
    )
    batch.count.already_there = len(known)
    rows = [row for row in rows if uuid_of(row["id"]) not in known]
    here: dict[type[Model], set[UUID]] = {}
    for model in set(kind.references.values()):
        columns = [name for name, other in kind.references.items() if other is model]
        here[model] = lock_present(model, set().union(*(_ids(rows, name) for name in columns)))
    kind.prepare(rows)
    drafts = []
    for row in rows:
        if uuid_of(row["id"]) is None:
            refuse(row, "id is no UUID")
            continue
        draft = Draft(row, here, partial(old.whole, kind, row["id"]))
        try:
            draft.values = {"id": draft.id, **kind.convert(draft)}
        except Refused as reason:
            refuse(row, str(reason))
        else:
            drafts.append(draft)
    written, impossible = _write(kind, drafts)
    for draft in drafts:
        if draft.id in written:
            batch.count.imported += 1
            batch.count.changed += bool(draft.notes)
            batch.lines += (
                Line(kind.name, draft.old["id"], note.reason, note.done, note.old)
                for note in draft.notes
            )
        elif draft.id in impossible:
            refuse(draft.old, impossible[draft.id])
        elif kind.gives_way and not last:
            raise _Raced
        else:
            refuse(draft.old, kind.taken)
    kind.imported([draft for draft in drafts if draft.id in written])
    return batch


def _write(kind: Kind, drafts: Sequence[Draft]) -> tuple[set[UUID], dict[UUID, str]]:
    """Write rows; return the ids of those written, and why the database refuses which others.

    A row that is refused takes the whole batch with it: each half is tried anew, down to that row.
    """
    if not drafts:
        return set(), {}
    try:
        with transaction.atomic():
            return insert(kind.model, [draft.values for draft in drafts], kind.shared), {}
    except (IntegrityError, DataError, OperationalError) as error:
        cause = error.__cause__
        if isinstance(error, OperationalError) and not isinstance(
            cause, errors.ProgramLimitExceeded
        ):
            raise
        if len(drafts) == 1:
            return set(), {drafts[0].id: f"the database refuses it: {_reason(cause)}"}
    middle = len(drafts) // 2
    written, impossible = _write(kind, drafts[:middle])
    more_written, more_impossible = _write(kind, drafts[middle:])
    return written | more_written, impossible | more_impossible


def _verify(kind: Kind, old: OldDatabase, count: Count) -> None:
    """Raise ImportStopped unless each old row is here now or was refused."""
    there = here = 0
    rows = kind.model._base_manager
    for ids in old.ids(kind):
        there += len(ids)
        here += rows.filter(pk__in=[found for text in ids if (found := uuid_of(text))]).count()
    if there != here + count.refused:
        raise ImportStopped(
            f"The numbers of {kind.name} do not add up: the old database has {there}, of which "
            f"{here} are here and {count.refused} were refused. Perhaps rows were deleted here "
            "meanwhile; run the same command again."
        )


def _ids(rows: Sequence[OldRow], column: str) -> set[UUID]:
    return {found for row in rows if (found := uuid_of(row[column]))}


def _too_long(kind: Kind, row: OldRow) -> list[str]:
    """Return the columns of a row of which only the start was read."""
    limits = kind.texts.items()
    return [name for name, limit in limits if limit is not None and len(row[name] or "") > limit]


def _reason(cause: BaseException | None) -> str:
    """Return what a person can look for: the name of the constraint, else what the library says."""
    diagnosis = getattr(cause, "diag", None)
    return str(
        getattr(diagnosis, "constraint_name", None)
        or getattr(diagnosis, "message_primary", None)
        or "no reason given"
    )

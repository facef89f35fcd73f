"""`manage.py prune`: what nobody needs goes, the rest stays, and dry nothing goes."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob

from users.models import RefreshSession, SecurityEvent, SecurityEventKind, User
from users.tasks import prune_admin_sessions
from videos.models import Notification, Video
from videos.services import reconciliation
from videos.tests.factories import VideoFactory
from viztube.media.paths import new_folder
from viztube.media.tasks import delete_folder
from viztube.ops import pruning

pytestmark = pytest.mark.django_db

TABLES = (
    *(RefreshSession, Session, SecurityEvent, Notification, ProcrastinateJob),
    *(ProcrastinateEvent, Video, User),
)
LONG = timedelta(days=100)


def aged(path: Path) -> Path:
    past = time.time() - LONG.total_seconds()
    os.utime(path, (past, past))
    return path


def folder_with(media_root: Path, name: str, size: int) -> Path:
    folder = media_root / name
    folder.mkdir(parents=True)
    (folder / "video.mp4").write_bytes(b"x" * size)
    return folder


def session_of(user: User, expires_in: timedelta) -> None:
    now = timezone.now()
    session = RefreshSession.objects.create(
        user=user, digest="0" * 64, used_at=now, expires_at=now + timedelta(days=1)
    )
    RefreshSession.objects.filter(pk=session.pk).update(
        created_at=now - 2 * LONG, expires_at=now + expires_in
    )


def finished_job(age: timedelta) -> None:
    job = delete_folder.defer(folder=new_folder("p"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [job])
        cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [job])
        cursor.execute(
            "UPDATE procrastinate_events SET at = %s WHERE job_id = %s", [timezone.now() - age, job]
        )


@pytest.fixture
def attic(media_root: Path, user: User) -> Path:
    """One of everything that is to go, one of everything that is to stay."""
    now = timezone.now()
    for expires_in in (-LONG, LONG):
        session_of(user, expires_in)
        Session.objects.create(session_key=str(expires_in), expire_date=now + expires_in)
    for age in (LONG, timedelta(0)):
        event = SecurityEvent.objects.create(kind=SecurityEventKind.SIGN_IN, user=user)
        SecurityEvent.objects.filter(pk=event.pk).update(created_at=now - age)
        digest = f"{age.days:064}"
        Notification.objects.create(digest=digest)
        Notification.objects.filter(pk=digest).update(received_at=now - age)
        finished_job(age)
    for name, size in (("incoming/old", 30), ("trash/old", 7), (new_folder("p"), 1000)):
        aged(folder_with(media_root, name, size))
    (media_root / "incoming" / "old.upload").write_bytes(b"12345")
    aged(media_root / "incoming" / "old.upload")
    folder_with(media_root, "incoming/young", 1)
    folder_with(media_root, new_folder("h"), 1)
    aged(media_root / VideoFactory.create(files=True).stored_folder)
    return media_root


EXPECTED = {
    "sessions that ended long ago": (1, None),
    "expired sessions of the admin site": (1, None),
    "old security events": (1, None),
    "old notifications of Cloudinary": (1, None),
    "jobs that ended a week ago, with their events": (1, None),
    "stale files in incoming/ and trash/": (3, 42),
    "media folders that no row names": (1, 1000),
}
NOTHING = {what: (0, None if size is None else 0) for what, (_, size) in EXPECTED.items()}


def pruned(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, tuple[int, int | None]]:
    call_command("prune", "--json", *options)
    document = json.loads(capsys.readouterr().out)
    assert document["dryRun"] is ("--dry-run" in options)
    return {one["what"]: (one["count"], one["bytes"]) for one in document["pruned"]}


def rows() -> list[int]:
    return [model._default_manager.count() for model in TABLES]


def test_dry_it_tells_the_same_and_deletes_nothing(
    attic: Path, stored_files: Callable[[], set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(), stored_files(), {path.name for path in attic.rglob("*")}

    assert pruned(capsys, "--dry-run") == EXPECTED
    assert (rows(), stored_files(), {path.name for path in attic.rglob("*")}) == before

    assert pruned(capsys) == EXPECTED


def test_what_is_old_goes_once_and_the_rest_stays(
    attic: Path, stored_files: Callable[[], set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows()
    assert pruned(capsys) == EXPECTED
    after = rows(), stored_files()

    # A session, an admin session, an event, a notification, a job; no video and no person.
    gone = [then - now for then, now in zip(before, after[0], strict=True)]
    assert (gone[:5], gone[6:]) == ([1] * 5, [0, 0])
    video = Video.objects.get()
    assert {f"{video.stored_folder}/{name}" for name in ("video.mp4", "poster.jpg")} < after[1]
    assert sorted(name.partition("/")[0] for name in after[1]) == ["h", "incoming", "p", "p"]

    assert pruned(capsys) == NOTHING
    assert (rows(), stored_files()) == after


def test_the_table_names_numbers_and_space(attic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prune", "--dry-run")

    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["what", "how", "many", "space"]
    assert "stale files in incoming/ and trash/" in table[6]
    assert table[6].split()[-3:] == ["3", "0.0", "MB"]
    assert table[-1] == "Nothing was deleted: leave --dry-run out to do it."


def test_one_run_deletes_only_so_many_folders(
    media_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pruning, "LIMIT", 2)
    for _ in range(3):
        aged(folder_with(media_root, new_folder("p"), 1))
    call_command("prune")

    assert "1 folders are more than one run deletes" in capsys.readouterr().out
    assert len(list((media_root / "p").iterdir())) == 1


def test_a_folder_that_a_row_took_meanwhile_stays(
    media_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = aged(folder_with(media_root, new_folder("p"), 1))
    answers: Iterator[set[str]] = iter([set(), {f"p/{folder.name}"}])
    monkeypatch.setattr(reconciliation, "folders_in_use", lambda folders: next(answers))

    assert pruned(capsys)["media folders that no row names"] == (0, 0)
    assert folder.exists()


def test_what_fails_is_named_and_stops_nothing_else(
    attic: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**options: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(pruning, "sweep", fail)
    with pytest.raises(CommandError, match=r"Not done: stale files.*Input/output error") as caught:
        call_command("prune", "--json")

    assert caught.value.returncode == 1
    done = {one["what"]: one for one in json.loads(capsys.readouterr().out)["pruned"]}
    assert done["stale files in incoming/ and trash/"]["problem"]
    assert done["media folders that no row names"]["count"] == 1
    assert done["old security events"]["count"] == 1


def test_expired_sessions_of_admin_go_by_themselves() -> None:
    now = timezone.now()
    Session.objects.create(session_key="old", expire_date=now - timedelta(minutes=1))
    Session.objects.create(session_key="live", expire_date=now + timedelta(minutes=1))
    prune_admin_sessions(timestamp=0)

    assert Session.objects.get().session_key == "live"
    periodic = {task for task, _ in app.periodic_registry.periodic_tasks}
    assert prune_admin_sessions.name in periodic

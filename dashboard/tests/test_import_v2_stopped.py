"""An import that is stopped, and one that must not take more memory the more there is."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError
from django.db import connection

from dashboard.imports import run, writing
from dashboard.imports.rows import Kind
from dashboard.tests.importing import Lines, Run, import_v2, lines_of
from dashboard.tests.old_service import OldService, old_id, our_database, where_tests_run
from dashboard.tests.test_import_v2 import SAME
from users.models import User
from videos.models import DailyViews, Video

# Made up anew at each import.
RANDOM = {"folder", "stored_folder"}


def state() -> dict[str, list[dict[str, Any]]]:
    """Return everything that an import wrote, but for what is random."""
    rows = {
        model.__name__: [
            {name: value for name, value in row.items() if name not in RANDOM}
            for row in model._default_manager.order_by("pk").values()
        ]
        for model in SAME
    }
    for user in rows["User"]:
        user["password"] = user["password"].partition("!")[0]
    booked = DailyViews.objects.order_by("video").values("video", "day", "views")
    rows["DailyViews"] = [dict(row) for row in booked]
    return rows


class Fault(Exception):
    """Stands for whatever ends a run."""


@pytest.mark.django_db
def test_stopped_at_every_other_batch_it_arrives_where_it_would_have(
    small_old_service: OldService,
    run_import: Run,
    report: Lines,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind in Kind.__subclasses__():
        monkeypatch.setattr(kind, "batch", 25)
    real, left = writing.insert, [0]

    def insert(*args: Any) -> set[Any]:
        left[0] -= 1
        written = real(*args)
        if left[0] < 0:
            raise Fault
        return written

    with monkeypatch.context() as patch:
        patch.setattr(run, "insert", insert)
        stops = 0
        while True:
            left[0] = 2
            try:
                numbers = run_import(small_old_service)
                break
            except Fault:
                stops += 1
    assert stops >= 5
    stopped, lines = state(), report()
    assert len({str(line) for line in lines}) == len(lines)
    for read, imported, there, _, refused in numbers.values():
        assert read == imported + there + refused

    User.objects.all().delete()
    import_v2(small_old_service, tmp_path / "whole.jsonl")

    assert state() == stopped
    assert sorted(map(str, lines)) == sorted(
        str(line) for line in lines_of(tmp_path / "whole.jsonl")
    )


@pytest.mark.django_db(transaction=True)
def test_who_holds_a_row_is_not_waited_for_without_end(
    old_service: OldService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.jsonl"
    import_v2(old_service, path)
    video = old_service.add("Video", 5000)
    monkeypatch.setattr(run, "LOCK_SECONDS", 0.02)
    with psycopg.connect(our_database()) as somebody:
        somebody.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [old_id("User", 1)])
        with pytest.raises(CommandError, match=r"^Rows of Video are being changed"):
            import_v2(old_service, path)
        assert not Video.objects.filter(pk=video).exists()

    import_v2(old_service, path)

    assert Video.objects.filter(pk=video).exists()


@pytest.mark.django_db(transaction=True)
def test_a_batch_may_take_longer_than_a_request(
    small_old_service: OldService, run_import: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[bool] = []

    def insert_late(*args: Any) -> set[Any]:
        if not waited:
            waited.append(True)
            time.sleep(1.3)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(1.3)")
        return writing.insert(*args)

    monkeypatch.setattr(run, "insert", insert_late)
    with connection.cursor() as cursor:
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET {setting} = '1s'")
    try:
        run_import(small_old_service)
    finally:
        connection.close()

    assert User.objects.exists()


@pytest.mark.django_db
def test_the_bar_is_shown_to_who_looks(
    small_old_service: OldService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    import_v2(small_old_service, tmp_path / "report.jsonl")

    assert "row/s" in capsys.readouterr().err


@pytest.mark.django_db
def test_ctrl_c_is_a_sentence(
    small_old_service: OldService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "insert", stop)
    with pytest.raises(CommandError, match="an import goes on where it was") as caught:
        import_v2(small_old_service, tmp_path / "report.jsonl")
    assert caught.value.returncode == 130


@pytest.mark.django_db
def test_a_lost_connection_is_a_sentence(
    old_service: OldService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = writing.insert

    def cut(*args: Any) -> set[Any]:
        old_service.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'viztube import_v2' AND datname = current_database()"
        )
        return real(*args)

    monkeypatch.setattr(run, "insert", cut)
    with pytest.raises(CommandError, match=r"^Reading the old database failed.*goes on where"):
        import_v2(old_service, tmp_path / "report.jsonl")


def process(service: OldService, report: Path) -> "subprocess.Popen[str]":
    """Start an import as a process of its own; it prints its peak of memory in KiB at the end."""
    where = where_tests_run()
    place = f"{where['user']}:{where['password']}@{where['host']}:{where['port']}"
    program = (
        "import resource, sys; from django.core.management import execute_from_command_line as run;"
        "run(['manage.py', 'import_v2', *sys.argv[1:]]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, f"--from={service.address}", f"--report={report}"],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "viztube.settings",
            "DATABASE_URL": f"postgres://{place}/{connection.settings_dict['NAME']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(started: "subprocess.Popen[str]") -> int:
    """Wait for an import to succeed; return its peak of memory in KiB."""
    out, err = started.communicate(timeout=120)
    assert (started.returncode, err) == (0, "")
    return int(out.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_it_goes_on(large_old_service: OldService, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    kills = 0
    for model in list(SAME)[:6]:
        started = process(large_old_service, report)
        while started.poll() is None and not model._default_manager.exists():
            time.sleep(0.002)
        if started.poll() is None:
            started.kill()
            kills += 1
        started.communicate()
    assert kills >= 3
    finish(process(large_old_service, report))
    killed = state()
    lines = report.read_text().splitlines()
    assert len(set(lines)) == len(lines)

    User.objects.all().delete()
    whole = tmp_path / "whole.jsonl"
    finish(process(large_old_service, whole))

    assert state() == killed
    assert sorted(lines) == sorted(whole.read_text().splitlines())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_hundred_times_the_rows_take_hardly_more_memory(
    small_old_service: OldService, large_old_service: OldService, tmp_path: Path
) -> None:
    peaks = []
    for service in (small_old_service, large_old_service):
        User.objects.all().delete()
        peaks.append(finish(process(service, tmp_path / f"{service.name}.jsonl")))

    assert peaks[1] - peaks[0] < 24 * 1024, peaks


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_neither_do_long_texts(old_service: OldService, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    usual = finish(process(old_service, report))
    User.objects.all().delete()
    # A megabyte each.
    text = "SELECT gen_random_uuid(), repeat(md5(n::text), 32768), %s, "
    times = "now(), now() FROM generate_series(1, 100) n"
    user, video = old_id("User", 1), old_id("Video", 1)
    old_service.execute(f'INSERT INTO "Comment" {text} %s, {times}', [user, video])
    old_service.execute(f'INSERT INTO "Tweet" {text} {times}', [user])

    long = finish(process(old_service, report))

    assert report.stat().st_size > 200 << 20
    assert long - usual < 24 * 1024, (usual, long)

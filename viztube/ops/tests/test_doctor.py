"""`manage.py doctor` as a whole: what it prints, its status, and what it does without servers."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from videos.models import DailyViews
from videos.tests.factories import VideoFactory
from viztube.ops.doctor import configuration, examination
from viztube.ops.doctor.examination import DATABASE, Check, examine
from viztube.ops.doctor.findings import Finding, Status, ok, warning
from viztube.ops.tests.site import PROJECT
from viztube.ops.tests.waiting import eventually


def doctor(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    """Run the command; return what each check found."""
    status = 0
    try:
        call_command("doctor", "--json")
    except CommandError as error:
        status = error.returncode
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is (status == 0)
    checks = {check["name"]: check for check in document["checks"]}
    assert status == int("failed" in {check["status"] for check in checks.values()})
    return checks


def found(*checks: Check) -> dict[str, Finding]:
    return {check.name: finding for check, finding in examine(checks)}


@pytest.mark.django_db(transaction=True)
def test_a_row_that_was_made_wrong_is_found_from_outside(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = doctor(capsys)
    names = {"database", "migrations", "cache", "disk", "incoming", "queue", "views"}
    assert {before[name]["status"] for name in names} == {"ok"}
    assert len(before) == len(examination.CHECKS)

    video = VideoFactory.create(views=3)
    after = doctor(capsys)
    assert after["views"]["status"] == "failed"
    assert str(video.pk) in after["views"]["says"]
    assert {name for name in after if after[name]["status"] != before[name]["status"]} == {"views"}

    DailyViews.objects.create(video=video, day="2026-01-01", views=3)
    assert doctor(capsys)["views"]["status"] == "ok"


def test_the_table_has_a_line_a_check_and_warnings_are_status_0(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = (Check("one", lambda: ok("Fine.")), Check("two", lambda: warning("Old.", "Renew.")))
    monkeypatch.setattr(
        "viztube.ops.management.commands.doctor.examine", lambda: list(examine(checks))
    )
    call_command("doctor")

    assert [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()] == [
        ["one", "ok", "Fine."],
        ["two", "warning", "Old. Renew."],
    ]


def test_one_that_hangs_or_raises_has_failed_and_stops_no_other() -> None:
    never = threading.Event()

    def hang() -> Finding:
        never.wait()
        return ok("At last.")

    def fail() -> Finding:
        raise KeyError("odd")

    results = found(
        Check("hangs", hang, seconds=0.1), Check("raises", fail), Check("last", lambda: ok("Yes."))
    )
    never.set()

    assert [finding.status for finding in results.values()] == ["failed", "failed", "ok"]
    assert results["hangs"].says == "There was no answer within 0.1 seconds."
    assert "KeyError: 'odd'" in results["raises"].says


def test_what_needs_something_that_is_away_is_not_checked() -> None:
    def away() -> Finding:
        raise OSError("gone")

    results = found(
        Check("cache", away), Check("memory", lambda: ok("?"), "cache"), Check("x", lambda: ok("?"))
    )

    assert [one.status for one in results.values()] == ["failed", "not checked", "ok"]
    assert results["memory"].says == "The cache is away."


@pytest.mark.django_db(transaction=True)
def test_the_database_stops_with_who_waits_for_it() -> None:
    ended: list[str] = []

    def sleep() -> Finding:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(30)")
        except DatabaseError as error:
            ended.append(str(error))
            raise
        return ok("Awake.")

    (finding,) = found(Check("sleeps", sleep, DATABASE, seconds=0.2)).values()

    assert finding.status is Status.FAILED
    assert eventually(lambda: bool(ended), seconds=5)
    assert "statement timeout" in ended[0]


def run_without_servers(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DEBUG": "1",
        "DATABASE_URL": "postgres://viztube:not-to-be-told@127.0.0.1:1/viztube",
        "REDIS_URL": "redis://:not-to-be-told@127.0.0.1:1/0",
        "DATA_DIR": str(folder),
    }
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_database_and_cache_it_says_so_once(tmp_path: Path) -> None:
    result = run_without_servers(tmp_path, "--json")

    assert result.returncode == 1
    assert "not-to-be-told" not in result.stdout + result.stderr
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    dependent = {check.name: check.needs for check in examination.CHECKS if check.needs}
    assert len(dependent) == 12
    for name, needs in dependent.items():
        assert (checks[name]["status"], checks[name]["says"]) == (
            "not checked",
            f"The {needs} is away.",
        )
    for name in ("database", "cache"):
        assert checks[name]["status"] == "failed"
        assert "refused" in checks[name]["says"]
        assert checks[name]["advice"]
    assert checks["disk"]["status"] == checks["incoming"]["status"] == "ok"
    # One line besides what the log says of the cache, and no complaint of a pool.
    logged, says = result.stderr.splitlines()
    assert "The cache is away" in logged
    assert says == "CommandError: Failed: database, cache."


def test_settings_that_do_not_pass_are_named(settings: Any) -> None:
    settings.DEBUG, settings.HTTPS = False, True
    for name in ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"):
        setattr(settings, name, True)
    settings.SECURE_HSTS_SECONDS = 3600
    assert configuration.settings_pass().status is Status.OK

    settings.SECURE_HSTS_SECONDS = 0
    assert configuration.settings_pass().status is Status.WARNING
    assert "security.W004" in configuration.settings_pass().says

    settings.HTTPS = False
    assert configuration.settings_pass().status is Status.FAILED
    assert "viztube.E001" in configuration.settings_pass().says


@pytest.mark.parametrize(
    ("debug", "https", "status"),
    [
        (True, False, Status.NOT_CHECKED),
        (True, True, Status.WARNING),
        (False, False, Status.FAILED),
    ],
)
def test_settings_for_developing_are_not_judged_and_nothing_else_is_one(
    settings: Any, debug: bool, https: bool, status: Status
) -> None:
    settings.DEBUG, settings.HTTPS = debug, https

    assert configuration.settings_pass().status is status

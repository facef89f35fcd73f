"""The scripts that wait and work without end, ``deploy/backup.sh`` and ``deploy/certbot/renew.sh``.

What they run is stood in for: programs that write down what they were asked and do as told.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from viztube.ops.embedded import process
from viztube.ops.tests.processes import processes_mentioning
from viztube.ops.tests.site import PROJECT
from viztube.ops.tests.waiting import eventually

BACKUP = "python manage.py backup --to /backups --keep 7"
CERTBOT = (
    "certbot certonly --non-interactive --agree-tos --keep-until-expiring --quiet"
    " --webroot --webroot-path /var/www/acme --cert-name viztube --domain videos.example"
    " --work-dir /tmp/work --logs-dir /tmp/logs"
)
# What goes on until somebody ends it.
LASTS = f"exec {shutil.which('sleep')} 600"
SECOND_LASTS = f'[ "$(grep -c sleep calls)" -lt 2 ] || {LASTS}'


@dataclass(frozen=True)
class Loop:
    """A script that runs, and what came of it so far."""

    child: process.Child
    folder: Path

    def calls(self) -> list[str]:
        """Return what was run, in its order."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def said(self) -> str:
        """Return what the script and its programs said."""
        return (self.folder / "said").read_text()

    def ends(self) -> int:
        """Tell it to end, as Docker does; return its status, once all that it ran has ended too."""
        self.child.terminate()
        status = self.child.wait(5)
        assert eventually(lambda: processes_mentioning(str(self.folder)) == [])
        return status


Start = Callable[..., Loop]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a way to start a script with programs of a test's own, and variables."""
    programs = tmp_path / "bin"
    programs.mkdir()
    with ExitStack() as stack:

        def start(script: str, stand_ins: dict[str, str], **variables: str) -> Loop:
            for name, does in stand_ins.items():
                told = f'echo "{name} $*" >>{tmp_path}/calls\n'
                (programs / name).write_text(f"#!/bin/sh\n{told}{does}\n")
                (programs / name).chmod(0o755)
            output = stack.enter_context((tmp_path / "said").open("wb"))
            child = process.start(
                ["sh", str(PROJECT / "deploy" / script)],
                env={"PATH": f"{programs}:/usr/bin:/bin", **variables},
                cwd=tmp_path,
                output=output,
            )
            stack.callback(process.kill, child)
            return Loop(child, tmp_path)

        yield start


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        ("2026-11-25 00:00:00", 3 * 3600 + 1),
        ("2026-11-25 02:59:59", 2),
        ("2026-11-25 03:00:00", 1),
        ("2026-11-25 03:00:01", 86400),
        ("2026-11-25 03:20:00", 86400 - 20 * 60 + 1),
        ("2026-11-25 23:59:59", 3 * 3600 + 2),
    ],
)
def test_backups_are_made_a_second_after_three(start: Start, now: str, seconds: int) -> None:
    clock = f"exec {shutil.which('date')} --date '{now} UTC' \"$@\""
    loop = start("backup.sh", {"date": clock, "sleep": "", "python": LASTS})

    assert eventually(lambda: BACKUP in loop.calls())
    assert loop.calls() == ["date -u +%s", f"sleep {seconds}", BACKUP]


def test_a_backup_that_fails_is_said_and_not_the_last(start: Start) -> None:
    loop = start("backup.sh", {"date": "echo 0", "sleep": SECOND_LASTS, "python": "exit 3"})

    assert eventually(lambda: len(loop.calls()) == 5), loop.calls()
    assert loop.calls() == ["date -u +%s", "sleep 10801", BACKUP, "date -u +%s", "sleep 10801"]
    assert loop.said() == "The backup failed; the next is tomorrow.\n"
    assert loop.ends() == 0


@pytest.mark.parametrize("busy", ["sleep", "python"])
def test_whatever_the_nightly_backup_does_it_ends_at_once(start: Start, busy: str) -> None:
    loop = start("backup.sh", {"date": "echo 0", "sleep": "", "python": "", busy: LASTS})

    assert eventually(lambda: f"{busy} " in "\n".join(loop.calls()))
    assert loop.ends() == 0


@pytest.mark.parametrize(
    ("variables", "account"),
    [
        ({}, "--register-unsafely-without-email"),
        ({"CERTBOT_EMAIL": "amy@videos.example"}, "--email amy@videos.example"),
    ],
)
def test_certbot_is_asked_for_our_host_and_again_twice_a_day(
    start: Start, variables: dict[str, str], account: str
) -> None:
    loop = start(
        "certbot/renew.sh",
        {"certbot": "", "sleep": SECOND_LASTS},
        PUBLIC_URL="https://videos.example:443",
        **variables,
    )

    assert eventually(lambda: len(loop.calls()) == 4), loop.calls()
    assert loop.calls() == [f"{CERTBOT} {account}", "sleep 43200"] * 2
    assert loop.said() == ""
    assert loop.ends() == 0


def test_a_certificate_that_is_refused_is_said_and_asked_for_again(start: Start) -> None:
    loop = start(
        "certbot/renew.sh",
        {"certbot": "exit 1", "sleep": SECOND_LASTS},
        PUBLIC_URL="https://videos.example",
    )

    assert eventually(lambda: len(loop.calls()) == 4), loop.calls()
    assert loop.said().count("No certificate yet; the next try is in 12 hours") == 2


def test_certbot_may_tidy_up_when_it_is_told_to_end(start: Start) -> None:
    tidy = "trap 'sleep 0.5; echo tidy >>calls; exit 0' TERM; echo ready >>calls"
    loop = start(
        "certbot/renew.sh",
        {"certbot": f"{tidy}; while :; do sleep 0.1; done"},
        PUBLIC_URL="https://videos.example",
    )

    assert eventually(lambda: "ready" in loop.calls())
    loop.child.terminate()
    assert loop.child.wait(5) == 0
    # Docker kills what is left then.
    assert loop.calls()[-1] == "tidy"


@pytest.mark.parametrize("variables", [{}, {"PUBLIC_URL": "http://videos.example"}])
def test_without_https_there_is_nothing_to_certify(start: Start, variables: dict[str, str]) -> None:
    loop = start("certbot/renew.sh", {"certbot": "", "sleep": LASTS}, **variables)

    assert loop.child.wait(5) == 1
    assert "PUBLIC_URL is not https" in loop.said()
    assert loop.calls() == []

"""A whole VizTube backed up, lost and restored, by processes, without a cache."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from viztube.ops.backups.folders import complete_backups
from viztube.ops.embedded.wheels import postgres_program
from viztube.ops.tests.backing_up import OwnDatabase, commands_environ, wrapped_program
from viztube.ops.tests.processes import is_alive, linux_only, memory
from viztube.ops.tests.site import PROJECT, Environ
from viztube.ops.tests.test_compose import megabytes
from viztube.ops.tests.waiting import eventually

pytestmark = pytest.mark.slow

AMOUNTS = {
    "users": 20,
    "videos": 60,
    "comments": 200,
    "likes": 300,
    "subscriptions": 50,
    "tweets": 30,
    "playlists": 5,
    "playlist-videos": 40,
    "history": 100,
}
MIB = 1024**2
PRODUCTION = {
    "PUBLIC_URL": "https://videos.example",
    "SECRET_KEY": "only-for-this-test-" * 3,
    "JWT_SIGNING_KEY": "only-for-this-test-too-" * 3,
}
COUNTS = "from videos.models import Video; print(Video.objects.published().count())"


@pytest.fixture
def environ(own_database: OwnDatabase, media_root: Path, tmp_path: Path) -> Environ:
    return commands_environ(own_database, media_root, tmp_path)


def manage(environ: Environ, *command: str) -> str:
    ran = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def content_of(made: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return the figures of each table, the files with their SHA-256, and the migrations."""
    manifest = json.loads((Path(made["folder"]) / "manifest.json").read_text())
    files = {path: (file["size"], file["sha256"]) for path, file in manifest["media"].items()}
    return manifest["tables"], files, manifest["migrations"]


def test_a_site_that_was_lost_is_back_as_it_was(
    environ: Environ, own_database: OwnDatabase, media_root: Path, tmp_path: Path
) -> None:
    manage(environ, "migrate", "--verbosity=0")
    manage(environ, "seed_demo", *(f"--{name}={number}" for name, number in AMOUNTS.items()))
    backups = str(tmp_path / "backups")
    made = json.loads(manage(environ, "backup", f"--to={backups}", "--json"))
    published = manage(environ, "shell", "--no-imports", "--command", COUNTS)
    assert int(published) > 0

    own_database.drop()
    media_root.rename(tmp_path / "lost")
    manage(environ, "restore", made["folder"], "--yes")

    again = json.loads(manage(environ, "backup", f"--to={backups}", "--json"))
    assert content_of(again) == content_of(made)
    assert made["rows"] > sum(AMOUNTS.values())
    assert made["files"] == again["files"] > 0
    assert manage(environ, "shell", "--no-imports", "--command", COUNTS) == published
    manage(environ, "migrate", "--check")


@linux_only
def test_a_backup_fits_into_its_container(
    environ: Environ, own_database: OwnDatabase, tmp_path: Path
) -> None:
    own_database.fill()
    command = [sys.executable, "manage.py", "backup", f"--to={tmp_path / 'backups'}"]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environ | {"DEBUG": "0", **PRODUCTION}, stdout=subprocess.DEVNULL
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, memory(process.pid, "RssAnon"))
        time.sleep(0.01)

    assert process.returncode == 0
    # pg_dump runs beside it, and what both read of their own files takes room, too.
    assert 30 * MIB < peak < megabytes("backup") * MIB - 16 * MIB


@pytest.fixture
def slow_dump(environ: Environ, tmp_path: Path) -> Iterator[Path]:
    """Let pg_dump write half a file and go on for ever; return where its process id is."""
    pid = tmp_path / "pid"
    script = (
        '[ "$1" = --version ] && exec "$real" --version\n'
        'for a; do case $a in --file=*) echo half > "${a#--file=}";; esac; done\n'
        f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 600"
    )
    environ["POSTGRES_BIN"] = wrapped_program(tmp_path / "bin", "pg_dump", script)
    yield pid
    if pid.exists() and is_alive(int(pid.read_text())):
        os.kill(int(pid.read_text()), signal.SIGKILL)


@linux_only
def test_a_backup_that_is_killed_looks_like_none(
    environ: Environ, own_database: OwnDatabase, slow_dump: Path, tmp_path: Path
) -> None:
    own_database.fill()
    to = tmp_path / "backups"
    command = [sys.executable, "manage.py", "backup", f"--to={to}"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environ)
    assert eventually(slow_dump.exists, 30)
    process.kill()
    process.wait()
    (left,) = to.glob(".partial-*")
    assert (left / "database.dump").exists()
    assert complete_backups(to) == []

    # Its pg_dump still writes, and until it ends it has the folder.
    environ["POSTGRES_BIN"] = str(postgres_program("pg_dump").parent)
    ran = subprocess.run(
        command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "Another backup or restoration uses" in ran.stderr
    os.kill(int(slow_dump.read_text()), signal.SIGKILL)
    assert eventually(lambda: not is_alive(int(slow_dump.read_text())))
    manage(environ, "backup", f"--to={to}")

    assert len(complete_backups(to)) == 1
    assert not left.exists()


@linux_only
def test_a_backup_that_is_interrupted_cleans_up(
    environ: Environ, own_database: OwnDatabase, slow_dump: Path, tmp_path: Path
) -> None:
    own_database.fill()
    to = tmp_path / "backups"
    command = [sys.executable, "manage.py", "backup", f"--to={to}"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environ, stderr=subprocess.PIPE, text=True)
    assert eventually(slow_dump.exists, 30)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]

    assert process.returncode == 130
    # psycopg may warn of the query that was cut off.
    assert said.endswith("CommandError: Stopped: there is no new backup.\n")
    assert [path.name for path in to.iterdir()] == [".lock"]
    assert not is_alive(int(slow_dump.read_text()))

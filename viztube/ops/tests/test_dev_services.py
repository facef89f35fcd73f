"""Commands that are given servers, as the tests are: run in this process, with real servers."""

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
import redis

from viztube.ops.dev import __main__ as command_line
from viztube.ops.dev import services
from viztube.ops.embedded import Postgres
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.site import Environ
from viztube.ops.tests.waiting import when

PRINT_ENVIRON = (
    "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); sys.exit(7)"
)


def test_a_command_gets_servers_and_its_status_is_returned(
    environ: Environ, tmp_path: Path
) -> None:
    script = (
        "import os, psycopg, redis\n"
        "psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1')\n"
        "redis.Redis.from_url(os.environ['REDIS_URL']).ping()\n" + PRINT_ENVIRON
    )
    seen = tmp_path / "seen.json"
    command = ["services", "--", sys.executable, "-c", script, str(seen)]
    assert command_line.main(command, environ) == 7
    got = json.loads(seen.read_text())
    data_dir = Path(environ["DATA_DIR"])
    own = Path(got["DATA_DIR"])
    assert own.parent == data_dir
    assert own.name.startswith("test-")
    assert got["MEDIA_ROOT"] == str(own / "media")
    assert got["DEBUG"] == "1"
    assert Path(got["FFMPEG"]).is_file()
    assert Path(got["FFPROBE"]).is_file()
    assert Path(got["POSTGRES_BIN"], "pg_dump").is_file()
    assert [path.name for path in data_dir.iterdir()] == ["tests.lock"]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(got["DATABASE_URL"])
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(got["REDIS_URL"]).ping()


def test_what_is_set_is_left_alone(environ: Environ, tmp_path: Path) -> None:
    given = {
        "DATABASE_URL": "postgres://u:p@db/viztube",
        "REDIS_URL": "redis://:p@cache",
        "FFMPEG": "/opt/ffmpeg",
        "FFPROBE": "/opt/ffprobe",
        "MEDIA_ROOT": "/srv/media",
        "DEBUG": "0",
    }
    seen = tmp_path / "seen.json"
    command = [sys.executable, "-c", PRINT_ENVIRON, str(seen)]
    assert services.run_with_services(environ | given, command) == 7
    got = json.loads(seen.read_text())
    assert {name: got[name] for name in given} == given
    # Programs of the embedded server need not fit another.
    assert "POSTGRES_BIN" not in got


def test_a_signal_is_passed_on_and_its_status_returned(environ: Environ, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap 'exit 3' INT; trap 'exit 4' TERM; : > {ready}; while :; do sleep 0.01; done"
    given = {"DATABASE_URL": "postgres://u:p@db/viztube", "REDIS_URL": "redis://:p@cache"}
    for number, status in ((signal.SIGINT, 3), (signal.SIGTERM, 4)):
        ready.unlink(missing_ok=True)
        with when(ready.exists, partial(os.kill, os.getpid(), number)):
            assert services.run_with_services(environ | given, ["sh", "-c", script]) == status


@linux_only
def test_what_a_command_leaves_behind_is_ended(environ: Environ, tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgres://u:p@db/viztube", "REDIS_URL": "redis://:p@cache"}
    pid = tmp_path / "pid"
    wait = f"until [ -s {pid} ]; do :; done"
    command = ["sh", "-c", f"setsid sh -c 'echo $$ > {pid}; exec sleep 60' & {wait}"]
    assert services.run_with_services(environ | given, command) == 0
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


def test_death_by_a_signal_is_a_status_too(environ: Environ) -> None:
    given = {"DATABASE_URL": "postgres://u:p@db/viztube", "REDIS_URL": "redis://:p@cache"}
    command = ["sh", "-c", "kill -TERM $$"]
    assert services.run_with_services(environ | given, command) == 128 + signal.SIGTERM


def test_a_signal_during_the_start_stops_it(
    environ: Environ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cluster = Postgres._make_cluster

    def interrupted(self: Postgres, check: Callable[[], None]) -> None:
        signal.raise_signal(signal.SIGTERM)
        make_cluster(self, check)

    monkeypatch.setattr(Postgres, "_make_cluster", interrupted)
    ran = tmp_path / "ran"
    assert services.run_with_services(environ, ["touch", str(ran)]) == 128 + signal.SIGTERM
    assert not ran.exists()
    assert [path.name for path in Path(environ["DATA_DIR"]).iterdir()] == ["tests.lock"]


def test_a_command_that_does_not_exist(
    environ: Environ, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["services", "--", "no-such-program"], environ) == 127
    assert "There is no program no-such-program" in capsys.readouterr().err
    assert not Path(environ["DATA_DIR"]).exists()

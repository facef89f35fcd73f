"""The development service, run in this process with a tiny project in the place of VizTube."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from viztube.ops.dev import __main__ as command_line
from viztube.ops.dev import site
from viztube.ops.dev.options import Options
from viztube.ops.dev.problems import Problem
from viztube.ops.dev.signals import StopSignals
from viztube.ops.embedded import Valkey
from viztube.ops.tests.files import mode
from viztube.ops.tests.processes import processes_mentioning
from viztube.ops.tests.site import Environ
from viztube.ops.tests.waiting import when

MANAGE = """\
import os, sys, time
from pathlib import Path
here = Path(__file__).parent
command = sys.argv[1]
with (here / "calls").open("a") as calls:
    print(command, os.environ.get("DEMO_PASSWORD", "-"), file=calls)
if (here / f"{command}.fails").exists():
    sys.exit(f"{command} says why")
if command == "create_demo":
    print("Making a video", file=sys.stderr)
    print("Log in as demo")
if command == "worker":
    time.sleep(0.2 if (here / "worker.dies").exists() else 600)
"""
WSGI = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a tiny project in the place of VizTube."""
    for name in ("deploy", "viztube"):
        (tmp_path / name).mkdir()
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "deploy" / "gunicorn.conf.py").write_text("control_socket_disable = True\n")
    (tmp_path / "viztube" / "wsgi.py").write_text(WSGI)
    monkeypatch.setattr(site, "PROJECT", tmp_path)
    return tmp_path


@pytest.fixture
def quick(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> Environ:
    """Leave PostgreSQL and the preloading of programs out where they are not what is tested."""
    return environ | {"DATABASE_URL": "postgres://u:p@db/viztube"}


def calls(project: Path) -> list[str]:
    path = project / "calls"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_runs_everything_and_stops_everything(
    environ: Environ, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shared = Path(environ["DATA_DIR"]) / "development.env"
    seen: dict[str, str] = {}
    modes: list[int] = []

    def look_and_stop() -> None:
        modes.append(mode(shared))
        for line in shared.read_text().splitlines():
            name, _, value = line.partition("=")
            seen[name] = value
        terminate()

    printed: list[str] = []

    def is_up() -> bool:
        printed.append(capfd.readouterr().out)
        return "Press Ctrl-C to stop." in "".join(printed)

    with when(is_up, look_and_stop):
        assert site.run_site(environ) == 0
    output = "".join(printed) + capfd.readouterr().out
    url = f"http://127.0.0.1:{environ['PORT']}"
    expected = [
        r"PostgreSQL started \(\d+\.\d s\)\.",
        r"Valkey started \(\d+\.\d s\)\.",
        r"Database migrated \(\d+\.\d s\)\.",
        r"Demo data ready \(\d+\.\d s\)\.",
        r"Worker and web server started \(\d+\.\d s\)\.",
        rf"{url}/\n",
        rf"{url}/api/v2/docs\n",
        rf"{url}/admin/\n",
        r"Log in as demo\n",
        r"Press Ctrl-C to stop\.\n",
        r"Stopping\.\n",
        r"Stopped\.\n",
    ]
    assert re.search("(?s)" + ".*".join(expected), output), output
    assert "Making a video" not in output
    assert modes == [0o600]
    data_dir = Path(environ["DATA_DIR"])
    secrets = json.loads((data_dir / "secrets.json").read_text())
    assert tuple(seen) == site.SHARED
    assert seen["SECRET_KEY"] == secrets["secret_key"]
    assert seen["JWT_SIGNING_KEY"] == secrets["jwt_signing_key"]
    assert seen["PUBLIC_URL"] == url
    assert seen["MEDIA_ROOT"] == str(data_dir / "media")
    assert mode(data_dir / "media") == 0o700
    lines = (project / "calls").read_text().splitlines()
    assert lines[:2] == ["migrate -", f"create_demo {secrets['demo_password']}"]
    assert calls(project)[2] == "worker"
    # Stopped, and nothing left.
    assert not shared.exists()
    if sys.platform == "linux":
        assert not processes_mentioning(str(data_dir))


@pytest.mark.parametrize("step", ["migrate", "create_demo"])
def test_a_failing_step_shows_its_output(
    quick: Environ, project: Path, step: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / f"{step}.fails").write_text("")
    assert command_line.main(["run"], quick) == 1
    error = capfd.readouterr().err
    assert f"`manage.py {step}` failed" in error
    assert f"{step} says why" in error
    assert not (Path(quick["DATA_DIR"]) / "development.env").exists()


def test_a_signal_during_a_step_is_a_requested_stop(
    quick: Environ, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manage = MANAGE.replace('if command == "worker":', 'if command == "migrate":')
    (project / "manage.py").write_text(manage)
    with when(lambda: "migrate" in calls(project), terminate):
        assert site.run_site(quick) == 0
    assert calls(project) == ["migrate"]
    if sys.platform == "linux":
        assert not processes_mentioning(quick["DATA_DIR"])


def test_a_dead_worker_is_started_again(
    quick: Environ,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(site, "RESTART_SECONDS", 0.1)
    (project / "worker.dies").write_text("")
    with when(lambda: calls(project).count("worker") >= 2, terminate):
        assert site.run_site(quick) == 0
    assert "The worker ended by itself (status 0)" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_a_web_server_that_dies_later_is_started_again(
    quick: Environ,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(site, "RESTART_SECONDS", 0.1)
    started: list[subprocess.Popen[bytes]] = []
    start = site.Site._start_web

    def remember(self: site.Site) -> subprocess.Popen[bytes]:
        started.append(start(self))
        return started[-1]

    monkeypatch.setattr(site.Site, "_start_web", remember)
    watch = site.Site._watch

    def kill_and_watch(self: site.Site) -> None:
        started[0].kill()
        watch(self)

    monkeypatch.setattr(site.Site, "_watch", kill_and_watch)
    with when(lambda: len(started) >= 2, terminate):
        assert site.run_site(quick) == 0
    assert "The web server ended by itself (status -9)" in capsys.readouterr().out


def test_a_web_server_that_dies_before_it_answers_ends_all(
    quick: Environ, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "viztube" / "wsgi.py").unlink()
    # With --reload gunicorn waits for a file to be mended; a bad configuration ends it.
    (project / "deploy" / "gunicorn.conf.py").write_text("import no_such_module\n")
    assert command_line.main(["run"], quick) == 1
    assert "The web server ended by itself (status 1)" in capsys.readouterr().err


def test_a_server_that_dies_ends_all(
    quick: Environ,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    started: list[Valkey] = []
    start = Valkey.start

    def remember(self: Valkey, check: Callable[[], None]) -> str:
        started.append(self)
        return start(self, check)

    monkeypatch.setattr(Valkey, "start", remember)

    def kill_valkey() -> None:
        assert started[0].child is not None
        started[0].child.kill()

    with when(lambda: "worker" in calls(project), kill_valkey):
        assert command_line.main(["run"], quick) == 1
    assert "Valkey ended by itself: look into" in capsys.readouterr().err


def test_a_web_server_that_never_answers(
    quick: Environ, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wsgi = WSGI.replace("200 OK", "503 Service Unavailable")
    (project / "viztube" / "wsgi.py").write_text(wsgi)
    monkeypatch.setattr(site, "ANSWER_SECONDS", 1)
    with pytest.raises(Problem, match="did not answer /api/v2/healthcheck within 1 s"):
        site.run_site(quick)


def test_chosen_values_reach_the_parts(quick: Environ) -> None:
    given = quick | {
        "SECRET_KEY_FILE": "/run/secrets/key",
        "JWT_SIGNING_KEY": "mine",
        "MEDIA_ROOT": "/srv/media",
        "DEBUG": "0",
        "EMBEDDED_SERVICES": "1",
    }
    with StopSignals() as stop:
        env = site.Site(Options.read(given), given, stop)._environment(
            {"secret_key": "kept", "jwt_signing_key": "kept"}
        )
    assert "SECRET_KEY" not in env
    assert (env["JWT_SIGNING_KEY"], env["MEDIA_ROOT"]) == ("mine", "/srv/media")
    assert env["DEBUG"] == "0"


def test_a_reader_that_went_away_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        site.say("hello")
        monkeypatch.undo()
        # What is left in the buffer would be written again when the file is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)

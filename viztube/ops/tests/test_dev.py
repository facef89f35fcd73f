"""The development service and the servers for tests, run for real.

Most tests run the code in this process, with a tiny project in the place of VizTube; the slow ones
run VizTube itself as `make run` does.
"""

import contextlib
import errno
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
import redis

from viztube.ops.dev import __main__ as command_line
from viztube.ops.dev import folders, services, site
from viztube.ops.dev.options import Options
from viztube.ops.dev.problems import Problem, UsageProblem
from viztube.ops.dev.signals import StopRequested, StopSignals
from viztube.ops.embedded import Postgres, Valkey, identity
from viztube.ops.embedded.server import free_port

PROJECT = Path(__file__).resolve().parents[3]
# What a test run of VizTube itself has in its environment would change what these tests start.
CLEAN = {
    name: text
    for name, text in os.environ.items()
    if name in {"PATH", "LD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV"}
}

Environ = dict[str, str]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def processes_mentioning(text: str) -> list[str]:
    """Return the command lines of live processes that name a path, work in it, or inherited it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, env = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            place = os.fsencode((folder / "cwd").readlink())
        except OSError:
            continue
        if int(folder.name) != os.getpid() and text.encode() in command + env + place:
            found.append(command.replace(b"\0", b" ").decode())
    return found


@contextlib.contextmanager
def when(condition: Callable[[], bool], act: Callable[[], object]) -> Iterator[None]:
    """Act beside the block once a condition holds, or after ten seconds; never after the block."""
    is_over = threading.Event()

    def wait_and_act() -> None:
        eventually(lambda: is_over.is_set() or condition())
        if not is_over.is_set():
            act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def environ(tmp_path_factory: pytest.TempPathFactory) -> Environ:
    data_dir = tmp_path_factory.mktemp("home") / "data"
    return CLEAN | {"DATA_DIR": str(data_dir), "PORT": str(free_port())}


class TestOptions:
    def test_defaults(self) -> None:
        options = Options.read({})
        assert options.bind == "127.0.0.1:8000"
        assert options.public_url == "http://127.0.0.1:8000"
        assert options.data_dir == Path.cwd() / ".data"
        assert options.debug

    @pytest.mark.parametrize(
        ("host", "bind", "public_url", "reachable"),
        [
            ("0.0.0.0", "0.0.0.0:8000", "http://localhost:8000", "127.0.0.1"),
            ("::", "[::]:8000", "http://localhost:8000", "::1"),
            ("[::1]", "[::1]:8000", "http://[::1]:8000", "::1"),
            ("10.1.2.3", "10.1.2.3:8000", "http://10.1.2.3:8000", "10.1.2.3"),
        ],
    )
    def test_hosts(self, host: str, bind: str, public_url: str, reachable: str) -> None:
        options = Options.read({"HOST": host})
        assert (options.bind, options.public_url) == (bind, public_url)
        assert options.reachable_host == reachable

    @pytest.mark.parametrize(
        ("variable", "value", "message"),
        [
            ("PORT", "abc", "PORT must be a whole number from 1 to 65535"),
            ("PORT", "0", "PORT must be"),
            ("PORT", "65536", "PORT must be"),
            ("PORT", "²", "PORT must be"),
            ("DEBUG", "maybe", "DEBUG must be 1 or 0"),
            ("PUBLIC_URL", "videos.example", "PUBLIC_URL must be a scheme and a host"),
            ("PUBLIC_URL", "https://videos.example/x", "PUBLIC_URL must be"),
        ],
    )
    def test_bad_values_are_one_sentence_and_status_2(
        self, variable: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command_line.main(["run"], {variable: value}) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"viztube: {message}")
        assert error.count("\n") == 1

    def test_production_wants_servers_of_its_own(self) -> None:
        database, cache = "postgres://u:p@db/viztube", "redis://:p@cache"
        with pytest.raises(UsageProblem, match=r"DEBUG is off and DATABASE_URL and REDIS_URL not"):
            Options.read({"DEBUG": "0"})
        with pytest.raises(UsageProblem, match=r"DEBUG is off and REDIS_URL not set"):
            Options.read({"DEBUG": "0", "DATABASE_URL": database})
        with pytest.raises(UsageProblem, match=r"DEBUG is off and DATABASE_URL not set"):
            Options.read({"DEBUG": "no", "DATABASE_URL": " ", "REDIS_URL": cache})
        both = {"DATABASE_URL_FILE": "/run/secrets/database_url", "REDIS_URL": cache}
        assert not Options.read({"DEBUG": "0"} | both).debug
        assert not Options.read({"DEBUG": "0", "EMBEDDED_SERVICES": "1"}).debug


class TestAddress:
    def test_a_busy_port_names_another_and_starts_nothing(
        self, environ: Environ, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with socket.socket() as rival:
            rival.bind(("127.0.0.1", int(environ["PORT"])))
            rival.listen()
            assert command_line.main(["run"], environ) == 1
        error = capsys.readouterr().err
        port = int(environ["PORT"])
        assert f"Port {port} on 127.0.0.1 is in use" in error
        assert f"make run PORT={port + 1}" in error
        assert not Path(environ["DATA_DIR"]).exists()

    def test_a_host_of_another_machine(self, environ: Environ) -> None:
        for host in ("192.0.2.1", "no such host"):
            with pytest.raises(UsageProblem, match=f"HOST={host} is not an address"):
                Options.read(environ | {"HOST": host}).require_free_address()

    def test_a_port_for_administrators(
        self, environ: Environ, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*arguments: object, **options: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        with pytest.raises(UsageProblem, match="Port 80 needs more rights"):
            Options.read(environ | {"PORT": "80"}).require_free_address()

    def test_the_last_port_has_no_next_one(self) -> None:
        problem = Options.read({"PORT": "65535"})._unusable(OSError(errno.EADDRINUSE, "in use"))
        assert "PORT=8000" in str(problem)


class TestFolders:
    def test_is_private_and_used_by_one_at_a_time(self, tmp_path: Path) -> None:
        folder = tmp_path / "a" / "data"
        with folders.locked(folder):
            assert mode(folder) == identity.data_folder_mode()
            again = folders.locked(folder)
            with pytest.raises(Problem, match="Another `make run` already uses"), again:
                pytest.fail("locked twice")
            with folders.locked(tmp_path / "other"):
                pass
        with folders.locked(folder):
            pass

    def test_an_existing_folder_keeps_its_mode(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        folders.make_data_folder(tmp_path)
        assert mode(tmp_path) == 0o755

    def test_a_file_in_its_place_is_reported(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("")
        for folder in (file, file / "below"):
            with pytest.raises(Problem, match="cannot be used"):
                folders.make_data_folder(folder)
        (tmp_path / "lock").mkdir()
        with pytest.raises(Problem, match="cannot be used"), folders.locked(tmp_path):
            pytest.fail("locked a folder")

    def test_secrets_are_made_once_and_kept_private(self, tmp_path: Path) -> None:
        made = folders.read_secrets(tmp_path)
        assert folders.read_secrets(tmp_path) == made
        assert mode(tmp_path / "secrets.json") == 0o600
        assert min(len(made["secret_key"]), len(made["jwt_signing_key"])) >= 50
        assert re.fullmatch(r"([a-z]{4}-){2}[a-z]{4}", made["demo_password"])
        assert len(set(made.values())) == 3

    def test_missing_secrets_are_added_to_those_kept(self, tmp_path: Path) -> None:
        (tmp_path / "secrets.json").write_text(json.dumps({"secret_key": "kept"}))
        found = folders.read_secrets(tmp_path)
        assert found["secret_key"] == "kept"
        assert json.loads((tmp_path / "secrets.json").read_text()) == found

    @pytest.mark.parametrize("text", ["{", "[]", '{"secret_key": 1}'])
    def test_damaged_secrets_are_reported(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "secrets.json").write_text(text)
        with pytest.raises(Problem, match=r"secrets.json is damaged: delete it"):
            folders.read_secrets(tmp_path)

    def test_unreadable_secrets_are_reported(self, tmp_path: Path) -> None:
        (tmp_path / "secrets.json").mkdir()
        with pytest.raises(Problem, match="cannot be used"):
            folders.read_secrets(tmp_path)

    def test_temporary_folders_are_deleted_also_those_of_killed_runs(self, tmp_path: Path) -> None:
        abandoned = tmp_path / "test-abandoned"
        abandoned.mkdir()
        (abandoned / "file").write_text("")
        (tmp_path / "kept").mkdir()
        with folders.temporary_folder(tmp_path) as first:
            assert not abandoned.exists()
            with folders.temporary_folder(tmp_path) as second:
                assert first.is_dir()
                assert first != second
                assert mode(second) == identity.data_folder_mode()
            assert not second.exists()
        assert not first.exists()
        assert (tmp_path / "kept").exists()

    def test_the_server_of_a_killed_run_is_stopped(self, tmp_path: Path) -> None:
        tmp_path.chmod(identity.data_folder_mode())
        abandoned = tmp_path / "test-abandoned"
        abandoned.mkdir(mode=identity.data_folder_mode())
        leftover = Postgres(abandoned, durable=False)
        try:
            leftover.start()
        except Exception as problem:  # pragma: no cover - root in a container
            pytest.skip(str(problem))
        with folders.temporary_folder(tmp_path):
            assert leftover.has_ended()
        leftover.stop()

    def test_a_data_folder_that_takes_no_files_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**options: object) -> str:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr("tempfile.mkdtemp", refuse)
        folder = folders.temporary_folder(tmp_path)
        with pytest.raises(Problem, match=r"cannot be used \(Permission denied\)"), folder:
            pytest.fail("made a folder")


class TestSignals:
    def test_are_noted_and_handlers_put_back(self) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)]
        with StopSignals() as stop:
            stop.check()
            signal.raise_signal(signal.SIGINT)
            assert not stop.is_urgent()
            with pytest.raises(StopRequested):
                stop.check()
            signal.raise_signal(signal.SIGTERM)
            assert stop.is_urgent()
        assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)]

    def test_nohup_is_respected(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with StopSignals() as stop:
                signal.raise_signal(signal.SIGHUP)
                stop.check()
        finally:
            signal.signal(signal.SIGHUP, before)


PRINT_ENVIRON = (
    "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); sys.exit(7)"
)


class TestServices:
    def test_a_command_gets_servers_and_its_status_is_returned(
        self, environ: Environ, tmp_path: Path
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
        assert [path.name for path in data_dir.iterdir()] == ["tests.lock"]
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(got["DATABASE_URL"])
        with pytest.raises(redis.ConnectionError):
            redis.Redis.from_url(got["REDIS_URL"]).ping()

    def test_what_is_set_is_left_alone(self, environ: Environ, tmp_path: Path) -> None:
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

    def test_a_signal_is_passed_on_and_its_status_returned(
        self, environ: Environ, tmp_path: Path
    ) -> None:
        ready = tmp_path / "ready"
        script = f"trap 'exit 3' INT; trap 'exit 4' TERM; : > {ready}; while :; do sleep 0.01; done"
        given = {"DATABASE_URL": "postgres://u:p@db/viztube", "REDIS_URL": "redis://:p@cache"}
        for number, status in ((signal.SIGINT, 3), (signal.SIGTERM, 4)):
            ready.unlink(missing_ok=True)
            with when(ready.exists, partial(os.kill, os.getpid(), number)):
                assert services.run_with_services(environ | given, ["sh", "-c", script]) == status

    @linux_only
    def test_what_a_command_leaves_behind_is_ended(self, environ: Environ, tmp_path: Path) -> None:
        given = {"DATABASE_URL": "postgres://u:p@db/viztube", "REDIS_URL": "redis://:p@cache"}
        pid = tmp_path / "pid"
        wait = f"until [ -s {pid} ]; do :; done"
        command = ["sh", "-c", f"setsid sh -c 'echo $$ > {pid}; exec sleep 60' & {wait}"]
        assert services.run_with_services(environ | given, command) == 0
        assert not Path(f"/proc/{pid.read_text().strip()}").exists()

    def test_death_by_a_signal_is_a_status_too(self, environ: Environ) -> None:
        given = {"DATABASE_URL": "postgres://u:p@db/viztube", "REDIS_URL": "redis://:p@cache"}
        command = ["sh", "-c", "kill -TERM $$"]
        assert services.run_with_services(environ | given, command) == 128 + signal.SIGTERM

    def test_a_signal_during_the_start_stops_it(
        self, environ: Environ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        self, environ: Environ, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command_line.main(["services", "--", "no-such-program"], environ) == 127
        assert "There is no program no-such-program" in capsys.readouterr().err
        assert not Path(environ["DATA_DIR"]).exists()

    @pytest.mark.parametrize("arguments", [[], ["walk"], ["run", "x"], ["services", "--"]])
    def test_anything_else_is_told_how_to(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command_line.main(arguments, {}) == 2
        assert "python -m viztube.ops.dev run" in capsys.readouterr().err


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


class TestSite:
    def test_runs_everything_and_stops_everything(
        self, environ: Environ, project: Path, capfd: pytest.CaptureFixture[str]
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
        self, quick: Environ, project: Path, step: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (project / f"{step}.fails").write_text("")
        assert command_line.main(["run"], quick) == 1
        error = capfd.readouterr().err
        assert f"`manage.py {step}` failed" in error
        assert f"{step} says why" in error
        assert not (Path(quick["DATA_DIR"]) / "development.env").exists()

    def test_a_signal_during_a_step_is_a_requested_stop(
        self, quick: Environ, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        manage = MANAGE.replace('if command == "worker":', 'if command == "migrate":')
        (project / "manage.py").write_text(manage)
        with when(lambda: "migrate" in calls(project), terminate):
            assert site.run_site(quick) == 0
        assert calls(project) == ["migrate"]
        if sys.platform == "linux":
            assert not processes_mentioning(quick["DATA_DIR"])

    def test_a_dead_worker_is_started_again(
        self,
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
        self,
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
        self, quick: Environ, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "viztube" / "wsgi.py").unlink()
        # With --reload gunicorn waits for a file to be mended; a bad configuration ends it.
        (project / "deploy" / "gunicorn.conf.py").write_text("import no_such_module\n")
        assert command_line.main(["run"], quick) == 1
        assert "The web server ended by itself (status 1)" in capsys.readouterr().err

    def test_a_server_that_dies_ends_all(
        self,
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
        self, quick: Environ, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wsgi = WSGI.replace("200 OK", "503 Service Unavailable")
        (project / "viztube" / "wsgi.py").write_text(wsgi)
        monkeypatch.setattr(site, "ANSWER_SECONDS", 1)
        with pytest.raises(Problem, match="did not answer /api/v2/healthcheck within 1 s"):
            site.run_site(quick)

    def test_chosen_values_reach_the_parts(self, quick: Environ) -> None:
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

    def test_a_reader_that_went_away_does_not_matter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as broken:
            monkeypatch.setattr(sys, "stdout", broken)
            site.say("hello")
            monkeypatch.undo()
            # What is left in the buffer would be written again when the file is closed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), writer)


@pytest.mark.slow
@linux_only
class TestRealSite:
    """VizTube itself, started as `make run` does."""

    @pytest.fixture
    def running(self, environ: Environ) -> Iterator[subprocess.Popen[str]]:
        child = subprocess.Popen(
            [sys.executable, "-m", "viztube.ops.dev", "run"],
            cwd=PROJECT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with child:
            yield child
            if child.poll() is None:
                child.terminate()

    def wait_until_up(self, running: subprocess.Popen[str]) -> str:
        assert running.stdout is not None
        lines = []
        for line in running.stdout:
            lines.append(line)
            if "Press Ctrl-C" in line:
                # Whoever prints must not wait for us.
                threading.Thread(target=running.stdout.read, daemon=True).start()
                return "".join(lines)
        pytest.fail("It did not start:\n" + "".join(lines))

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_stops_all_of_it(
        self, running: subprocess.Popen[str], environ: Environ, number: signal.Signals
    ) -> None:
        output = self.wait_until_up(running)
        assert f"http://127.0.0.1:{environ['PORT']}/api/v2/docs" in output
        connection = http.client.HTTPConnection("127.0.0.1", int(environ["PORT"]), timeout=5)
        connection.request("GET", "/api/v2/healthcheck")
        assert connection.getresponse().status == 200
        connection.close()
        names = " ".join(processes_mentioning(environ["DATA_DIR"]))
        for part in ("bin/postgres -D", "gunicorn", "manage.py worker"):
            assert part in names
        running.send_signal(number)
        assert running.wait(timeout=30) == 0
        assert not processes_mentioning(environ["DATA_DIR"])

    def test_a_killed_one_leaves_nothing_and_starts_again(
        self, running: subprocess.Popen[str], environ: Environ
    ) -> None:
        self.wait_until_up(running)
        running.kill()
        running.wait()
        # The worker is asked to stop like the rest, and may finish a job first: up to a minute.
        assert eventually(lambda: not processes_mentioning(environ["DATA_DIR"]), seconds=90)
        command = [sys.executable, "-m", "viztube.ops.dev", "run"]
        with subprocess.Popen(
            command, cwd=PROJECT, env=environ, stdout=subprocess.PIPE, text=True
        ) as again:
            self.wait_until_up(again)
            again.terminate()
            assert again.wait(timeout=30) == 0

    @pytest.mark.parametrize("delay", [0.1, 0.4, 0.7, 1.0, 1.5, 2.5])
    def test_a_stop_during_the_start_leaves_nothing(
        self, running: subprocess.Popen[str], environ: Environ, delay: float
    ) -> None:
        data_dir = Path(environ["DATA_DIR"])
        assert eventually((data_dir / "lock").exists)
        time.sleep(delay)
        running.terminate()
        assert running.wait(timeout=30) == 0
        assert not processes_mentioning(str(data_dir))
        shutil.rmtree(data_dir)

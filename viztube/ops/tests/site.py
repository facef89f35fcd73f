"""The whole service as `make run` starts it, for tests that need real processes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from viztube.api.tests.fixtures import GENEROUS
from viztube.ops.embedded.server import free_port
from viztube.ops.tests.processes import command_of, family_of

PROJECT = Path(__file__).resolve().parents[3]
KEPT = {"PATH", "LD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV"}
START_SECONDS = 90

# Lets jobs whose worker is dead go on at once, and not after the minute that tells it is dead.
TAKE_UP = """
import asyncio
from viztube.ops import tasks
tasks.STALLED_AFTER = 0
asyncio.run(tasks.reap_stalled_jobs.func(0))
"""

Environ = dict[str, str]


@dataclass
class RunningSite:
    """A service that answers at ``url`` and keeps its data in ``data_dir``."""

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    output: str
    environ: Environ
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def api(self) -> str:
        """Return where the API is."""
        return f"{self.url}/api/v2"

    def processes(self) -> list[int]:
        """Return the ids of all processes below the supervisor (Linux)."""
        return sorted(family_of(self.process.pid))

    def worker(self) -> int:
        """Return the id of the process that runs the jobs (Linux)."""
        (pid,) = (pid for pid in self.processes() if b"\0worker\0" in command_of(pid))
        return pid

    def manage(self, *command: str) -> str:
        """Run a management command beside the service; return what it printed."""
        return manage(self.environ, *command)

    def sign_up(self, username: str) -> httpx.Client:
        """Register and sign in; return a client with that person's token."""
        password = "violet-harbour-9"
        person = {
            "username": username,
            "email": f"{username}@viztube.example",
            "fullname": username,
            "password": password,
        }
        assert httpx.post(f"{self.api}/user/register", json=person).status_code == 201
        login = httpx.post(
            f"{self.api}/user/login", json={"username": username, "password": password}
        )
        token = login.json()["data"]["accessToken"]
        client = httpx.Client(
            base_url=self.api, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        self.clients.append(client)
        return client


def manage(environ: Environ, *command: str) -> str:
    """Run a management command, whether the service runs or not; return what it printed."""
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=environ | {"DEBUG": "1"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def site_environ(folder: Path) -> Environ:
    """Return the environment of a service with its data below ``folder``, on a free port.

    The rest of what a test run has in its own would change what is started.
    """
    kept = {name: text for name, text in os.environ.items() if name in KEPT}
    own = {"DATA_DIR": str(folder / "data"), "PORT": str(free_port())}
    return kept | own | {"RATE_LIMITS": GENEROUS}


@contextmanager
def starting_site(environ: Environ) -> Iterator[subprocess.Popen[bytes]]:
    """Start the service and do not wait until it answers; stop it at the end."""
    with output_of(environ).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "viztube.ops.dev", "run"],
            cwd=PROJECT,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def output_of(environ: Environ) -> Path:
    """Return the file that takes what the service prints."""
    return Path(environ["DATA_DIR"]).with_name("output.txt")


@contextmanager
def running_site(environ: Environ) -> Iterator[RunningSite]:
    """Start the service and wait until it answers; stop it at the end."""
    log = output_of(environ)
    with starting_site(environ) as process:
        deadline = time.monotonic() + START_SECONDS
        while not re.search("Press Ctrl-C", log.read_text()):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        url = f"http://127.0.0.1:{environ['PORT']}"
        site = RunningSite(url, Path(environ["DATA_DIR"]), process, log.read_text(), environ)
        yield site
        for client in site.clients:
            client.close()

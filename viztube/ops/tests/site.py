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

from viztube.ops.embedded.server import free_port

PROJECT = Path(__file__).resolve().parents[3]
KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV"}
START_SECONDS = 90


@dataclass
class RunningSite:
    """A service that answers at ``url`` and keeps its data in ``data_dir``."""

    url: str
    data_dir: Path
    pid: int
    output: str
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def api(self) -> str:
        """Return where the API is."""
        return f"{self.url}/api/v2"

    def processes(self) -> list[int]:
        """Return the ids of all processes below the supervisor (Linux)."""
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                parents[int(entry.name)] = int(fields[1])
        family = {self.pid}
        while new := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= new
        return sorted(family)

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


@contextmanager
def running_site(folder: Path) -> Iterator[RunningSite]:
    """Start the service with its data below ``folder``; stop it at the end."""
    environ = {name: text for name, text in os.environ.items() if name in KEPT}
    port = free_port()
    data_dir = folder / "data"
    log = folder / "output.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "viztube.ops.dev", "run"],
            cwd=PROJECT,
            env=environ | {"PORT": str(port), "DATA_DIR": str(data_dir)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not re.search("Press Ctrl-C", log.read_text()):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            site = RunningSite(f"http://127.0.0.1:{port}", data_dir, process.pid, log.read_text())
            yield site
            for client in site.clients:
                client.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

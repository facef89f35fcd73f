"""The service in the shape of production, as processes: nginx and gunicorn as they ship, TLS,
a worker, PostgreSQL and Valkey.

Loopback has many addresses: what comes from ``CLOUDFLARE`` counts as Cloudflare, the rest as
strangers.
"""

import json
import platform
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from viztube.ops.dev.services import ffmpeg_addresses
from viztube.ops.embedded import Postgres, Valkey, process
from viztube.ops.embedded.process import Child
from viztube.ops.embedded.server import Server, free_port
from viztube.ops.embedded.wheels import nginx_program
from viztube.ops.tests.machines import PASSWORD, START_SECONDS, Machine
from viztube.ops.tests.site import PROJECT, Environ, site_environ
from viztube.ops.tests.waiting import eventually

HOST = "viztube.test"
CLOUDFLARE = "127.0.0.2"
STRANGER = "127.0.0.1"
RANGES = (
    f"# Stand-ins for Cloudflare's networks.\n{CLOUDFLARE}/32\n198.51.100.0/24\n2001:db8::/32\n"
)
NGINX = PROJECT / "deploy" / "nginx"

needs_nginx = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="nginx comes as a wheel for Linux on x86-64 alone",
)

# Static files are collected into a folder of the test's own.
SETTINGS = "from viztube.settings import *\n\nSTATIC_ROOT = {!r}\n"


class Loopback(httpx.BaseTransport):
    """Takes requests for any name to a port of this machine, from one of its addresses."""

    def __init__(self, port: int, address: str, verify: ssl.SSLContext) -> None:
        self._port = port
        self._transport = httpx.HTTPTransport(verify=verify, local_address=address)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request with the name in its address, but not to where that leads."""
        request.extensions.setdefault("sni_hostname", request.url.host)
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


@dataclass
class Stack:
    """A service that answers at https://viztube.test."""

    machine: Machine
    folder: Path
    environ: Environ
    nginx: Child
    servers: tuple[Server, ...] = ()
    clients: ExitStack = field(default_factory=ExitStack)

    @property
    def media(self) -> Path:
        """Return the folder of the media files."""
        return Path(self.environ["MEDIA"])

    @property
    def authority(self) -> Path:
        """Return the certificate that those made by the stack are trusted by."""
        return self.folder / "certificates" / "bootstrap" / "fullchain.pem"

    def client(
        self, visitor: str = "203.0.113.1", *, scheme: str = "https", address: str = CLOUDFLARE
    ) -> httpx.Client:
        """Return a client whose requests come from an address, for a visitor it names."""
        port = int(self.environ["HTTPS_PORT" if scheme == "https" else "HTTP_PORT"])
        context = ssl.create_default_context(cafile=str(self.authority))
        transport = Loopback(port, address, context)
        client = httpx.Client(
            transport=transport,
            base_url=f"{scheme}://{HOST}",
            headers={"CF-Connecting-IP": visitor},
            timeout=60,
        )
        return self.clients.enter_context(client)

    def sign_up(self, username: str, visitor: str) -> httpx.Client:
        """Register and sign in; return a client with that person's token."""
        client = self.client(visitor)
        person = {"username": username, "email": f"{username}@viztube.example"}
        person |= {"fullname": username, "password": PASSWORD}
        answer = client.post("/api/v2/user/register", json=person)
        assert answer.status_code == 201, answer.text
        login = {"username": username, "password": PASSWORD}
        tokens = client.post("/api/v2/user/login", json=login).json()["data"]
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {tokens['accessToken']}"
        return client

    def script(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the folder of the scripts, told what nginx was told."""
        return subprocess.run(
            ["sh", "-c", command],
            cwd=NGINX,
            env=self.environ,
            check=False,
            capture_output=True,
            text=True,
        )

    def proxied(self, request_id: str) -> dict[str, Any]:
        """Return nginx's line about a request, once it is there."""
        return self._line("nginx.log", request_id)

    def handled(self, request_id: str) -> dict[str, Any]:
        """Return the application's line about a request, once it is there."""
        return self._line("web.log", request_id)

    def logs(self) -> str:
        """Return what all processes have logged."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _line(self, name: str, request_id: str) -> dict[str, Any]:
        log = self.folder / name
        assert eventually(lambda: request_id in log.read_text()), log.read_text()
        line = next(line for line in log.read_text().splitlines() if request_id in line)
        return dict(json.loads(line))


def make_certificate(folder: Path) -> None:
    """Write a certificate for the service's name, signed by itself, and its key."""
    folder.mkdir(parents=True)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={HOST}"),
            *("-addext", f"subjectAltName=DNS:{HOST}"),
            *("-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")),
        ],
        check=True,
        capture_output=True,
    )


def port_of_all() -> int:
    """Return a TCP port that nothing uses at this moment, at any address of this machine.

    Connections from ``CLOUDFLARE`` that ended a minute ago count too: nginx could not listen.
    """
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def nginx_environ(folder: Path, environ: Environ, api: str) -> Environ:
    """Write what nginx finds when it starts; return what tells it where."""
    make_certificate(folder / "certificates" / "bootstrap")
    (folder / "acme").mkdir()
    (folder / "ranges.txt").write_text(RANGES)
    return {
        "PATH": environ["PATH"],
        "PUBLIC_URL": environ["PUBLIC_URL"],
        "API": api,
        "MEDIA": environ["MEDIA_ROOT"],
        "RUN": str(folder / "run"),
        "SPOOL": str(folder / "spool"),
        "CERTIFICATES": str(folder / "certificates"),
        "ACME": str(folder / "acme"),
        "RANGES": str(folder / "ranges.txt"),
        "HTTP_PORT": str(port_of_all()),
        "HTTPS_PORT": str(port_of_all()),
        "HEALTH_PORT": str(free_port()),
        "NGINX_PROGRAM": str(nginx_program()),
    }


def production_environ(folder: Path, port: int) -> Environ:
    """Return the environment of the application, with its data below ``folder``."""
    (folder / "stack_settings.py").write_text(SETTINGS.format(str(folder / "static")))
    media = folder / "media"
    media.mkdir()
    environ = site_environ(folder) | {
        "PYTHONPATH": str(folder),
        "DJANGO_SETTINGS_MODULE": "stack_settings",
        "DEBUG": "0",
        "PUBLIC_URL": f"https://{HOST}",
        "TRUSTED_PROXIES": "1",
        "MEDIA_ROOT": str(media),
        "SECRET_KEY": "only-for-this-test-" * 3,
        "JWT_SIGNING_KEY": "only-for-this-test-too-" * 3,
        "PYTHONUNBUFFERED": "1",
        "PORT": str(port),
    }
    return environ | ffmpeg_addresses(environ)


@contextmanager
def running_nginx(folder: Path, environ: Environ) -> Iterator[Child]:
    """Run the shipped nginx until the end of the block."""
    with (folder / "nginx.log").open("ab") as log:
        nginx = process.start(["sh", str(NGINX / "start.sh")], env=environ, output=log)

    def answers() -> bool:
        assert nginx.poll() is None, (folder / "nginx.log").read_text()
        try:
            health = httpx.get(f"http://127.0.0.1:{environ['HEALTH_PORT']}/livez")
        except httpx.TransportError:
            return False
        return health.status_code == 200

    try:
        assert eventually(answers, START_SECONDS), (folder / "nginx.log").read_text()
        yield nginx
    finally:
        process.kill(nginx)


@contextmanager
def running_stack(folder: Path, **settings: str) -> Iterator[Stack]:
    """Run everything, with its data below ``folder``, until the end of the block.

    The settings go into the environment of the application and its worker.
    """
    # Started by root, nginx reads files as nobody.
    folder.chmod(0o711)
    servers = Postgres(folder, durable=False), Valkey(folder)
    port = free_port()
    environ = production_environ(folder, port) | settings
    machine = Machine(environ, folder, f"http://127.0.0.1:{port}/api/v2")
    try:
        environ |= {"DATABASE_URL": servers[0].start(), "REDIS_URL": servers[1].start()}
        machine.environ = environ
        machine.manage("migrate")
        machine.manage("collectstatic", "--noinput", "--verbosity", "0")
        machine.start_web()
        machine.start_worker()
        assert eventually(machine.answers, START_SECONDS), (folder / "web.log").read_text()
        told = nginx_environ(folder, environ, f"127.0.0.1:{port}")
        with running_nginx(folder, told) as nginx:
            stack = Stack(machine, folder, told, nginx, servers)
            with stack.clients:
                yield stack
    finally:
        machine.stop()
        for server in reversed(servers):
            server.stop()

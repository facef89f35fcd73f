"""Stands in for Docker, for ``deploy/release.sh``: containers are processes, images are folders.

Each container of the api has an address of its own on loopback, and a server of names leads to all
of them, as Docker's does. Processes belong to the engine and not to the program ``docker`` that
asked for them, so killing that program does not end them.
"""

import json
import os
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx

from viztube.ops.embedded import process
from viztube.ops.embedded.process import Child
from viztube.ops.tests.site import PROJECT, Environ

API, WORKER, PORT = "viztube-api", "viztube-worker", 8000
NAME_SECONDS = 0.3
_CODE = ("viztube", "users", "videos", "social", "dashboard", "templates", "deploy", "manage.py")
_CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as engine:
    engine.connect({address!r})
    call = [sys.argv[1:], os.environ.get("VIZTUBE_IMAGE", "")]
    engine.sendall(json.dumps(call).encode() + b"\\n")
    status, output = json.loads(engine.makefile().read())
sys.stdout.write(output)
sys.exit(status)
"""


class UnknownCallError(Exception):
    """The engine is asked for what it does not do."""


@dataclass
class Container:
    """A process that is started again when it ends by itself, as Docker does."""

    id: str
    service: str
    image: str
    address: str
    child: Child
    restarts: int = 0
    is_stopped: bool = False


@dataclass
class Engine:
    """Runs containers for the checkout in ``host``, behind an nginx that is there already.

    ``before`` is told of each call before it is obeyed.
    """

    host: Path
    environ: Environ
    nginx: Environ
    containers: list[Container] = field(default_factory=list)
    before: Callable[[str], None] = lambda call: None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    # A child ends with the thread that started it (prctl(2), PR_SET_PDEATHSIG), so one starts all.
    starter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def image(self, name: str, change: Callable[[Path], object] = lambda code: None) -> str:
        """Make an image of the code here, which ``change`` may edit; return its reference."""
        folder = self.host / "images" / name
        folder.mkdir(parents=True)
        for part in _CODE:
            # With the times of files, so that what is compiled already need not be compiled again.
            if (PROJECT / part).is_dir():
                shutil.copytree(
                    PROJECT / part, folder / part, ignore=shutil.ignore_patterns("tests")
                )
            else:
                shutil.copy2(PROJECT / part, folder / part)
        change(folder)
        return f"viztube/viztube@sha256:{name}"

    def of(self, service: str) -> list[Container]:
        """Return the containers of a service."""
        return [container for container in self.containers if container.service == service]

    def up(self, service: str, image: str) -> Container:
        """Start a container."""
        number = next(self.numbers)
        address = f"127.{os.getpid() % 250 + 1}.7.{number}"
        child = self._start(service, image, address)
        container = Container(f"c{number}", service, image, address, child)
        self.containers.append(container)
        return container

    def down(self, container: Container) -> None:
        """Stop a container as Docker does, with patience, and remove it."""
        self._stop(container)
        if container in self.containers:
            self.containers.remove(container)

    def log(self, container: Container) -> Path:
        """Return the file with what a container says."""
        return self._log(container.address)

    def kill(self) -> None:
        """End all containers at once."""
        for container in self.containers:
            process.kill(container.child)
        self.starter.shutdown()

    def obey(self, arguments: list[str], image: str) -> tuple[int, str]:
        """Do what ``docker`` is asked for; return its exit status and output."""
        image = image or self._setting("VIZTUBE_IMAGE")
        call = " ".join(arguments)
        self.before(call)
        match arguments:
            case ["pull", "--quiet", name] | ["image", "inspect", _, _, name]:
                return (0, f"{name}\n") if self._folder(name).is_dir() else (1, "no such image\n")
            case ["ps", "--all", "--quiet", "--no-trunc", *_]:
                return 0, "".join(f"{container.id}\n" for container in self.of(API))
            case ["compose", *rest]:
                return self._compose(rest, image)
            case ["inspect", "--format", wanted, name]:
                return 0, self._inspect(wanted, self._named(name)) + "\n"
            case ["stop", "-t", _, name]:
                self._stop(self._named(name))
            case ["rm", name]:
                self.containers.remove(self._named(name))
            case ["logs", "--tail", "50", name]:
                return 0, self.log(self._named(name)).read_text()[-5000:]
            case ["image", *_]:
                pass
            case _:
                raise UnknownCallError(call)
        return 0, ""

    def _compose(self, arguments: list[str], image: str) -> tuple[int, str]:
        match arguments:
            case ["ps", "--quiet", "backup"]:
                return 0, ""
            case ["config", "--services"]:
                return 0, f"{API}\n{WORKER}\nnginx\npostgres\n"
            case ["exec", "-T", "nginx", "curl", *rest]:
                rest = [part.replace(":8081/", f":{self.nginx['HEALTH_PORT']}/") for part in rest]
                return self._command(["curl", *rest], self.nginx, errors=subprocess.DEVNULL)
            case ["exec", "-T", "nginx", script, argument]:
                path = script.replace("/viztube/", f"{PROJECT}/deploy/")
                return self._command(["sh", path, argument], self.nginx)
            case ["run", "--rm", "--no-deps", "-T", "backup", "python", *command]:
                command = [part.replace("/backups", str(self.host / "backups")) for part in command]
                return self._command([sys.executable, *command], self.environ, self._folder(image))
            case ["run", "--rm", "--no-deps", "-T", "-e", setting, "migrate"]:
                name, _, text = setting.partition("=")
                command = [sys.executable, "manage.py", "migrate"]
                return self._command(command, self.environ | {name: text}, self._folder(image))
            case ["stop", service]:
                for container in self.of(service):
                    self._stop(container)
            case ["up", "-d", "--no-deps", "--no-recreate", "--no-build", "--scale", scale, _]:
                while len(self.of(API)) < int(scale.rpartition("=")[2]):
                    self.up(API, image)
            case ["up", "-d", "--no-deps", "--no-build", service]:
                for container in self.of(service):
                    self.down(container)
                self.up(service, image)
            case _:
                raise UnknownCallError(" ".join(arguments))
        return 0, ""

    def _inspect(self, wanted: str, container: Container) -> str:
        if "Image" in wanted:
            return container.image
        if "IPAddress" in wanted:
            return container.address
        if container.is_stopped:
            return f"exited unhealthy {container.restarts}"
        if container.child.poll() is not None:
            container.restarts += 1
            container.child = self._start(container.service, container.image, container.address)
        state = "healthy" if self.is_ready(container) else "starting"
        return f"running {state} {container.restarts}"

    def is_ready(self, container: Container) -> bool:
        """Tell whether an api says that it is."""
        try:
            # By the name under which the image's own health check asks.
            return httpx.get(
                f"http://{container.address}:{PORT}/readyz",
                headers={"Host": f"127.0.0.1:{PORT}"},
                timeout=5,
            ).is_success
        except httpx.TransportError:
            return False

    def _start(self, service: str, image: str, address: str) -> Child:
        command = [sys.executable, "manage.py", "worker"]
        if service == API:
            command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
            command += ["--bind", f"{address}:{PORT}", "viztube.wsgi:application"]
        with self._log(address).open("ab") as log:
            started = self.starter.submit(
                process.start, command, env=self.environ, cwd=self._folder(image), output=log
            )
            return started.result()

    def _stop(self, container: Container) -> None:
        container.is_stopped = True
        process.stop(container.child, [(signal.SIGTERM, 70)])

    def _command(
        self,
        command: list[str],
        environ: Environ,
        cwd: Path | None = None,
        errors: int = subprocess.STDOUT,
    ) -> tuple[int, str]:
        ran = subprocess.run(
            command,
            env=environ,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout

    def _named(self, name: str) -> Container:
        return next(container for container in self.containers if container.id == name)

    def _folder(self, image: str) -> Path:
        return self.host / "images" / image.rpartition(":")[2]

    def _log(self, address: str) -> Path:
        return self.host / f"{address}.log"

    def _setting(self, name: str) -> str:
        lines = (self.host / ".env").read_text().splitlines()
        return next((line.partition("=")[2] for line in lines if line.startswith(f"{name}=")), "")


@contextmanager
def answering_docker(engine: Engine) -> Iterator[None]:
    """Let a program ``docker`` in the folder ``bin`` of the host ask the engine."""

    class Calls(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            arguments, image = json.loads(self.rfile.readline())
            answer: tuple[int, str]
            try:
                answer = engine.obey(arguments, image)
            except (UnknownCallError, StopIteration, ValueError) as error:
                answer = (99, f"The stand-in for Docker failed: {error!r}\n")
            # Nobody may be listening any more.
            try:
                self.wfile.write(json.dumps(answer).encode())
            except OSError:
                return

    address = str(engine.host / "engine")
    client = engine.host / "bin" / "docker"
    client.parent.mkdir()
    client.write_text(_CLIENT.format(python=sys.executable, address=address))
    client.chmod(0o755)
    with serving(socketserver.ThreadingUnixStreamServer(address, Calls)):
        yield


@contextmanager
def answering_names(engine: Callable[[], Engine]) -> Iterator[str]:
    """Tell the addresses of all apis to whoever asks for any name (RFC 1035); yield host:port."""

    class Names(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, reply = self.request
            # Docker's takes less; nginx must do without an address for so long.
            time.sleep(NAME_SECONDS)
            apis = [api.address for api in engine().of(API) if not api.is_stopped]
            question = query[12 : query.index(b"\0", 12) + 5]
            answers = b"".join(
                struct.pack("!HHHIH", 0xC00C, 1, 1, 2, 4) + socket.inet_aton(address)
                for address in apis
            )
            header = query[:2] + struct.pack("!5H", 0x8180, 1, len(apis), 0, 0)
            reply.sendto(header + question + answers, self.client_address)

    server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)
    with serving(server):
        yield f"127.0.0.1:{server.server_address[1]}"


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve beside the block."""
    with ExitStack() as stack:
        stack.enter_context(server)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()

"""nginx as it ships in front of a stand-in for the application, which remembers what it was asked.

It starts in half a second, and what reaches the stand-in is what nginx let through.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.machines import Machine
from viztube.ops.tests.stack import (
    CLOUDFLARE,
    HOST,
    Stack,
    nginx_environ,
    production_environ,
    running_nginx,
)

KEY = "0123456789abcdef" * 2
BYTES = bytes(range(256)) * 16

# On every answer over TLS, whoever gives it.
ALWAYS = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
MAY_BE_REPEATED = {"set-cookie", "vary"}

# Addresses set aside for tests (RFC 2544): each visitor is one whom nobody has heard of.
VISITORS = (str(IPv4Address("198.18.0.0") + number) for number in count(1))


@dataclass
class Asked:
    """A request as the application gets it."""

    method: str
    target: str
    headers: Message
    body: bytes
    connection: int

    @property
    def request_id(self) -> str:
        """Return the id that nginx gave the request or took over."""
        return str(self.headers["X-Request-ID"])


# None: hangs up.
Answer = tuple[int, Mapping[str, str], bytes] | None


def plainly(asked: Asked) -> Answer:
    """Answer as the stand-in does unless told otherwise."""
    return 200, {}, b"application"


@dataclass
class Application:
    """What stands in for gunicorn."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    # Where all of the answer has been taken.
    answered: list[str] = field(default_factory=list)
    answer: Callable[[Asked], Answer] = plainly

    def ids(self) -> set[str]:
        """Return the ids of the requests that have come through."""
        return {asked.request_id for asked in self.asked}


@contextmanager
def running_application() -> Iterator[Application]:
    """Run a stand-in until the end of the block."""
    application = Application()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            # It would keep every connection.
            self.close_connection = False
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.command, self.path, self.headers, body, self.client_address[1])
            application.asked.append(asked)
            answer = application.answer(asked)
            if answer is None:
                self.close_connection = True
                return
            status, headers, content = answer
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            application.answered.append(self.path)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # As many may be waiting as with gunicorn.
        request_queue_size = 2048

    with Server(("127.0.0.1", 0), Handler) as server:
        application.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield application
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def running_edge(api: str, **told: str) -> Iterator[Stack]:
    """Run nginx in front of what answers at ``api``; ``told`` goes into its environment."""
    with temporary_data_dir() as folder:
        # Started by root, nginx reads files as nobody.
        folder.chmod(0o711)
        environ = production_environ(folder, 1) | {
            name: value for name, value in told.items() if name == "PUBLIC_URL"
        }
        environ_of_nginx = nginx_environ(folder, environ, api) | told
        with running_nginx(folder, environ_of_nginx) as nginx:
            stack = Stack(Machine(environ, folder, ""), folder, environ_of_nginx, nginx)
            with stack.clients:
                yield stack


def put(stack: Stack, name: str, content: bytes = BYTES) -> Path:
    """Write a file below the media folder."""
    path = stack.media / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@contextmanager
def connection(
    stack: Stack,
    *,
    scheme: str = "https",
    address: str = CLOUDFLARE,
    trusted: bool = True,
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
) -> Iterator[socket.socket]:
    """Connect to nginx from an address, for what no client would send.

    Unless ``trusted``, whatever certificate it has is good.
    """
    port = int(stack.environ["HTTPS_PORT" if scheme == "https" else "HTTP_PORT"])
    with socket.create_connection(("127.0.0.1", port), 20, (address, 0)) as plain:
        if scheme == "http":
            yield plain
            return
        context = ssl.create_default_context(cafile=str(stack.authority))
        context.maximum_version = newest
        if not trusted:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain, server_hostname=HOST) as secure:
            yield secure


def read_answer(connected: socket.socket) -> httpx.Response | None:
    """Return the answer that comes, or None when the connection ends without one."""
    answer = http.client.HTTPResponse(connected)
    try:
        answer.begin()
    except http.client.RemoteDisconnected:
        return None
    with answer:
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


def write_program(path: Path, commands: str) -> Path:
    """Write a program that stands in for another."""
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(0o755)
    return path


def speak(
    stack: Stack, data: bytes, *, scheme: str = "https", address: str = CLOUDFLARE
) -> httpx.Response | None:
    """Send bytes as they stand; return the answer, or None when there is none."""
    with connection(stack, scheme=scheme, address=address) as connected:
        connected.sendall(data)
        return read_answer(connected)


@contextmanager
def amended(stack: Stack, name: str, old: str, new: str) -> Iterator[None]:
    """Change a file of the configuration in use, for the time of the block."""
    file = Path(stack.environ["RUN"]) / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    try:
        reload(stack)
        yield
    finally:
        file.write_text(text)
        reload(stack)


def reload(stack: Stack) -> None:
    """Have nginx read the configuration in use anew; return once it does as that says."""
    done = stack.script(". ./configure.sh; reload")
    assert done.returncode == 0, done.stderr


def check_envelope(answer: httpx.Response | None, status: int, code: str) -> None:
    """Check that an answer is an error as the API has them."""
    assert answer is not None
    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["code"]) == (status, status, code)
    assert list(body) == [
        *("statusCode", "data", "message", "success", "errors", "code", "details", "requestId"),
    ]
    assert (body["data"], body["success"], body["errors"], body["details"]) == (None, False, [], {})
    assert body["message"].endswith(".")
    assert body["requestId"] == answer.headers["X-Request-ID"]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


def check_headers(answer: httpx.Response | None) -> None:
    """Check that an answer over TLS has what every answer has, and nothing twice."""
    assert answer is not None
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert answer.headers["X-Request-ID"]
    names = [name for name, _ in answer.headers.multi_items()]
    assert not {name for name in names if names.count(name) > 1} - MAY_BE_REPEATED
    assert answer.headers["Server"] == "nginx"

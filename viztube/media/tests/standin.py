"""Test equipment that stands in for Cloudinary: a server that speaks its API over real HTTP.

Never for production. It checks signatures, takes chunks, renames, deletes, lists, delivers, and
keeps copies at an edge as the real one does, so that a forgotten ``invalidate`` shows. It does not
convert files: a transformed picture is the picture itself, and a stream a list with one segment.
"""

import hashlib
import json
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from viztube.media.tests.standin_account import Account, Asset, Copy
from viztube.media.tests.standin_wire import (
    FilePart,
    Json,
    Refused,
    asked_range,
    check_basic,
    check_signed,
    parse_form,
    parse_query,
)

__all__ = ["Asset", "Fault", "Notice", "Request", "StandIn", "running_standin"]

API = "/v1_1/"
CONNECTION_TIMEOUT = 10  # seconds that a silent client may hold a thread, and so delay the end
NOTIFY_TIMEOUT = 5


class Fault(Enum):
    """How a call may go wrong."""

    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    BAD_GATEWAY = "502 from a proxy: a page, no JSON"
    RATE_LIMITED = "420"
    TOO_MANY = "429"
    UNAUTHORIZED = "401"
    REFUSED = "400"
    CLOSED = "hangs up when half of the request is there"
    SLOW = "does the work, and answers late"
    LOST = "does the work, and hangs up instead of answering"


class Answer(NamedTuple):
    """A complete answer."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """A call of the API that arrived, whatever became of it."""

    method: str
    action: str
    kind: str
    params: Json
    headers: CaseInsensitiveDict[str]


@dataclass(frozen=True)
class Notice:
    """A signed notification."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class StandIn(Account):
    """The account, what was asked of it, and what is to go wrong."""

    slow_seconds = 5.0

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._faults: defaultdict[str, deque[Fault | None]] = defaultdict(deque)

    @property
    def cloudinary_url(self) -> str:
        """Return the address that sends the SDK here, for the API and for delivery."""
        host = self.url.removeprefix("http://")
        options = f"upload_prefix={quote(self.url, safe='')}&cname={quote(host, safe='')}"
        return (
            f"cloudinary://{self.api_key}:{self.api_secret}@{self.cloud}"
            f"?{options}&private_cdn=true&secure=false"
        )

    def fail(self, action: str, *faults: Fault | None) -> None:
        """Let the next calls of an action meet these faults, one each; None lets one succeed.

        Delivering is an action too, "deliver".
        """
        with self.lock:
            self._faults[action].extend(faults)

    def next_fault(self, action: str) -> Fault | None:
        """Return what the call that has just arrived is to meet."""
        with self.lock:
            waiting = self._faults[action]
            return waiting.popleft() if waiting else None

    def finish_streams(self, *, failed: bool = False, notify: bool = True) -> list[Notice]:
        """End every job that waits, and tell whoever wanted to know.

        A job whose file has been renamed or deleted meanwhile fails.
        """
        with self.lock:
            jobs, self.jobs = self.jobs, []
            notices = [self.notice(self.finished(job, failed=failed)) for job in jobs]
        # Without the lock: whoever is told may well call back.
        for job, notice in zip(jobs, notices, strict=True):
            if notify and job.notification_url:
                _send(job.notification_url, notice)
        return notices

    def notice(self, payload: dict[str, Any], *, timestamp: int | None = None) -> Notice:
        """Return a notification, signed as of now or as of a time."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        moment = str(int(time.time()) if timestamp is None else timestamp)
        signature = hashlib.sha1(body + (moment + self.api_secret).encode()).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Cld-Timestamp": moment,
            "X-Cld-Signature": signature,
        }
        return Notice(body, headers)

    def perform(self, cloud: str, request: Request, file: FilePart | None) -> Json:
        """Do what a call of the Upload API asks for. Raises Refused."""
        self._check_cloud(cloud)
        check_signed(request.params, self.api_key, self.api_secret)
        calls: dict[str, Callable[[], Json]] = {
            "upload": lambda: self.upload(request.kind, request.params, file, request.headers),
            "rename": lambda: self.rename(request.kind, request.params),
            "destroy": lambda: self.destroy(request.kind, request.params),
            "explicit": lambda: self.explicit(request.kind, request.params),
        }
        return self._called(calls, request.action)

    def inform(self, cloud: str, request: Request) -> Json:
        """Answer a call of the Admin API. Raises Refused."""
        self._check_cloud(cloud)
        check_basic(request.headers.get("Authorization", ""), self.api_key, self.api_secret)
        calls: dict[str, Callable[[], Json]] = {
            "ping": lambda: {"status": "ok"},
            "resource": lambda: self.resource(request.kind, request.params["public_id"]),
            "resources": lambda: self.resources(request.kind, request.params),
        }
        return self._called(calls, request.action)

    def _check_cloud(self, cloud: str) -> None:
        if cloud != self.cloud:
            raise Refused(401, "cloud_name mismatch")

    def _called(self, calls: dict[str, Callable[[], Json]], action: str) -> Json:
        if action not in calls:
            raise Refused(501, f"The stand-in does not know {action!r}")
        with self.lock:
            return calls[action]()


@contextmanager
def running_standin() -> Iterator[StandIn]:
    """Run a stand-in on a free port. What breaks inside it is raised at the end."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.standin
        finally:
            server.standin.closing.set()
            server.shutdown()
            thread.join(CONNECTION_TIMEOUT)
    if server.crashes:
        raise server.crashes[0]


def _send(url: str, notice: Notice) -> None:
    """Deliver a notification. Cloudinary tries again later; the stand-in does not."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            session.post(url, notice.body, headers=notice.headers, timeout=NOTIFY_TIMEOUT)
        except requests.RequestException:
            return


def _said(status: int, answer: Json) -> Answer:
    return Answer(status, json.dumps(answer).encode())


def _error(status: int, message: str) -> Answer:
    return _said(status, {"error": {"message": message}})


_FAULTY = {
    Fault.SERVER_ERROR: _error(500, "General Error"),
    Fault.UNAVAILABLE: _error(503, "Service Unavailable"),
    Fault.BAD_GATEWAY: Answer(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html"),
    Fault.RATE_LIMITED: _error(420, "Rate Limit Exceeded. Limit of 500 api operations reached."),
    Fault.TOO_MANY: _error(429, "Too many concurrent requests"),
    Fault.UNAUTHORIZED: _error(401, "Unknown API key"),
    Fault.REFUSED: _error(400, "Unsupported video format or file"),
}


class _Server(ThreadingHTTPServer):
    # At the end, wait for the threads: none outlives the test that it belongs to.
    daemon_threads = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.standin = StandIn(f"http://127.0.0.1:{self.server_port}")
        self.crashes: list[BaseException] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what broke, except that clients hang up or fall silent."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.crashes.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = CONNECTION_TIMEOUT
    server: _Server

    def do_POST(self) -> None:
        """Answer a call of the Upload API: ``/v1_1/<cloud>/<kind>/<action>``."""
        standin = self.server.standin
        _, _, cloud, kind, action = (*self.path.split("/", 4), "", "", "")[:5]
        fault = standin.next_fault(action)
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size // 2 if fault is Fault.CLOSED else size)
        params, file = parse_form(body, self.headers.get("Content-Type", ""))
        request = Request("POST", action, kind, params, self._headers())
        self._respond(request, fault, lambda: standin.perform(cloud, request, file))

    def do_GET(self) -> None:
        """Answer a call of the Admin API, or deliver a file."""
        standin = self.server.standin
        address = urlsplit(self.path)
        if not address.path.startswith(API):
            self._deliver(unquote(address.path))
            return
        cloud, _, rest = address.path.removeprefix(API).partition("/")
        action, kind, public_id = _admin_call(unquote(rest))
        params = parse_query(address.query) | ({"public_id": public_id} if public_id else {})
        request = Request("GET", action, kind, params, self._headers())
        fault = standin.next_fault(action)
        self._respond(request, fault, lambda: standin.inform(cloud, request))

    def do_HEAD(self) -> None:
        """Say what would be delivered."""
        self._deliver(unquote(urlsplit(self.path).path))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Stay silent."""

    def _headers(self) -> CaseInsensitiveDict[str]:
        return CaseInsensitiveDict(self.headers.items())

    def _respond(self, request: Request, fault: Fault | None, work: Callable[[], Json]) -> None:
        standin = self.server.standin
        with standin.lock:
            standin.requests.append(request)
        if fault in _FAULTY:
            self._send(_FAULTY[fault])
            return
        self.close_connection = True
        if fault is Fault.CLOSED:
            return
        try:
            answer = _said(200, work())
        except Refused as refusal:
            answer = _error(refusal.status, refusal.message)
        if fault is Fault.SLOW:
            standin.closing.wait(standin.slow_seconds)
        if fault is not Fault.LOST:
            self._send(answer)

    def _deliver(self, path: str) -> None:
        standin = self.server.standin
        fault = standin.next_fault("deliver")
        self.close_connection = True
        if fault in _FAULTY:
            self._send(_FAULTY[fault])
        elif fault is not Fault.CLOSED:
            if fault is Fault.SLOW:
                standin.closing.wait(standin.slow_seconds)
            copy = standin.delivered(path)
            if copy is None:
                self._send(Answer(404, b"", "text/plain"), {"X-Cld-Error": "Resource not found"})
            else:
                self._send_file(copy, half=fault is Fault.LOST)

    def _send_file(self, copy: Copy, *, half: bool) -> None:
        size = len(copy.content)
        part = asked_range(self.headers.get("Range", ""), size)
        headers = {"Accept-Ranges": "bytes", "Cache-Control": "public, max-age=2592000"}
        if part is None:
            answer = Answer(200, copy.content, copy.content_type)
        elif not part:
            headers["Content-Range"] = f"bytes */{size}"
            answer = Answer(416, b"", copy.content_type)
        else:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
            answer = Answer(206, copy.content[part.start : part.stop], copy.content_type)
        self._send(answer, headers, half=half)

    def _send(
        self, answer: Answer, headers: dict[str, str] | None = None, *, half: bool = False
    ) -> None:
        """Send an answer and end the connection, so that none is left open after a test."""
        self.send_response(answer.status)
        fixed = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Connection": "close",
        }
        if self.path.startswith(API):
            fixed |= {
                "X-FeatureRateLimit-Limit": "500",
                "X-FeatureRateLimit-Remaining": "499",
                "X-FeatureRateLimit-Reset": formatdate(time.time() + 3600, usegmt=True),
            }
        for name, value in (fixed | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)


def _admin_call(path: str) -> tuple[str, str, str]:
    """Return action, kind and public id of ``resources/<kind>[/upload[/<public id>]]``."""
    action, kind, _, public_id = (*path.split("/", 3), "", "", "")[:4]
    return ("resource" if action == "resources" and public_id else action), kind, public_id

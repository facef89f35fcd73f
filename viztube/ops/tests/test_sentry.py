"""What Sentry is told, as a server that speaks its protocol receives it."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from viztube import __version__
from viztube.environment import Environment

KEY = "0123456789abcdef0123456789abcdef"
SECRETS = {
    "password": "violet-harbour-9-secret",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLXRva2Vu",
    "cookie": "cookie-crumb-0815",
    "email": "ann.secret@viztube.example",
    "folder": "0f" * 16,
    "body": "what-the-body-said",
    "address": "203.0.113.77",
}

# A process of its own: the SDK changes Django's and logging's classes for good.
PROGRAM = """
import json, logging, os, sys
import httpx
from viztube.wsgi import application
from viztube.media import views as media
from viztube.ops import views
secrets = json.loads(os.environ["SECRETS"])

def crash(*args, **kwargs):
    password = secrets["password"]
    raise RuntimeError(f"Bearer {secrets['token']} of {secrets['email']}; password={password}")

views.render = crash
media._answer = crash
headers = {
    "Authorization": f"Bearer {secrets['token']}",
    "Cookie": f"other={secrets['cookie']}",
    "X-Request-ID": "request-of-the-test",
    "X-Forwarded-For": "203.0.113.77",
}
client = httpx.Client(
    transport=httpx.WSGITransport(app=application), base_url="http://testserver", headers=headers
)
logging.getLogger("viztube").info("Signed in with %s", secrets["token"])
assert client.get(f"/?token={secrets['password']}").status_code == 500
path = f"/media/p/{secrets['folder']}/video.mp4?t={secrets['password']}"
assert client.get(path).status_code == 500
body = {"username": "ann", "password": secrets["password"], "note": secrets["body"]}
from users.services import sessions
sessions.check_credentials = crash
assert client.post("/api/v2/user/login", json=body).status_code == 500
logging.getLogger("viztube").error("It fails for %s", secrets["email"], extra={"note": secrets})
import sentry_sdk
sentry_sdk.flush(5)
"""


class Ingest(BaseHTTPRequestHandler):
    """Takes envelopes as Sentry does."""

    received: list[tuple[str, bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def dsn() -> Iterator[str]:
    Ingest.received.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ingest)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{KEY}@127.0.0.1:{server.server_port}/7"
    server.shutdown()
    thread.join()
    server.server_close()


def events() -> list[dict[str, Any]]:
    """Return the events of the envelopes: lines of JSON, of which each item has two."""
    found = []
    for _, body in Ingest.received:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        pairs = zip(lines[1::2], lines[2::2], strict=False)
        found += [payload for header, payload in pairs if header.get("type") == "event"]
    return found


def test_errors_are_reported_without_what_nobody_may_know(dsn: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, SECRETS["password"]],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DEBUG": "0",
            "PUBLIC_URL": "http://testserver",
            "SERVE_MEDIA": "1",
            "SENTRY_DSN": dsn,
            "DJANGO_SETTINGS_MODULE": "viztube.settings",
            "SECRETS": json.dumps(SECRETS),
            "SECRET_KEY": settings.SECRET_KEY,
            "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert {path for path, _ in Ingest.received} == {"/api/7/envelope/"}
    landing, media, login, logged = events()

    assert landing["release"] == __version__
    assert landing["tags"]["request_id"] == "request-of-the-test"
    assert landing["exception"]["values"][0]["type"] == "RuntimeError"
    assert login["exception"]["values"][-1]["type"] == "RuntimeError"
    assert landing["request"]["url"] == "http://testserver/"
    assert media["request"]["url"] == "http://testserver/media/p/[hidden]/video.mp4"
    assert logged["logentry"]["message"].startswith("It fails for")
    assert "vars" not in landing["exception"]["values"][0]["stacktrace"]["frames"][-1]
    assert not [event for event in events() if "extra" in event or "user" in event]
    sent = b"\n".join(body for _, body in Ingest.received).decode()
    for name, secret in SECRETS.items():
        assert secret not in sent, name
        assert secret not in ran.stderr or name == "body", name
    assert settings.SECRET_KEY not in sent


@pytest.mark.parametrize(
    "value",
    [
        f"https://{KEY}@o123.ingest.sentry.io/456",
        f"https://{KEY}@sentry.example:9000/7",
        f"http://{KEY}@127.0.0.1/prefix/7",
        "",
    ],
)
def test_a_dsn_is_taken_as_it_is(value: str) -> None:
    assert Environment({"SENTRY_DSN": f" {value}\n"}).sentry("SENTRY_DSN") == value


def test_a_dsn_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(f"https://{KEY}@sentry.example/7\n")
    env = Environment({"SENTRY_DSN_FILE": str(tmp_path / "dsn")})

    assert env.sentry("SENTRY_DSN") == f"https://{KEY}@sentry.example/7"


@pytest.mark.parametrize(
    "value",
    [
        "https://sentry.example/7",
        f"https://{KEY}@sentry.example",
        f"https://{KEY}@sentry.example/project",
        f"ftp://{KEY}@sentry.example/7",
        f"https://{KEY}@/7",
        "https://<key>@sentry.example/7",
        f"{KEY}@sentry.example/7",
        f"https://{KEY}@sentry.example/7?x=1",
    ],
)
def test_any_other_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        Environment({"SENTRY_DSN": value}).sentry("SENTRY_DSN")

    assert str(caught.value) == (
        "SENTRY_DSN must look like https://key@host/1: copy the DSN from the settings of the "
        "project in Sentry, or unset it to report to nobody."
    )

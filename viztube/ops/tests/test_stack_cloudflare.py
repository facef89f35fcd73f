"""Cloudflare's networks are renewed while nginx runs, and only by what makes sense."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from viztube.ops.tests.edge import running_edge
from viztube.ops.tests.stack import CLOUDFLARE, RANGES, Stack, needs_nginx

pytestmark = [pytest.mark.slow, needs_nginx]

ADDED = "127.0.0.3"
V4 = f"{CLOUDFLARE}/32\n{ADDED}/32\n198.51.100.0/24\n192.0.2.0/24\n203.0.113.0/24"
V6 = "2001:db8:1::/48\n2001:db8:2::/48\n2001:db8:3::/48"
PAGE = "<html><body>Just a moment...</body></html>"


class Lists(BaseHTTPRequestHandler):
    """Answers with the lists of the test."""

    answers: dict[str, str] = {}

    def do_GET(self) -> None:
        """Send the list at the address."""
        body = self.answers[self.path].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def lists() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Lists) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Return nginx alone; no application answers behind it."""
    with running_edge("127.0.0.1:1") as stack:
        yield stack


def status(stack: Stack) -> int:
    """Return what a caller from the added network gets; 404 is what the gate lets through."""
    # On a new connection: old ones stay with the configuration they began with.
    return stack.client(address=ADDED).get("/livez").status_code


def test_good_lists_are_used_at_once(stack: Stack, lists: str) -> None:
    Lists.answers = {"/ips-v4": V4, "/ips-v6": V6}
    assert status(stack) == 403

    done = stack.script(f"CLOUDFLARE_IPS={lists} ./refresh-cloudflare.sh")

    assert done.returncode == 0, done.stderr
    assert status(stack) == 404
    assert Path(stack.environ["RANGES"]).read_text() == f"{V4}\n{V6}\n"
    again = stack.script(f"CLOUDFLARE_IPS={lists} ./refresh-cloudflare.sh")
    assert "are the ones in use" in again.stdout


@pytest.mark.parametrize(
    ("v4", "sentence"),
    [
        (PAGE, "not a list of networks"),
        (f"{ADDED}/32", "too short"),
        (f"{V4}\n0.0.0.0/0", "not a list of networks"),
    ],
)
def test_nonsense_changes_nothing(stack: Stack, lists: str, v4: str, sentence: str) -> None:
    Lists.answers = {"/ips-v4": v4, "/ips-v6": V6}

    done = stack.script(f"CLOUDFLARE_IPS={lists} ./refresh-cloudflare.sh")

    assert (done.returncode, sentence in done.stderr) == (1, True)
    assert Path(stack.environ["RANGES"]).read_text() == RANGES
    assert status(stack) == 403


def test_an_unreachable_server_changes_nothing(stack: Stack) -> None:
    done = stack.script("CLOUDFLARE_IPS=http://127.0.0.1:1 ./refresh-cloudflare.sh")

    assert (done.returncode, "cannot be fetched" in done.stderr) == (1, True)
    assert Path(stack.environ["RANGES"]).read_text() == RANGES

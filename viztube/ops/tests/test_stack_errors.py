"""Errors of nginx are in the envelope of the API; those of the application pass as they are."""

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from viztube.ops.embedded.server import free_port
from viztube.ops.tests.edge import (
    KEY,
    VISITORS,
    Application,
    amended,
    check_envelope,
    check_headers,
    read_answer,
    running_edge,
    speak,
)
from viztube.ops.tests.stack import CLOUDFLARE, HOST, STRANGER, Stack, needs_nginx

pytestmark = [pytest.mark.slow, needs_nginx]

NAME = f"Host: {HOST}\r\n"
LONG = "x" * 9000


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ("GARBAGE\r\n\r\n", 400, "invalid"),
        ("GET / HTTP/1.1\r\n\r\n", 421, "invalid"),
        (f"GET / HTTP/1.1\r\n{NAME}{NAME}\r\n", 400, "invalid"),
        (f"GET /%zz HTTP/1.1\r\n{NAME}\r\n", 400, "invalid"),
        (f"GET / HTTP/1.1\r\n{NAME}X: {LONG}\r\n\r\n", 400, "invalid"),
        (f"GET /{LONG} HTTP/1.1\r\n{NAME}\r\n", 414, "invalid"),
        (f"GET / HTTP/3.0\r\n{NAME}\r\n", 505, "invalid"),
        (f"TRACE / HTTP/1.1\r\n{NAME}\r\n", 405, "method_not_allowed"),
        (f"POST / HTTP/1.1\r\n{NAME}Transfer-Encoding: gzip\r\n\r\n", 501, "invalid"),
        ("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", 421, "invalid"),
    ],
)
def test_what_nginx_cannot_take_is_refused_in_the_envelope(
    edge: Stack, data: str, status: int, code: str
) -> None:
    answer = speak(edge, data.encode())

    check_envelope(answer, status, code)
    check_headers(answer)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("data", ["GARBAGE\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"])
def test_strangers_are_refused_in_the_envelope_whatever_they_send(
    edge: Stack, data: str, scheme: str
) -> None:
    answer = speak(edge, data.encode(), scheme=scheme, address=STRANGER)

    assert answer is not None
    check_envelope(answer, answer.status_code, answer.json()["code"])


def test_plain_http_on_the_port_of_tls_is_refused_in_the_envelope(edge: Stack) -> None:
    port = int(edge.environ["HTTPS_PORT"])
    with socket.create_connection(("127.0.0.1", port), 20, (CLOUDFLARE, 0)) as plain:
        plain.sendall(f"GET / HTTP/1.1\r\n{NAME}\r\n".encode())
        answer = read_answer(plain)

    check_envelope(answer, 400, "invalid")


@pytest.mark.parametrize(
    "address",
    ["/.error", "/livez", "/livez/", "/readyz", "/metrics", "/metrics/", "/media/", "/media/x"],
)
def test_what_is_not_for_anyone_is_not_there(edge: Stack, address: str) -> None:
    answer = edge.client(next(VISITORS)).get(address)

    check_envelope(answer, 404, "not_found")
    check_headers(answer)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 429, 500, 502, 503, 504])
def test_errors_of_the_application_pass_as_they_are(
    edge: Stack, application: Application, status: int
) -> None:
    own = {"Retry-After": "17", "Content-Type": "application/json", "Cache-Control": "private"}
    application.answer = lambda asked: (status, own, b'{"mine": true}')

    answer = edge.client(next(VISITORS)).get("/api/v2/videos")

    assert (answer.status_code, answer.content) == (status, b'{"mine": true}')
    assert {name: answer.headers[name] for name in own} == own
    check_headers(answer)


def test_what_the_application_says_of_headers_counts(edge: Stack, application: Application) -> None:
    own = {
        "Strict-Transport-Security": "max-age=1",
        "X-Content-Type-Options": "own",
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "unsafe-none",
        "X-Request-ID": "its-own-request-id",
    }
    application.answer = lambda asked: (200, own, b"")

    answer = edge.client(next(VISITORS)).get("/api/v2/videos")

    assert {name: answer.headers.get_list(name) for name in own} == {
        name: [value] for name, value in own.items()
    }


def test_an_application_that_does_not_answer_is_a_504(
    edge: Stack, application: Application
) -> None:
    is_over = threading.Event()

    def too_late(_: object) -> None:
        is_over.wait(20)

    application.answer = too_late
    client = edge.client(next(VISITORS))

    with amended(edge, "proxy.conf", "proxy_read_timeout 110s", "proxy_read_timeout 1s"):
        answer = client.get("/api/v2/videos")

    is_over.set()
    check_envelope(answer, 504, "unavailable")
    check_headers(answer)
    assert answer.headers["Retry-After"] == "5"


@pytest.fixture
def alone() -> Iterator[Stack]:
    """Return nginx with no application behind it."""
    with running_edge(f"127.0.0.1:{free_port()}") as stack:
        yield stack


@pytest.mark.parametrize("address", ["/api/v2/videos", f"/media/p/{KEY}/none.mp4"])
def test_an_application_that_is_not_there_is_a_502(alone: Stack, address: str) -> None:
    answer = alone.client(next(VISITORS)).get(address)

    check_envelope(answer, 502, "unavailable")
    check_headers(answer)
    assert answer.headers["Retry-After"] == "5"


def test_a_client_that_stops_sending_is_let_go(edge: Stack, application: Application) -> None:
    head = f"POST /api/v2/user/login HTTP/1.1\r\n{NAME}Content-Length: 5\r\n"

    with amended(edge, "limits.conf", "client_body_timeout 30s", "client_body_timeout 1s"):
        answer = speak(edge, f"{head}X-Request-ID: stops-sending\r\n\r\nx".encode())

    assert answer is None

    assert edge.proxied("stops-sending")["status"] == 408
    assert "stops-sending" not in application.ids()


def test_a_body_that_cannot_be_kept_is_a_500_and_no_log_has_the_query(alone: Stack) -> None:
    # To nginx as bad as a full disk.
    shutil.rmtree(Path(alone.environ["SPOOL"]) / "body")

    answer = alone.client(next(VISITORS)).post("/api/v2/videos?q=private", content=bytes(99_999))

    check_envelope(answer, 500, "server_error")
    check_headers(answer)
    assert alone.proxied(answer.headers["X-Request-ID"])["status"] == 500
    assert "q=private" not in alone.logs()

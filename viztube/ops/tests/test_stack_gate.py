"""Only Cloudflare comes in, by https and for our name, and the application hears the truth."""

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from viztube.ops.tests.edge import (
    ALWAYS,
    KEY,
    VISITORS,
    Answer,
    Application,
    amended,
    check_envelope,
    check_headers,
    connection,
    put,
    read_answer,
    running_application,
    speak,
)
from viztube.ops.tests.stack import CLOUDFLARE, HOST, STRANGER, Stack, needs_nginx
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, needs_nginx]

CHALLENGE = "/.well-known/acme-challenge/token"
# What a client might say to be taken for another.
FORGED = {
    "X-Forwarded-For": "198.51.100.9",
    "X_Forwarded_For": "198.51.100.9",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.test",
    "Forwarded": "for=198.51.100.9;host=evil.test",
}


@pytest.fixture
def challenge(edge: Stack) -> Iterator[Path]:
    """Return the answer to a challenge, as certbot puts it there."""
    file = Path(edge.environ["ACME"]) / CHALLENGE[1:]
    file.parent.mkdir(parents=True)
    file.write_text("proof")
    yield file
    shutil.rmtree(file.parents[1])


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("address", ["/", "/api/v2/videos", f"/media/p/{KEY}/video.mp4", CHALLENGE])
def test_strangers_get_nothing_whoever_they_say_they_are(
    edge: Stack, application: Application, challenge: Path, scheme: str, address: str
) -> None:
    put(edge, f"p/{KEY}/video.mp4")
    stranger = edge.client(CLOUDFLARE, scheme=scheme, address=STRANGER)

    answer = stranger.get(address)

    check_envelope(answer, 403, "permission_denied")
    if scheme == "https":
        check_headers(answer)
    assert answer.headers["X-Request-ID"] not in application.ids()


@pytest.mark.parametrize("name", ["other.test", None])
def test_another_name_gets_no_handshake(edge: Stack, name: str | None) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    port = int(edge.environ["HTTPS_PORT"])
    with (
        socket.create_connection(("127.0.0.1", port), 20, (CLOUDFLARE, 0)) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"),
    ):
        context.wrap_socket(plain, server_hostname=name)


def test_another_name_on_a_connection_of_ours_is_misdirected(
    edge: Stack, application: Application
) -> None:
    answer = edge.client(next(VISITORS)).get("/", headers={"Host": "other.test"})

    check_envelope(answer, 421, "invalid")
    check_headers(answer)
    assert answer.headers["X-Request-ID"] not in application.ids()


@pytest.mark.parametrize("host", [HOST, "other.test"])
def test_plain_http_leads_to_https_at_our_name(edge: Stack, host: str) -> None:
    answer = edge.client(scheme="http").get("/api/v2/videos?page=2", headers={"Host": host})

    assert (answer.status_code, answer.headers["Location"]) == (
        301,
        f"https://{HOST}/api/v2/videos?page=2",
    )
    # Browsers must ignore it there (RFC 6797, section 7.2).
    assert "Strict-Transport-Security" not in answer.headers
    others = {name: value for name, value in ALWAYS.items() if name[0] != "S"}
    assert {name: answer.headers.get(name) for name in others} == others
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_challenges_are_answered(
    edge: Stack, application: Application, challenge: Path, scheme: str
) -> None:
    client = edge.client(scheme=scheme)

    answer = client.get(CHALLENGE)

    assert (answer.status_code, answer.text) == (200, "proof")
    if scheme == "https":
        check_headers(answer)
    for name in ("none", "", "../acme-challenge/"):
        other = client.get(f"{CHALLENGE[:-5]}{name}")
        check_envelope(other, 404, "not_found")
        assert other.headers["X-Request-ID"] not in application.ids()


def test_the_application_hears_of_the_visitor_and_nothing_forged(
    edge: Stack, application: Application
) -> None:
    edge.client("203.0.113.7").get("/api/v2/videos", headers=FORGED)

    heard = application.asked[-1].headers
    assert heard.get_all("X-Forwarded-For") == ["203.0.113.7"]
    assert heard.get_all("X-Forwarded-Proto") == ["https"]
    assert heard.get_all("Host") == [HOST]
    assert "198.51.100.9" not in str(heard)
    assert "evil.test" not in str(heard)


def test_a_visitor_that_cloudflare_does_not_name_has_its_address(
    edge: Stack, application: Application
) -> None:
    speak(edge, f"GET /mine HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())

    heard = next(asked for asked in application.asked if asked.target == "/mine")
    assert heard.headers.get_all("X-Forwarded-For") == [CLOUDFLARE]


def test_only_machines_inside_can_ask_past_the_gate(edge: Stack, application: Application) -> None:
    inside = f"http://127.0.0.1:{edge.environ['HEALTH_PORT']}"

    assert httpx.get(f"{inside}/livez").text == "ok\n"
    answer = httpx.get(f"{inside}/api/v2/videos", headers=FORGED)

    assert answer.text == "application"
    heard = application.asked[-1].headers
    assert heard.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert heard.get_all("X-Forwarded-Proto") == ["https"]
    assert heard.get_all("Host") == [HOST]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((CLOUDFLARE, int(edge.environ["HEALTH_PORT"])))


def test_addresses_arrive_as_they_were_written(edge: Stack, application: Application) -> None:
    target = "/api/v2/c/%C3%A9%2Fx//y?q=a%20b&q=%26"

    edge.client(next(VISITORS)).get("/", extensions={"target": target.encode()})

    assert application.asked[-1].target == target


@pytest.mark.parametrize("given", ['in"sane id', "short", "x" * 65, "one-of-two, two-of-two"])
def test_an_insane_request_id_is_replaced(
    edge: Stack, application: Application, given: str
) -> None:
    answer = edge.client(next(VISITORS)).get("/", headers={"X-Request-ID": given})

    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert application.asked[-1].headers.get_all("X-Request-ID") == [answer.headers["X-Request-ID"]]


def test_each_request_has_a_connection_of_its_own_to_the_application(
    edge: Stack, application: Application
) -> None:
    client = edge.client(next(VISITORS))

    for _ in range(4):
        client.get("/once")
    for _ in range(4):
        httpx.get(f"http://127.0.0.1:{edge.environ['HEALTH_PORT']}/once")

    asked = [asked for asked in application.asked if asked.target == "/once"]
    assert len({one.connection for one in asked}) == 8
    assert {one.headers["Connection"] for one in asked} == {"close"}


UNAVAILABLE: Answer = (503, {}, b"")


@pytest.mark.parametrize(
    ("method", "answer", "times"),
    [("GET", None, 2), ("POST", None, 1), ("PATCH", None, 1), ("GET", UNAVAILABLE, 1)],
)
def test_what_may_have_been_done_is_not_asked_twice(
    edge: Stack, application: Application, method: str, answer: Answer, times: int
) -> None:
    """nginx asks one server only once; but the name leads to two during a release."""
    address = f"/{method}-{answer}".replace(" ", "")
    with running_application() as other:
        application.answer = other.answer = lambda _: answer
        both = f"max_fails=0; server {other.address} max_fails=0;"
        with amended(edge, "upstream.conf", "max_fails=0;", both):
            last = edge.client(next(VISITORS)).request(method, address)

    assert last.status_code == (answer[0] if answer else 502)
    asked = [unquote(one.target) for one in application.asked + other.asked]
    assert asked.count(address) == times


def test_a_slow_reader_does_not_keep_the_application(edge: Stack, application: Application) -> None:
    long = bytes(40_000_000)
    application.answer = lambda _: (200, {"X-Long": "x" * 12_000}, long)
    with connection(edge) as connected:
        connected.sendall(f"GET /long HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())

        assert eventually(lambda: application.answered.count("/long") == 1)

        answer = read_answer(connected)
    assert answer is not None
    assert (answer.status_code, answer.content) == (200, long)


def curl(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    """Ask for the list of videos with curl; it prints the answer and the version of HTTP."""
    return subprocess.run(
        [
            *("curl", "-sS", "--interface", CLOUDFLARE, "--cacert", str(stack.authority)),
            *("--connect-to", f"{HOST}:443:127.0.0.1:{stack.environ['HTTPS_PORT']}"),
            *("-H", "CF-Connecting-IP: 203.0.113.8", "-w", " %{http_version}", *options),
            f"https://{HOST}/api/v2/videos",
        ],
        check=False,
        capture_output=True,
        text=True,
    )


def test_http_2_is_spoken(edge: Stack, application: Application) -> None:
    done = curl(edge, "--http2")

    assert done.stdout == "application 2"
    heard = application.asked[-1].headers
    assert heard.get_all("Host") == [HOST]
    assert heard.get_all("X-Forwarded-For") == ["203.0.113.8"]


@pytest.mark.parametrize(
    ("options", "is_good"),
    [
        ("--tlsv1.3", True),
        ("--tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256", True),
        ("--tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-SHA256", False),
        ("--tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0", False),
    ],
)
def test_only_good_tls_is_spoken(edge: Stack, options: str, is_good: bool) -> None:
    done = curl(edge, *options.split())

    assert (done.returncode == 0) == is_good, done.stderr


def test_no_ticket_stands_for_a_session(edge: Stack) -> None:
    """nginx would seal all of them with one key, for as long as it runs."""
    with connection(edge, newest=ssl.TLSVersion.TLSv1_2) as connected:
        assert isinstance(connected, ssl.SSLSocket)
        assert connected.session is not None
        assert not connected.session.has_ticket

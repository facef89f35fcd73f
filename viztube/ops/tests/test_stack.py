"""The shape of production answers as it must: nginx and gunicorn as they ship."""

import re
import socket
import ssl
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from viztube.media.tests.fixtures import CLIP
from viztube.media.views import MEDIA_HEADERS
from viztube.ops.embedded import process
from viztube.ops.tests.clips import padded_clip
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.stack import HOST, NGINX, STRANGER, Stack, running_stack
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

VISITORS = (f"203.0.113.{number}" for number in count(10))
KEY = "0123456789abcdef" * 2
BYTES = bytes(range(256)) * 16
UPLOAD_BYTES = 100_000_000

ALWAYS = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

# For each location of locations.conf, addresses it serves.
LOCATIONS = {
    "/": ["/", "/api/v2/videos", "/api/v2/none", "/static/none", "/admin/", "/api/v2/healthcheck"],
    "~ ^/(livez|readyz|metrics)/?$": ["/livez", "/readyz/", "/metrics"],
    "~ ^/api/v2/videos/?$": ["/api/v2/videos", "/api/v2/videos/"],
    "~ ^/api/v2/videos/[^/]+/?$": ["/api/v2/videos/1"],
    "~ ^/api/v2/user/(update-avatar|update-cover-image)/?$": ["/api/v2/user/update-avatar"],
    "~ ^/api/v2/user/register/?$": ["/api/v2/user/register"],
    "~ ^(/api/v2/user/(login|change-password)|/admin/login)/?$": [
        "/api/v2/user/login",
        "/admin/login/",
    ],
    '~ "^/media/(?<file>p/[0-9a-f]{32}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}){1,3})$"': [
        f"/media/p/{KEY}/video.mp4"
    ],
    '~ "^/media/(?<file>h/[0-9a-f]{32}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}){1,3})$"': [
        f"/media/h/{KEY}/video.mp4"
    ],
    "/media/": ["/media/incoming/x"],
    "@elsewhere": [f"/media/p/{KEY}/none.mp4", f"/media/h/{KEY}/none.mp4"],
}
ADDRESSES = sorted({address for addresses in LOCATIONS.values() for address in addresses})


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_data_dir() as folder, running_stack(folder) as running:
        for area in ("p", "h"):
            put(running, f"{area}/{KEY}/video.mp4")
        put(running, "incoming/x")
        put(running, f"p/{KEY}/.hidden")
        (running.media / f"p/{KEY}/link.mp4").symlink_to(running.media / "incoming/x")
        yield running


@pytest.fixture
def client(stack: Stack) -> httpx.Client:
    return stack.client(next(VISITORS))


def put(stack: Stack, name: str) -> Path:
    path = stack.media / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(BYTES)
    return path


def check_envelope(answer: httpx.Response, status: int, code: str) -> None:
    """Check that an answer is an error as the API has them."""
    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["code"]) == (status, status, code)
    assert body["success"] is False
    assert body["requestId"] == answer.headers["X-Request-ID"]


def test_every_location_is_in_the_table_of_this_test() -> None:
    text = (NGINX / "locations.conf").read_text()
    assert set(re.findall(r"^location (.+) \{$", text, re.MULTILINE)) == set(LOCATIONS)


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_location_has_the_headers_once(client: httpx.Client, address: str) -> None:
    answer = client.get(address)

    for name, value in ALWAYS.items():
        assert answer.headers.get_list(name) == [value], name
    assert len(answer.headers.get_list("X-Request-ID")) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("address", ["/", "/api/v2/videos", f"/media/p/{KEY}/video.mp4"])
def test_strangers_get_nothing_whoever_they_say_they_are(
    stack: Stack, scheme: str, address: str
) -> None:
    stranger = stack.client("127.0.0.2", scheme=scheme, address=STRANGER)

    check_envelope(stranger.get(address), 403, "permission_denied")


def test_another_name_gets_no_handshake(client: httpx.Client) -> None:
    with pytest.raises(httpx.ConnectError, match=r"(?i)unrecognized.name"):
        client.get("https://other.test/")


def test_another_name_on_a_connection_of_ours_is_misdirected(client: httpx.Client) -> None:
    answer = client.get("/", headers={"Host": "other.test"})

    assert answer.status_code == 421


def test_the_application_sees_the_visitor_and_no_forged_address(stack: Stack) -> None:
    person = stack.sign_up("ada", "203.0.113.7")

    answer = person.get("/api/v2/videos", headers={"X-Forwarded-For": "198.51.100.9"})

    assert stack.proxied(answer.headers["X-Request-ID"])["client"] == "203.0.113.7"
    sessions = person.get("/api/v2/user/sessions").text
    assert "203.0.113.7" in sessions
    assert "127.0.0." not in sessions


def test_guesses_are_limited_for_each_visitor_and_reading_is_not(stack: Stack) -> None:
    guesser, other = stack.client(next(VISITORS)), stack.client(next(VISITORS))
    guess = {"username": "nobody", "password": "wrong-harbour-1"}

    answers = [guesser.post("/admin/login/", data=guess) for _ in range(24)]

    refused = [answer for answer in answers if answer.headers.get("Retry-After") == "3"]
    assert refused
    assert answers[0] not in refused
    check_envelope(refused[0], 429, "throttled")
    assert other.post("/admin/login/", data=guess).status_code != 429
    assert {guesser.get("/admin/login/").status_code for _ in range(5)} == {200}


def test_a_large_upload_arrives_and_plays_and_leaves_nothing(stack: Stack, tmp_path: Path) -> None:
    person = stack.sign_up("ben", next(VISITORS))
    clip = padded_clip(tmp_path / "clip.mp4", UPLOAD_BYTES)

    with clip.open("rb") as file:
        answer = person.post("/api/v2/videos", data={"title": "x"}, files={"videoFile": file})

    assert answer.status_code == 201, answer.text
    name = answer.json()["data"]["video"]["videoFilePublicId"]
    ends = person.get(f"/media/{name}", headers={"Range": "bytes=-64"})
    assert (ends.status_code, ends.content) == (206, clip.read_bytes()[-64:])
    assert person.get(f"/media/{name}").content == clip.read_bytes()
    spool = Path(stack.environ["SPOOL"])
    assert eventually(lambda: not [path for path in spool.rglob("*") if path.is_file()])


def test_a_body_that_is_too_large_is_refused(client: httpx.Client) -> None:
    answer = client.post("/api/v2/user/login", content=b"x" * 1_000_001)

    check_envelope(answer, 413, "too_large")


def test_an_upload_of_unknown_length_arrives(stack: Stack) -> None:
    person = stack.sign_up("cyd", next(VISITORS))
    form = httpx.Request("POST", f"https://{HOST}", files={"videoFile": CLIP.read_bytes()})
    body = form.read()
    headers = {"Content-Type": form.headers["Content-Type"]}
    title = b'\r\nContent-Disposition: form-data; name="title"\r\n\r\nx\r\n'
    parts = [body.split(b"\r\n", 1)[0] + title, body]

    answer = person.post("/api/v2/videos", content=iter(parts), headers=headers)

    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.status_code == 201, answer.text


def test_json_is_compressed(client: httpx.Client) -> None:
    answer = client.get("/api/v2/schema")

    assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "gzip")


def test_http_2_is_spoken(stack: Stack) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    address = ("127.0.0.1", int(stack.environ["HTTPS_PORT"]))

    with (
        socket.create_connection(address) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"


def test_published_media_is_served_in_ranges_and_may_be_kept(client: httpx.Client) -> None:
    address = f"/media/p/{KEY}/video.mp4"

    whole = client.get(address)

    assert (whole.status_code, whole.content) == (200, BYTES)
    assert whole.headers["Cache-Control"] == "public, max-age=3600"
    assert {name: whole.headers[name] for name in MEDIA_HEADERS} == MEDIA_HEADERS
    assert "Content-Encoding" not in whole.headers
    part = client.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, BYTES[10:20])
    assert client.get(address, headers={"Range": "bytes=9999-"}).status_code == 416
    same = client.get(address, headers={"If-None-Match": whole.headers["ETag"]})
    assert same.status_code == 304
    head = client.head(address)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(BYTES)))


def test_hidden_media_is_served_and_not_kept(client: httpx.Client) -> None:
    answer = client.get(f"/media/h/{KEY}/video.mp4")

    assert (answer.status_code, answer.content) == (200, BYTES)
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_media_that_was_renamed_is_gone_at_once(stack: Stack, client: httpx.Client) -> None:
    path = put(stack, f"p/{'e' * 32}/video.mp4")
    assert client.get(f"/media/p/{'e' * 32}/video.mp4").status_code == 200

    path.parent.rename(stack.media / "h" / ("e" * 32))

    gone = client.get(f"/media/p/{'e' * 32}/video.mp4")
    assert (gone.status_code, gone.headers["Cache-Control"]) == (404, "no-store")


@pytest.mark.parametrize(
    "address",
    [
        "/media/incoming/x",
        f"/media/p/{KEY}/../../incoming/x",
        f"/media/p/{KEY}/%2e%2e/%2e%2e/incoming/x",
        f"/media/p/{KEY}/..%2f..%2fincoming%2fx",
        f"/media//p/{KEY}/../../incoming/x",
        f"/media/p/{KEY}/video.mp4%00",
        f"/media/p/{KEY}/.hidden",
        f"/media/p/{KEY}/link.mp4",
        f"/media/p/{KEY}/",
    ],
)
def test_nothing_but_media_is_served(client: httpx.Client, address: str) -> None:
    # As it stands: httpx would resolve the dots itself.
    request = client.build_request("GET", "/", extensions={"target": address.encode()})

    answer = client.send(request)

    assert answer.status_code in {400, 404}
    assert BYTES[:64] not in answer.content


def test_plain_http_leads_to_https_and_answers_challenges(stack: Stack) -> None:
    plain = stack.client(scheme="http")
    challenge = Path(stack.environ["ACME"]) / ".well-known" / "acme-challenge" / "token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("proof")

    moved = plain.get("/api/v2/videos?page=2")

    assert (moved.status_code, moved.headers["Location"]) == (
        301,
        f"https://{HOST}/api/v2/videos?page=2",
    )
    assert "Strict-Transport-Security" not in moved.headers
    assert plain.get("/.well-known/acme-challenge/token").text == "proof"


def test_a_sane_request_id_is_the_same_everywhere(stack: Stack, client: httpx.Client) -> None:
    answer = client.get("/api/v2/videos", headers={"X-Request-ID": "sane-request-1"})

    assert answer.headers["X-Request-ID"] == "sane-request-1"
    assert stack.proxied("sane-request-1")["path"] == "/api/v2/videos"
    assert stack.handled("sane-request-1")["request_id"] == "sane-request-1"


def test_an_insane_request_id_is_replaced(client: httpx.Client) -> None:
    answer = client.get("/api/v2/videos", headers={"X-Request-ID": 'in"sane id'})

    assert re.fullmatch("[A-Za-z0-9._-]{8,64}", answer.headers["X-Request-ID"])


def test_logs_have_no_query_token_or_key_of_media(stack: Stack, client: httpx.Client) -> None:
    client.get("/api/v2/videos?query=very-private", headers={"Authorization": "Bearer s3cr3t-t0k"})
    client.get(f"/media/h/{KEY}/video.mp4")
    answer = client.get(f"/media/h/{KEY}/none.mp4", headers={"Cookie": "sessionid=c00kie-s3cr3t"})

    stack.proxied(answer.headers["X-Request-ID"])
    for secret in ("very-private", "s3cr3t-t0k", KEY, "c00kie-s3cr3t"):
        assert secret not in stack.logs()


def test_media_plays_and_errors_are_ours_while_the_application_is_down(stack: Stack) -> None:
    client, machine = stack.client(next(VISITORS)), stack.machine
    assert machine.web is not None
    process.kill(machine.web)
    try:
        assert client.get(f"/media/p/{KEY}/video.mp4").content == BYTES
        answer = client.get("/api/v2/videos")
        check_envelope(answer, 502, "unavailable")
        assert answer.headers["Retry-After"] == "5"
        for name, value in ALWAYS.items():
            assert answer.headers.get_list(name) == [value], name
    finally:
        machine.start_web()
        assert eventually(machine.answers, 60)

"""The shape of production answers as it must: nginx and gunicorn as they ship."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from viztube.media.tests.fixtures import CLIP
from viztube.ops.embedded import process
from viztube.ops.tests.clips import padded_clip
from viztube.ops.tests.edge import BYTES, KEY, VISITORS, check_envelope, check_headers, put
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.stack import HOST, NGINX, Stack, needs_nginx, running_stack
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, needs_nginx]

UPLOAD_BYTES = 100_000_000

# For each location of locations.conf, addresses it serves.
LOCATIONS = {
    "/": [
        *("/", "/watch/none", "/api/v2/videos", "/api/v2/none", "/static/none", "/admin/"),
        "/api/v2/healthcheck",
    ],
    "~ ^/(livez|readyz|metrics)/?$": ["/livez", "/readyz/", "/metrics"],
    "~ ^/api/v2/videos/?$": ["/api/v2/videos", "/api/v2/videos/"],
    "~ ^/api/v2/videos/[^/]+/?$": ["/api/v2/videos/1"],
    "~ ^/api/v2/user/(update-avatar|update-cover-image)/?$": ["/api/v2/user/update-avatar"],
    "~ ^/api/v2/user/register/?$": ["/api/v2/user/register"],
    "~ ^(/api/v2/user/(login|change-password)|/admin/login)/?$": [
        "/api/v2/user/login",
        "/admin/login/",
    ],
    r'~ "^/media/(?<file>p/[0-9a-f]{32}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}){1,3})\z"': [
        f"/media/p/{KEY}/video.mp4"
    ],
    r'~ "^/media/(?<file>h/[0-9a-f]{32}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}){1,3})\z"': [
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
        yield running


@pytest.fixture
def client(stack: Stack) -> httpx.Client:
    return stack.client(next(VISITORS))


def test_every_location_is_in_the_table_of_this_test() -> None:
    text = (NGINX / "locations.conf").read_text()
    assert set(re.findall(r"^location (.+) \{$", text, re.MULTILINE)) == set(LOCATIONS)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_location_has_the_headers_once(
    client: httpx.Client, method: str, address: str
) -> None:
    check_headers(client.request(method, address))


def test_static_files_are_served_and_the_ones_with_a_digest_may_be_kept(
    client: httpx.Client,
) -> None:
    page = client.get("/admin/login/")
    digested = set(re.findall(r"/static/[^\"' ]+\.[0-9a-f]{12}\.css", page.text))
    assert digested

    for address in digested:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "max-age=315360000, public, immutable"
        check_headers(answer)
        same = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
        assert same.status_code == 304
        check_headers(same)
    plain = client.get(re.sub(r"\.[0-9a-f]{12}\.css", ".css", digested.pop()))
    assert (plain.status_code, plain.headers["Cache-Control"]) == (200, "max-age=60, public")


def test_the_application_sees_the_visitor_and_no_forged_address(stack: Stack) -> None:
    person = stack.sign_up("ada", "203.0.113.7")

    answer = person.get("/api/v2/videos", headers={"X-Forwarded-For": "198.51.100.9"})

    assert stack.proxied(answer.headers["X-Request-ID"])["client"] == "203.0.113.7"
    sessions = person.get("/api/v2/user/sessions").text
    assert "203.0.113.7" in sessions
    assert "127.0.0." not in sessions


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


def test_a_sane_request_id_is_the_same_everywhere(stack: Stack, client: httpx.Client) -> None:
    answer = client.get("/api/v2/videos", headers={"X-Request-ID": "sane-request-1"})

    assert answer.headers["X-Request-ID"] == "sane-request-1"
    assert stack.proxied("sane-request-1")["path"] == "/api/v2/videos"
    assert stack.handled("sane-request-1")["request_id"] == "sane-request-1"


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
        check_headers(answer)
    finally:
        machine.start_web()
        assert eventually(machine.answers, 60)

"""nginx serves media by itself, only media, and keeps their addresses to itself."""

import httpx
import pytest

from viztube.media.views import MEDIA_HEADERS
from viztube.ops.tests.edge import (
    BYTES,
    KEY,
    VISITORS,
    Application,
    amended,
    check_envelope,
    check_headers,
    connection,
    put,
)
from viztube.ops.tests.stack import HOST, Stack, needs_nginx

pytestmark = [pytest.mark.slow, needs_nginx]

VIDEO = f"/media/p/{KEY}/video.mp4"
HIDDEN = f"/media/h/{KEY}/video.mp4"
PLAYLIST = b"#EXTM3U\n" + b"#EXTINF:6.0,\nsegment.m4s\n" * 60
# What nginx says by itself of every file.
OF_MEDIA = MEDIA_HEADERS | {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Range, Accept-Ranges",
}
TYPES = {
    "video.mp4": "video/mp4",
    "hls/segment.m4s": "video/mp4",
    "video.mov": "video/quicktime",
    "video.webm": "video/webm",
    "video.mkv": "video/x-matroska",
    "poster.jpg": "image/jpeg",
    "poster.png": "image/png",
    "poster.webp": "image/webp",
    "hls/master.m3u8": "application/vnd.apple.mpegurl",
    "storyboard.vtt": "text/vtt",
    # Whatever strangers call their files, none is a page or a script.
    "page.html": "application/octet-stream",
    "picture.svg": "application/octet-stream",
    "script.js": "application/octet-stream",
    "none": "application/octet-stream",
}


@pytest.fixture(autouse=True)
def files(edge: Stack) -> None:
    """Have a file of each area, and some that are not for anyone."""
    for name in (f"p/{KEY}/video.mp4", f"h/{KEY}/video.mp4"):
        put(edge, name)


@pytest.fixture
def client(edge: Stack) -> httpx.Client:
    return edge.client(next(VISITORS))


@pytest.mark.parametrize(
    ("address", "caching"), [(VIDEO, "public, max-age=3600"), (HIDDEN, "private, no-store")]
)
def test_media_is_served_with_its_headers(
    edge: Stack, application: Application, client: httpx.Client, address: str, caching: str
) -> None:
    whole = client.get(address)
    part = client.get(address, headers={"Range": "bytes=10-19"})
    same = client.get(address, headers={"If-None-Match": whole.headers["ETag"]})
    head = client.head(address)

    assert (whole.status_code, whole.content) == (200, BYTES)
    assert (part.status_code, part.content) == (206, BYTES[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(BYTES)}"
    assert (same.status_code, same.content) == (304, b"")
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(BYTES)))
    for answer in (whole, part, same, head):
        check_headers(answer)
        assert answer.headers["Cache-Control"] == caching
        assert {name: answer.headers.get(name) for name in OF_MEDIA} == OF_MEDIA
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["X-Request-ID"] not in application.ids()


def test_a_range_that_is_not_there_is_a_416(client: httpx.Client) -> None:
    answer = client.get(VIDEO, headers={"Range": "bytes=9999-"})

    # What was said of the file is there too.
    assert answer.headers.get_list("Cache-Control")[-1] == "no-store"
    del answer.headers["Cache-Control"]
    answer.headers["Cache-Control"] = "no-store"
    check_envelope(answer, 416, "invalid")
    check_headers(answer)
    assert answer.headers["Content-Range"] == f"bytes */{len(BYTES)}"


def test_many_ranges_are_not_put_together(client: httpx.Client) -> None:
    few, many = (",".join(f"{n}-{n}" for n in range(0, 3 * n, 3)) for n in (10, 11))

    assert client.get(VIDEO, headers={"Range": f"bytes={few}"}).status_code == 206
    assert client.get(VIDEO, headers={"Range": f"bytes={many}"}).status_code == 200


@pytest.mark.parametrize(("name", "kind"), TYPES.items())
def test_files_have_the_type_of_their_name(
    edge: Stack, client: httpx.Client, name: str, kind: str
) -> None:
    put(edge, f"p/{KEY}/{name}")

    answer = client.get(f"/media/p/{KEY}/{name}")

    assert (answer.status_code, answer.content) == (200, BYTES)
    assert answer.headers["Content-Type"] == kind
    assert {name: answer.headers.get(name) for name in OF_MEDIA} == OF_MEDIA


def test_playlists_are_compressed(edge: Stack, client: httpx.Client) -> None:
    put(edge, f"p/{KEY}/hls/long.m3u8", PLAYLIST)

    # Whoever is on the way.
    answer = client.get(f"/media/p/{KEY}/hls/long.m3u8", headers={"Via": "1.1 edge"})

    assert answer.content == PLAYLIST
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_media_can_only_be_read(client: httpx.Client, method: str) -> None:
    check_envelope(client.request(method, VIDEO), 405, "method_not_allowed")


def test_media_that_was_renamed_is_gone_at_once(
    edge: Stack, application: Application, client: httpx.Client
) -> None:
    application.answer = lambda _: (404, {"Content-Length": "0"}, b"")
    path = put(edge, f"p/{'e' * 32}/video.mp4")
    assert client.get(f"/media/p/{'e' * 32}/video.mp4").status_code == 200

    path.parent.rename(edge.media / "h" / ("e" * 32))

    gone = client.get(f"/media/p/{'e' * 32}/video.mp4")
    assert (gone.status_code, gone.headers["Cache-Control"]) == (404, "no-store")


@pytest.mark.parametrize("area", ["p", "h"])
@pytest.mark.parametrize(
    "own",
    [{}, {"Cache-Control": "max-age=7", "Access-Control-Allow-Origin": "https://app.test"}],
)
def test_what_is_not_on_the_disk_is_asked_of_the_application(
    application: Application, client: httpx.Client, area: str, own: dict[str, str]
) -> None:
    """It knows what has moved on to Cloudinary, and any page may follow there."""
    application.answer = lambda _: (302, {"Location": "https://cloud.test/x", **own}, b"")

    answer = client.get(f"/media/{area}/{KEY}/none.mp4")

    assert (answer.status_code, answer.headers["Location"]) == (302, "https://cloud.test/x")
    expected = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"} | own
    assert {name: answer.headers.get(name) for name in expected} == expected
    check_headers(answer)
    assert application.asked[-1].target == f"/media/{area}/{KEY}/none.mp4"


# Files that are there, below the media folder and beside it, each with an address that names it.
THERE = [
    "incoming/x",
    f"incoming/{KEY}/x",
    f"trash/{KEY}-0a1b2c3d/video.mp4",
    f"trash/{KEY}/video.mp4",
    "slots/video-0",
    f"p/{KEY}",
    "p/x",
    "p/short/video.mp4",
    f"p/{KEY.upper()}/video.mp4",
    f"p/{KEY}0/video.mp4",
    f"p/{KEY}/.hidden",
    f"p/{KEY}/.git/config",
    f"p/{KEY}/-/.hidden",
    f"p/{KEY}/a/b/c/too-deep",
    f"p/{KEY}/{'x' * 82}",
    f"x/{KEY}/video.mp4",
    ".hidden",
    "../media/beside",
    "../beside",
]


@pytest.fixture
def there(edge: Stack) -> Stack:
    """Have them, and links to media."""
    for name in THERE:
        if name != f"p/{KEY}":
            put(edge, name)
    for number, target in enumerate(["incoming/x", f"h/{KEY}/video.mp4", f"p/{KEY}/video.mp4"]):
        link = edge.media / f"p/{KEY}/link-{number}.mp4"
        link.unlink(missing_ok=True)
        link.symlink_to(edge.media / target)
    folder = edge.media / "p" / ("f" * 32)
    folder.unlink(missing_ok=True)
    folder.symlink_to(edge.media / "p" / KEY)
    return edge


@pytest.mark.parametrize(
    "address",
    [
        *(f"/media/{name}" for name in THERE),
        f"/media/p/{KEY}/",
        f"/media/p/{KEY}/../../incoming/x",
        f"/media/p/{KEY}/%2e%2e/%2e%2e/incoming/x",
        f"/media/p/{KEY}/..%2f..%2fincoming%2fx",
        f"/media/p/{KEY}/%252e%252e/%252e%252e/incoming/x",
        f"/media/p/{KEY}/..\\..\\incoming\\x",
        f"/media//p/{KEY}/../../incoming/x",
        f"/media/p/{KEY}/video.mp4%00",
        f"/media/p/{KEY}/video.mp4/",
        f"/media/p/{KEY}/%2ehidden",
        f"/media/p/{KEY}/link-0.mp4",
        f"/media/p/{KEY}/link-1.mp4",
        f"/media/p/{KEY}/link-2.mp4",
        f"/media/p/{'f' * 32}/video.mp4",
        f"/media/p/../h/{KEY}/none.mp4",
        f"/media../media/p/{KEY}/video.mp4",
        "/media/../beside",
        f"/p/{KEY}/video.mp4",
        f"/h/{KEY}/video.mp4",
    ],
)
def test_nothing_but_media_is_served(
    there: Stack, application: Application, client: httpx.Client, address: str
) -> None:
    application.answer = lambda _: (404, {}, b"")
    # As it stands: httpx would resolve the dots itself.
    answer = client.get("/", extensions={"target": address.encode()})

    assert answer.status_code in {400, 404}
    assert BYTES[:64] not in answer.content
    check_headers(answer)


def test_media_without_an_end_is_not_told_in_a_log(edge: Stack, client: httpx.Client) -> None:
    """A file that is shorter than it was a moment ago is an alert to nginx."""
    key = "a" * 32
    path = put(edge, f"h/{key}/long.mp4", bytes(32_000_000))
    request = f"GET /media/h/{key}/long.mp4 HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
    with connection(edge) as connected:
        connected.sendall(f"{request}X-Request-ID: cut-short\r\n\r\n".encode())
        received = len(connected.recv(1000))
        path.write_bytes(b"")
        while chunk := connected.recv(65_536):
            received += len(chunk)

    assert received < 32_000_000
    assert edge.proxied("cut-short")["path"] == "/media/h/..."
    assert key not in edge.logs()


def test_a_lack_of_connections_is_not_told_with_a_key(edge: Stack, client: httpx.Client) -> None:
    """One is left for the client, and none to ask the application by: an alert to nginx."""
    key = "c" * 32
    with amended(edge, "nginx.conf", "worker_connections 1024", "worker_connections 5"):
        answer = client.get(f"/media/h/{key}/none.mp4")

    check_envelope(answer, 500, "server_error")
    edge.proxied(answer.headers["X-Request-ID"])
    assert key not in edge.logs()


def test_no_log_has_a_key(edge: Stack, application: Application, client: httpx.Client) -> None:
    key = "b" * 32
    put(edge, f"h/{key}/video.mp4")
    (edge.media / f"h/{key}/link.mp4").symlink_to(edge.media / f"p/{KEY}/video.mp4")
    for name in ("video.mp4", "none.mp4", "link.mp4", ".hidden", "", "video.mp4?x=1", "%zz", "%00"):
        for start in ("/media/h/", "/media//h/", "//media/h/", "/x/../media/h/", "/h/"):
            client.get("/", extensions={"target": f"{start}{key}/{name}".encode()})
    client.get(VIDEO, headers={"Range": "bytes=9-", "Referer": f"https://{HOST}/media/h/{key}/x"})
    client.post(f"/media/h/{key}/video.mp4")
    application.answer = lambda _: None
    last = client.get(f"/media/h/{key}/none.mp4")
    assert last.status_code == 502
    edge.proxied(last.headers["X-Request-ID"])

    assert key not in edge.logs()

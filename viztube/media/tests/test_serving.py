"""Files over HTTP: ranges, validators, caching, and nothing but capability folders."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as HttpClient
from django.utils.http import http_date

from viztube.media.ranges import CONTENT_TYPES

pytestmark = pytest.mark.django_db

KEY = "0123456789abcdef" * 2
CONTENT = bytes(range(256)) * 1000  # more than one chunk
SIZE = len(CONTENT)
MODIFIED = 1_700_000_000


@pytest.fixture
def video(media_root: Path) -> str:
    """Return the address of a published file."""
    return stored(media_root, "p", "video.mp4", CONTENT)


def stored(root: Path, area: str, name: str, content: bytes = b"x") -> str:
    file = root / area / KEY / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (MODIFIED, MODIFIED))
    return f"/media/{area}/{KEY}/{name}"


def fetch(path: str, method: str = "GET", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpClient().generic(method, path, headers=named)


def body(response: Any) -> bytes:
    return response.getvalue() if response.streaming else bytes(response.content)


def test_a_whole_file_has_its_length_type_and_validators(video: str) -> None:
    response = fetch(video)

    assert response.status_code == 200
    assert body(response) == CONTENT
    assert response["Content-Length"] == str(SIZE)
    assert response["Content-Type"] == "video/mp4"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Last-Modified"] == http_date(MODIFIED)
    assert response["ETag"].startswith('"')
    assert "Content-Range" not in response


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-199", 100, 199),
        ("bytes=70000-200000", 70_000, 200_000),
        ("bytes=1000-", 1000, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-500", SIZE - 500, SIZE - 1),
        ("bytes=-999999999", 0, SIZE - 1),
        (f"bytes=10-{SIZE * 9}", 10, SIZE - 1),
        ("bytes= 5 - 9", 5, 9),
    ],
)
def test_one_range_is_answered_with_just_that(
    video: str, wanted: str, first: int, last: int
) -> None:
    response = fetch(video, Range=wanted)

    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert response["Content-Length"] == str(last - first + 1)
    assert body(response) == CONTENT[first : last + 1]


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=0-1,5-6",
        "bytes=-",
        "bytes=",
        "bytes=5-2",
        "bytes=a-b",
        "lines=0-1",
        "0-1",
        "bytes=0x1-0x2",
        "bytes=1-2-3",
        "bytes=--5",
        "bytes=" + "9" * 30 + "-",
        "",
        "nonsense",
    ],
)
def test_several_ranges_or_nonsense_give_the_whole_file(video: str, wanted: str) -> None:
    response = fetch(video, Range=wanted)

    assert response.status_code == 200
    assert response["Content-Length"] == str(SIZE)


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_a_range_past_the_end_is_416_with_the_size(video: str, wanted: str) -> None:
    response = fetch(video, Range=wanted)

    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    assert body(response) == b""


def test_an_empty_file_is_an_empty_answer(media_root: Path) -> None:
    address = stored(media_root, "p", "empty.mp4", b"")

    assert body(fetch(address)) == b""
    assert fetch(address)["Content-Length"] == "0"
    assert fetch(address, Range="bytes=0-").status_code == 416


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}])
def test_head_tells_the_length_and_ignores_ranges(video: str, headers: dict[str, str]) -> None:
    response = fetch(video, "HEAD", **headers)

    assert response.status_code == 200
    assert response["Content-Length"] == str(SIZE)
    assert response["Accept-Ranges"] == "bytes"
    assert body(response) == b""


def test_if_range_honours_only_the_same_file(video: str) -> None:
    etag = fetch(video)["ETag"]
    for same in (etag, http_date(MODIFIED)):
        assert fetch(video, Range="bytes=0-9", If_Range=same).status_code == 206
    for other in (
        '"other"',
        f"W/{etag}",
        http_date(MODIFIED - 1),
        http_date(MODIFIED + 1),
        "yesterday",
        "",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 -0000",
    ):
        response = fetch(video, Range="bytes=0-9", If_Range=other)
        assert response.status_code == 200, other
        assert response["Content-Length"] == str(SIZE)


def test_what_did_not_change_is_304(video: str) -> None:
    etag = fetch(video)["ETag"]
    for headers in ({"If_None_Match": etag}, {"If_Modified_Since": http_date(MODIFIED)}):
        response = fetch(video, **headers)
        assert response.status_code == 304
        assert body(response) == b""
        assert response["ETag"] == etag
        assert response["Cache-Control"] == "public, max-age=3600"
    assert fetch(video, If_None_Match='"other"').status_code == 200
    assert fetch(video, If_Modified_Since=http_date(MODIFIED - 1)).status_code == 200
    assert fetch(video, If_Match='"other"').status_code == 412


def test_another_content_has_another_etag(media_root: Path, video: str) -> None:
    before = fetch(video)["ETag"]
    stored(media_root, "p", "video.mp4", CONTENT + b"more")

    assert fetch(video)["ETag"] != before


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.mp4", "video/mp4"),
        ("a.mov", "video/quicktime"),
        ("a.webm", "video/webm"),
        ("a.mkv", "video/x-matroska"),
        ("a.jpg", "image/jpeg"),
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.html", "application/octet-stream"),
        ("a.svg", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_types_are_those_we_store_and_never_a_page(
    media_root: Path, name: str, content_type: str
) -> None:
    response = fetch(stored(media_root, "p", name))

    assert response["Content-Type"] == content_type
    assert response["X-Content-Type-Options"] == "nosniff"


def test_published_files_may_be_cached_an_hour_and_hidden_ones_never(media_root: Path) -> None:
    assert fetch(stored(media_root, "p", "a.jpg"))["Cache-Control"] == "public, max-age=3600"
    assert fetch(stored(media_root, "h", "a.jpg"))["Cache-Control"] == "private, no-store"


def test_a_file_in_a_folder_below_is_served(media_root: Path) -> None:
    address = stored(media_root, "p", "hls/720/init.mp4")

    assert fetch(address).status_code == 200


@pytest.mark.parametrize("path", ["hls", "hls/720"])
def test_a_folder_is_404(media_root: Path, path: str) -> None:
    stored(media_root, "p", "hls/720/init.mp4")

    response = fetch(f"/media/p/{KEY}/{path}")

    assert response.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"p/{KEY}/missing.mp4",
        f"p/{KEY}",
        f"p/{KEY}/",
        f"p/{'f' * 32}/video.mp4",
        f"p/{KEY.upper()}/video.mp4",
        f"p/{KEY}0/video.mp4",
        f"x/{KEY}/video.mp4",
        f"incoming/{KEY}/upload",
        f"trash/{KEY}/video.mp4",
        "secret.txt",
        f"p/{KEY}/../../secret.txt",
        f"p/{KEY}/..%2f..%2fsecret.txt",
        f"p/{KEY}/%2e%2e/%2e%2e/secret.txt",
        f"p/{KEY}/..\\..\\secret.txt",
        f"p/{KEY}//video.mp4",
        f"p/{KEY}/./video.mp4",
        f"p/{KEY}/.hidden",
        f"p/{KEY}/video.mp4%00.jpg",
        f"p/{KEY}/video.mp4%0a",
        f"p/{KEY}/video.mp4/",
        f"p/{KEY}/a/b/c/d.mp4",
        f"p/{KEY}/{'a' * 82}",
        "p/../p/x",
        "",
    ],
)
def test_no_other_address_reaches_a_file(media_root: Path, video: str, path: str) -> None:
    (media_root / "secret.txt").write_text("secret")
    for folder in (f"incoming/{KEY}", f"trash/{KEY}"):
        (media_root / folder).mkdir(parents=True)
        (media_root / folder / "upload").write_text("secret")
        (media_root / folder / "video.mp4").write_text("secret")
    (media_root / "p" / KEY / ".hidden").write_text("secret")

    response = fetch(f"/media/{path}")

    assert response.status_code == 404
    assert b"secret" not in body(response)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_files_are_only_read(video: str, method: str) -> None:
    response = fetch(video, method)

    assert response.status_code == 405
    assert sorted(response["Allow"].split(", ")) == ["GET", "HEAD"]


def test_a_player_on_an_allowed_site_may_read_ranges(video: str, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]

    response = fetch(video, Range="bytes=0-9", Origin="https://app.example")

    assert response["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Content-Range" in response["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("area", ["p", "h"])
@pytest.mark.parametrize(
    ("status", "method", "headers"),
    [
        (200, "GET", {}),
        (200, "HEAD", {}),
        (206, "GET", {"Range": "bytes=0-9"}),
        (304, "GET", {"If_None_Match": "*"}),
        (412, "GET", {"If_Match": '"other"'}),
        (416, "GET", {"Range": "bytes=9999999-"}),
        (404, "GET", {}),
        (405, "POST", {}),
    ],
)
def test_no_answer_can_run_anything_in_a_browser(
    media_root: Path, area: str, status: int, method: str, headers: dict[str, str]
) -> None:
    address = stored(media_root, area, "video.mp4", b"<html><script>alert(1)</script>")
    if status == 404:
        address += "4"

    response = fetch(address, method, **headers)

    assert response.status_code == status
    assert response["X-Content-Type-Options"] == "nosniff"
    policy = [rule.strip() for rule in response["Content-Security-Policy"].split(";")]
    assert policy[:2] == ["sandbox allow-same-origin", "default-src 'none'"]
    assert not any("script" in rule for rule in policy)
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    if status != 405:
        assert response["Content-Type"] == ("text/plain" if status == 404 else "video/mp4")


@pytest.mark.parametrize(
    "name", ["a.html", "a.htm", "a.xhtml", "a.svg", "a.xml", "a.js", "a.mp4.html", "a.HTML", "html"]
)
def test_a_file_of_a_kind_we_never_store_is_bytes_to_a_browser(media_root: Path, name: str) -> None:
    address = stored(media_root, "p", name, b"<svg><script>alert(1)</script></svg>")
    for headers in ({}, {"Range": "bytes=0-5"}, {"Range": "bytes=999-"}, {"If_None_Match": "*"}):
        assert fetch(address, **headers)["Content-Type"] == "application/octet-stream"


def test_no_type_that_is_served_can_carry_a_script() -> None:
    playlist = "application/vnd.apple.mpegurl"
    kinds = {kind.partition("/")[0] for kind in CONTENT_TYPES.values() if kind != playlist}
    assert kinds == {"image", "video"}
    assert not any("xml" in kind for kind in CONTENT_TYPES.values())

"""Streams in the shape of production: what nginx lets a player have, and until when."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from videos.tests.streaming import make_source
from viztube.media.hls.tests.player import addresses_of_stream
from viztube.media.tests.detours import CANARY, detours, plant
from viztube.ops.tests.edge import VISITORS, check_headers
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.stack import HOST, Stack, needs_nginx, running_stack
from viztube.ops.tests.streams import await_stream

pytestmark = [pytest.mark.slow, needs_nginx]

LONG = 204  # seconds; its playlists are long enough to be compressed
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/mp4",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
}
OWN = {"x-request-id", "date"}  # of each answer


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_data_dir() as folder, running_stack(folder, HLS_TOP_RUNG="360") as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> httpx.Client:
    return stack.client(next(VISITORS))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def long(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[httpx.Client, Any]:
    """Return the owner of a long video, and the video."""
    source = make_source(tmp_path_factory.mktemp("sources"), seconds=LONG, rate="2")
    owner = stack.sign_up("lena", next(VISITORS))
    return owner, streamed(owner, source)


def streamed(owner: httpx.Client, source: Path) -> Any:
    """Upload a video and wait until its stream is made; return it as its page has it."""
    with source.open("rb") as file:
        answer = owner.post("/api/v2/videos", data={"title": "x"}, files={"videoFile": file})
    assert answer.status_code == 201, answer.text
    address = f"/api/v2/videos/{answer.json()['data']['video']['id']}"
    await_stream(owner, address)
    return owner.get(address).json()["data"]


def all_addresses(client: httpx.Client, video: Any) -> list[str]:
    """Return every address that a page and a player get of a video."""
    shown = client.get(f"/api/v2/videos/{video['id']}").json()["data"]
    stream = addresses_of_stream(shown["streamUrl"], lambda one: client.get(one).text)
    return [shown["videoFileUrl"], shown["thumbnailUrl"], *stream]


def statuses(client: httpx.Client, addresses: list[str]) -> set[int]:
    return {client.get(address).status_code for address in addresses}


def told(answer: httpx.Response) -> dict[str, str]:
    return {name: text for name, text in answer.headers.items() if name not in OWN}


def moderate(stack: Stack, *decision: str) -> None:
    stack.machine.manage("moderate", *decision, "--reason", "A test.")


def succeed(answer: httpx.Response) -> None:
    assert answer.is_success, answer.text


HIDINGS: dict[str, Callable[[Stack, httpx.Client, Any], None]] = {
    "unpublished": lambda stack, owner, video: succeed(
        owner.patch(f"/api/v2/videos/toggle/publish/{video['id']}")
    ),
    "taken down": lambda stack, owner, video: moderate(stack, "take-down", video["id"]),
    "owner suspended": lambda stack, owner, video: moderate(
        stack, "suspend", video["user"]["username"], "--days", "1"
    ),
    "deleted": lambda stack, owner, video: succeed(owner.delete(f"/api/v2/videos/{video['id']}")),
}


def check_files(client: httpx.Client, addresses: list[str], *, hidden: bool) -> None:
    """Check the headers of every file, whole and in part."""
    for address in addresses:
        seconds = 10 if address.endswith("/master.m3u8") else 3600
        caching = "private, no-store" if hidden else f"public, max-age={seconds}"
        # Else a range would be one of the compressed playlist.
        plain = {"Accept-Encoding": "identity"}
        whole = client.get(address, headers=plain)
        part = client.get(address, headers=plain | {"Range": "bytes=1-3"})
        head = client.head(address, headers=plain)
        same = client.get(address, headers=plain | {"If-None-Match": whole.headers["ETag"]})
        size = whole.headers["Content-Length"]
        answers = whole, part, head, same
        assert [one.status_code for one in answers] == [200, 206, 200, 304], address
        assert (part.content, same.content) == (whole.content[1:4], b"")
        assert part.headers["Content-Range"] == f"bytes 1-3/{size}"
        assert head.headers["Content-Length"] == size == str(len(whole.content))
        for answer in answers:
            check_headers(answer)
            assert answer.headers["Cache-Control"] == caching
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]
        for answer in (whole, part, head):
            assert answer.headers["Content-Type"] == TYPES[Path(address).suffix]


def test_a_published_stream_is_for_everyone_and_for_caches(
    client: httpx.Client, long: tuple[httpx.Client, Any]
) -> None:
    addresses = all_addresses(client, long[1])

    names = [address.rpartition("/")[2] for address in addresses]
    assert names.count("master.m3u8") == 1
    assert names.count("index.m3u8") == 3
    # Of two qualities and the sound; the end of that may be a segment of its own.
    segments = 3 * LONG // 6
    assert len([name for name in names if name.endswith(".m4s")]) in {segments, segments + 1}
    assert all(address.startswith(f"https://{HOST}/media/p/") for address in addresses)
    check_files(client, addresses, hidden=False)


@pytest.mark.parametrize("who", ["audio", "240p", "360p"])
def test_long_playlists_are_compressed(
    client: httpx.Client, long: tuple[httpx.Client, Any], who: str
) -> None:
    address = f"{long[1]['streamUrl'].rpartition('/')[0]}/{who}/index.m3u8"

    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["Cache-Control"] == "public, max-age=3600"
    assert packed.content == plain.content
    assert packed.num_bytes_downloaded < len(plain.content) / 3


@pytest.mark.parametrize("how", HIDINGS)
def test_every_address_handed_out_before_stops(
    stack: Stack, client: httpx.Client, short: Path, how: str
) -> None:
    owner = stack.sign_up(how.replace(" ", ""), next(VISITORS))
    video = streamed(owner, short)
    before = all_addresses(client, video)
    assert statuses(client, before) == {200}

    HIDINGS[how](stack, owner, video)

    for address in before:
        # Not told apart from what has never been, nor by who asks.
        folder = address.rpartition("/media/")[2].split("/")[1]
        never = client.get(address.replace(folder, "0" * 32))
        for one in (client, owner):
            gone = one.get(address)
            assert (gone.status_code, gone.content) == (404, never.content), address
            assert told(gone) == told(never)
            assert gone.headers["Cache-Control"] == "no-store"
        assert client.get(address, headers={"Range": "bytes=0-1"}).status_code == 404
    if how in {"unpublished", "taken down"}:
        now = all_addresses(owner, video)
        assert len(now) == len(before)
        assert all(address.startswith(f"https://{HOST}/media/h/") for address in now)
        check_files(client, now, hidden=True)


def test_no_detour_reaches_a_file(
    stack: Stack, client: httpx.Client, long: tuple[httpx.Client, Any]
) -> None:
    video = long[1]
    stream = video["streamUrl"].partition("/media/")[2].rpartition("/")[0]
    secrets = plant(stack.media, stream, video["id"].replace("-", ""))

    for address in detours(stream, secrets):
        # As it stands: httpx would resolve the dots itself.
        answer = client.get("/", extensions={"target": address.encode()})
        assert answer.status_code in {400, 404}, address
        assert CANARY not in answer.content
        assert "public" not in answer.headers.get("Cache-Control", "")


def test_no_log_tells_where_a_stream_is(stack: Stack, short: Path) -> None:
    owner = stack.sign_up("nola", next(VISITORS))
    video = streamed(owner, short)
    keys = set()
    for _ in range(2):
        addresses = all_addresses(owner, video)
        keys |= {address.split("/")[5] for address in addresses}
        HIDINGS["unpublished"](stack, owner, video)
    last = owner.get(addresses[-1])

    stack.proxied(last.headers["X-Request-ID"])
    stack.handled(last.headers["X-Request-ID"])
    assert len(keys) == 2
    assert not [key for key in keys if key in stack.logs()]

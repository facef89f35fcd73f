"""Streams over HTTP: what a player may fetch, and that all of it stops with the video."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase
from procrastinate.job_context import AbortReason

from users.models import User
from videos.models import Video
from videos.services import standing
from videos.services.videos import set_removed
from videos.tests.factories import VideoFactory
from videos.tests.hidden import suspended
from videos.tests.streaming import folder_of, make_source, transcode_once, uploaded
from viztube.api.tests.fixtures import Client
from viztube.media.hls.tests.player import addresses_of_stream
from viztube.media.tests.detours import CANARY, detours, plant

pytestmark = pytest.mark.django_db

TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/mp4",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
}
OWN = {"X-Request-ID", "Date"}  # of each answer


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("sources"))


@pytest.fixture
def wanted(user: User, settings: Any, source: Path) -> Video:
    """Return a video whose stream is to be made."""
    settings.HLS_TOP_RUNG = 360
    return uploaded(source, user=user)


@pytest.fixture
def video(wanted: Video) -> Video:
    """Return a video with a stream."""
    transcode_once(wanted)
    return wanted


def content(client: Client, address: str) -> bytes:
    response = client.get(address).response
    return response.getvalue() if response.streaming else bytes(response.content)


def all_addresses(client: Client, video: Video) -> list[str]:
    """Return every address that a page and a player get of a video."""
    shown = client.get(f"videos/{video.pk}").data
    stream = addresses_of_stream(shown["streamUrl"], lambda one: content(client, one).decode())
    return [shown["videoFileUrl"], shown["thumbnailUrl"], *stream]


def statuses(client: Client, addresses: list[str]) -> set[int]:
    return {client.get(address).status for address in addresses}


def become(user: User, **fields: Any) -> None:
    """Give a person another standing, as decisions do."""
    with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
        User.objects.filter(pk=user.pk).update(**fields)
        standing.follow_on_commit(user=user)


def take_down(owner: Client, video: Video) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        set_removed(video=video, removed=True)


HIDINGS: dict[str, Callable[[Client, Video], object]] = {
    "unpublished": lambda owner, video: owner.patch(f"videos/toggle/publish/{video.pk}"),
    "taken down": take_down,
    "owner suspended": lambda _, video: become(video.user, **suspended()),
    "owner inactive": lambda _, video: become(video.user, is_active=False),
    "deleted": lambda owner, video: owner.delete(f"videos/{video.pk}"),
}


def test_a_player_gets_everything_that_the_playlists_name(api: Client, video: Video) -> None:
    found = all_addresses(api, video)

    folder = folder_of(video)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {address.partition(f"/{video.folder}/")[2] for address in found} == there
    playlists = [address.split("/", 7)[-1] for address in found if address.endswith(".m3u8")]
    parts = ["audio/index.m3u8", "240p/index.m3u8", "360p/index.m3u8"]
    assert playlists == ["master.m3u8", *parts]
    assert len(found) == len(set(found)) == 2 + 4 + 2 * 3


@pytest.mark.parametrize("hidden", [False, True], ids=["published", "hidden"])
def test_every_file_has_its_headers(
    api: Client, user_client: Client, video: Video, *, hidden: bool
) -> None:
    if hidden:
        HIDINGS["unpublished"](user_client, video)

    for address in all_addresses(user_client, video):
        whole = api.get(address).response
        part = api.get(address, Range="bytes=1-3").response
        past = api.get(address, Range="bytes=9999999-").response
        size = whole["Content-Length"]
        assert [whole.status_code, part.status_code, past.status_code] == [200, 206, 416], address
        assert part.getvalue() == whole.getvalue()[1:4]
        assert part["Content-Range"] == f"bytes 1-3/{size}"
        assert past["Content-Range"] == f"bytes */{size}"
        seconds = 10 if address.endswith("/master.m3u8") else 3600
        caching = "private, no-store" if hidden else f"public, max-age={seconds}"
        for answer in (whole, part, past):
            assert answer["Content-Type"] == TYPES[Path(address).suffix]
            assert answer["Cache-Control"] == caching
            assert answer["Access-Control-Allow-Origin"] == "*"
            assert "Content-Range" in answer["Access-Control-Expose-Headers"]
            assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("how", HIDINGS)
def test_every_address_handed_out_before_stops(
    api: Client, user_client: Client, video: Video, how: str
) -> None:
    before = all_addresses(api, video)
    assert statuses(api, before) == {200}

    HIDINGS[how](user_client, video)

    for address in before:
        # Not told apart from what has never been, nor by who asks.
        folder = address.rpartition("/media/")[2].split("/")[1]
        never = api.get(address.replace(folder, "0" * 32)).response
        for client in (api, user_client):
            gone = client.get(address).response
            assert (gone.status_code, gone.content) == (404, never.content), address
            assert _told(gone) == _told(never)
        assert api.get(address, Range="bytes=0-1").status == 404


def _told(response: Any) -> dict[str, str]:
    return {name: text for name, text in response.headers.items() if name not in OWN}


@pytest.mark.parametrize("how", ["unpublished", "taken down"])
def test_the_owner_goes_on_watching_under_new_addresses(
    api: Client, user_client: Client, video: Video, how: str
) -> None:
    before = all_addresses(api, video)
    HIDINGS[how](user_client, video)
    assert api.get(f"videos/{video.pk}").status == 404

    now = all_addresses(user_client, video)

    assert len(now) == len(before)
    assert not set(now) & set(before)
    assert all("/media/h/" in address for address in now)
    assert statuses(api, now) == {200}


def test_a_stream_made_while_the_video_is_hidden_has_no_address_from_before(
    api: Client, user_client: Client, wanted: Video
) -> None:
    """A video is hidden while its lowest quality can be watched and the others are made."""
    seen: list[str] = []

    def reason() -> AbortReason | None:
        if not seen and Video.objects.get(pk=wanted.pk).stream_file:
            seen.extend(all_addresses(api, wanted))
            HIDINGS["unpublished"](user_client, wanted)
        return None

    transcode_once(wanted, reason)

    now = all_addresses(user_client, wanted)
    assert "240p" in " ".join(seen)
    assert "360p" not in " ".join(seen)
    assert (statuses(api, seen), statuses(api, now)) == ({404}, {200})
    shown = user_client.get(f"videos/{wanted.pk}").data
    assert [one["height"] for one in shown["renditions"]] == [240, 360]
    assert shown["streamUrl"] in now


def test_what_is_being_made_has_no_address(api: Client, media_root: Path, wanted: Video) -> None:
    tried = set()

    def reason() -> AbortReason | None:
        for path in (media_root / "incoming").rglob("*"):
            name = path.relative_to(media_root).as_posix()
            for address in (f"/media/{name}", f"/media/{wanted.folder}/../../{name}"):
                answer = api.get(address)
                assert (answer.status, answer.response.streaming) == (404, False)
            tried.add(path.name)
        return None

    transcode_once(wanted, reason)

    assert {"source.mp4", "240p", "360p"} <= tried


def test_no_detour_reaches_a_file(api: Client, media_root: Path, video: Video) -> None:
    stream = Video.objects.get().stream_path.removesuffix("/master.m3u8")
    secrets = plant(media_root, stream, video.pk.hex)

    for address in detours(stream, secrets):
        response = api.get(address).response
        assert (response.status_code, response.streaming) == (404, False), address
        assert CANARY not in response.content


def test_a_stream_is_in_the_folder_of_its_video_alone(api: Client, video: Video) -> None:
    other = VideoFactory.create(files=True)

    for address in all_addresses(api, video)[2:]:
        assert api.get(address.replace(video.folder, other.folder)).status == 404

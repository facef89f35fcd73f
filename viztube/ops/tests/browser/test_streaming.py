"""Watching streams in a browser: hls.js plays what the worker has made."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from viztube.media.hls.tests.sources import make
from viztube.ops.tests.browser.browsing import (
    DESK,
    PHONE,
    clock,
    play_by_keyboard,
    screenshot,
    tab_to,
    visit,
    watched_page,
)
from viztube.ops.tests.browser.scenery import data_of, upload
from viztube.ops.tests.site import RunningSite
from viztube.ops.tests.streams import await_stream, processing
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SECONDS = 20  # four segments
WINDOWS = {"desktop": DESK, "phone": PHONE}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    return make(folder / "source.mp4", size="1280x720", seconds=SECONDS)


@pytest.fixture(scope="module")
def video(site: RunningSite, source: Path) -> Any:
    """Return a video with a stream of all qualities."""
    owner = site.sign_up("stella")
    made = upload(owner, "A test card", source=source)
    told = await_stream(owner, f"/videos/{made['id']}")
    assert told == sorted(told)
    assert told[-1] == 100
    assert [percent for percent in told if 0 < percent < 100]
    return data_of(owner.get(f"/videos/{made['id']}"))


class Player:
    """The player of the page of a video, and what it has asked for."""

    def __init__(self, page: Page, video: Any) -> None:
        self.page = page
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        visit(page, f"/watch/{video['id']}")

    def told(self, name: str) -> Any:
        """Return a property of the player."""
        return self.page.evaluate(f"document.querySelector('video').{name}")

    def segments(self, quality: str = "", since: int = 0) -> list[str]:
        """Return which segments were asked for, of the sound (``audio``) or of a quality."""
        return [url for url in self.asked[since:] if f"/{quality}" in url and url.endswith(".m4s")]

    def plays_the_stream(self) -> bool:
        return str(self.told("src")).startswith("blob:") and bool(self.segments())

    def goes_on(self, seconds: float = 1.0) -> bool:
        """Wait until the clock has advanced."""
        since = clock(self.page)
        return eventually(lambda: clock(self.page) > since + seconds)

    def choose(self, quality: str) -> None:
        """Choose a quality by keyboard, and wait until it is shown."""
        since = len(self.asked)
        tab_to(self.page, "#quality")
        self.page.keyboard.type(quality)
        assert self.page.evaluate("document.querySelector('#quality').selectedOptions[0].text") == (
            quality
        )
        height = int(quality.removesuffix("p"))
        assert eventually(lambda: self.told("videoHeight") == height), self.told("videoHeight")
        assert eventually(lambda: bool(self.segments(f"{quality}/", since)))


def test_a_stream_is_made_and_told(video: Any) -> None:
    assert video["processingStatus"] == "COMPLETED"
    assert video["streamUrl"].endswith("/master.m3u8")
    sizes = [(one["width"], one["height"]) for one in video["renditions"]]
    assert sizes == [(426, 240), (640, 360), (854, 480), (1280, 720)]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_stranger_watches_a_stream(
    browser: Browser, site: RunningSite, video: Any, window: str
) -> None:
    with watched_page(browser, site, viewport=WINDOWS[window]) as page:
        player = Player(page, video)
        assert eventually(lambda: page.is_visible("#quality"))
        # Who only reads the page fetches no stream.
        assert not player.segments()
        assert player.told("src") == video["videoFileUrl"]

        play_by_keyboard(page)

        assert player.goes_on()
        assert player.plays_the_stream()
        assert player.segments("audio/")
        # Neither the picture nor the sound begins later: they belong together.
        assert player.told("buffered.start(0)") < 0.03
        assert player.told("duration") == pytest.approx(SECONDS, abs=0.2)
        assert player.told("videoHeight") in {240, 360, 480, 720}
        screenshot(page, f"stream-{window}-playing")


def test_seeking_fetches_what_is_played_then(page: Page, video: Any) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    # Else all of a short video would be there by then.
    page.route("**/00002.m4s", hold)
    player = Player(page, video)
    play_by_keyboard(page)
    assert player.plays_the_stream()
    assert eventually(lambda: bool(held))
    assert not [url for url in player.segments() if url.endswith("/00003.m4s")]

    page.evaluate("document.querySelector('video').currentTime = 19")

    assert eventually(lambda: clock(page) > 19.4)
    parts = {url.split("/")[-2] for url in player.segments() if url.endswith("/00003.m4s")}
    assert "audio" in parts
    assert len(parts) > 1
    screenshot(page, "stream-sought")


def test_the_quality_is_chosen_by_keyboard(page: Page, video: Any) -> None:
    player = Player(page, video)
    play_by_keyboard(page)
    assert player.plays_the_stream()

    for quality in ("240p", "720p"):
        player.choose(quality)
        assert player.goes_on()
        screenshot(page, f"stream-{quality}")
    tab_to(page, "#quality")
    page.keyboard.press("Home")
    assert player.goes_on()


def test_the_test_clip_is_streamed(browser: Browser, site: RunningSite) -> None:
    owner = site.sign_up("stan")
    video = upload(owner, "Streamed-bunny")
    await_stream(owner, f"/videos/{video['id']}")

    with watched_page(browser, site) as page:
        player = Player(page, video)
        play_by_keyboard(page)
        assert player.plays_the_stream()
        assert eventually(lambda: bool(player.told("ended")))
        screenshot(page, "stream-bunny-ended")


def test_a_stream_that_cannot_be_played_gives_way_to_the_original(page: Page, video: Any) -> None:
    page.route("**/*.m4s", lambda route: route.fulfill(body=b"nonsense"))
    player = Player(page, video)

    play_by_keyboard(page)

    assert player.segments()
    assert player.told("src") == video["videoFileUrl"]
    assert player.goes_on()
    assert not page.is_visible("#quality")


def encoders(site: RunningSite) -> list[int]:
    """Return the processes that make streams (Linux)."""
    return [
        pid
        for pid in site.processes()
        if b"hls_playlist_type" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_the_lowest_quality_can_be_watched_while_the_others_are_made(
    browser: Browser, site: RunningSite, source: Path
) -> None:
    owner = site.sign_up("stina")
    video = upload(owner, "Hardly made", source=source)
    address = f"/videos/{video['id']}"
    assert eventually(lambda: bool(processing(owner, address)["streamUrl"]), 60)
    assert eventually(lambda: bool(encoders(site)))
    (encoder,) = encoders(site)
    os.kill(encoder, signal.SIGSTOP)
    try:
        assert processing(owner, address)["processingStatus"] == "PROCESSING"
        with watched_page(browser, site) as page:
            player = Player(page, video)
            play_by_keyboard(page)
            assert player.goes_on()
            assert player.plays_the_stream()
            assert player.told("videoHeight") == 240
            assert not page.is_visible("#quality")
            screenshot(page, "stream-incomplete")
    finally:
        os.kill(encoder, signal.SIGCONT)

    await_stream(owner, address)
    with watched_page(browser, site) as page:
        player = Player(page, video)
        play_by_keyboard(page)
        player.choose("480p")

"""A real browser for tests: which one, what a page must not do, and pictures of pages."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, ViewportSize

from viztube.ops.dev.folders import make_data_folder
from viztube.ops.tests.browser.scenery import INJECTED
from viztube.ops.tests.site import PROJECT, Environ, RunningSite, manage
from viztube.ops.tests.waiting import eventually

# As Debian and Ubuntu call it, and Google's own, which GitHub's machines have.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SCREENSHOTS = PROJECT / ".data" / "screenshots"
PATIENCE = 15_000  # milliseconds; all of it is needed only by what fails
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
MOST_TABS = 100


def chromium_program(environ: Mapping[str, str]) -> str:
    """Return the browser to drive, CHROMIUM or one in PATH; without one the test fails.

    Not BROWSER: that is where many desktops and editors name the one that people use.
    """
    chosen = environ.get("CHROMIUM", "").strip()
    for name in [chosen] if chosen else PROGRAMS:
        if program := shutil.which(name, path=environ.get("PATH")):
            return program
    pytest.fail(
        f"There is no program {chosen}: check what CHROMIUM= names."
        if chosen
        else "The browser tests drive Chromium, which is not here: install it (on Debian and "
        "Ubuntu: `sudo apt install chromium`), or name another with CHROMIUM=.",
        pytrace=False,
    )


@dataclass
class Complaints:
    """What a page did that it must not: errors of scripts, breaches of its CSP, missing files."""

    heard: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Note everything that happens in a page from now on."""
        page.on("pageerror", lambda error: self.heard.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._console(page, message))
        page.on("response", self._response)
        page.on("requestfailed", self._failed)

    def _console(self, page: Page, message: ConsoleMessage) -> None:
        is_breach = "Content Security Policy" in message.text
        # An answer with an error is noted by itself, with what it was for.
        is_answer = message.text.startswith("Failed to load resource")
        if is_breach or (message.type == "error" and not is_answer):
            self.heard.append(f"{page.url}: {message.text}")

    def _response(self, response: Response) -> None:
        # Of whole pages, tests ask for the status themselves.
        if response.status >= 400 and response.request.resource_type != "document":
            self.heard.append(f"{response.status} for {response.url}")

    def _failed(self, request: Request) -> None:
        # Aborted is what a page was loading when it was left, and how a player ends a request.
        if request.failure != "net::ERR_ABORTED":
            self.heard.append(f"{request.failure} for {request.url}")


@contextmanager
def watched_page(browser: Browser, site: RunningSite, **options: object) -> Iterator[Page]:
    """Open a page of somebody who has never been there; at the end it must not have complained.

    The options are those of a browser's context: ``viewport``, ``color_scheme``.
    """
    complaints = Complaints()
    settings: dict[str, object] = {"viewport": DESK, "reduced_motion": "reduce"} | options
    context = browser.new_context(base_url=site.url, **settings)  # type: ignore[arg-type]
    try:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        complaints.listen(page)
        yield page
        # What was said last is told with the next answer.
        page.evaluate("0")
    finally:
        context.close()
    assert not complaints.heard, "\n".join(complaints.heard)


@dataclass(frozen=True)
class Staff:
    """Somebody who may sign in to the admin site."""

    username: str
    password: str


def make_staff(environ: Environ, username: str, *options: str) -> Staff:
    """Make staff as operators do; the options are those of ``manage.py create_staff``."""
    email = f"{username}@viztube.example"
    said = manage(environ, "create_staff", username, "--email", email, "--json", *options)
    return Staff(username, json.loads(said)["password"])


def screenshot(page: Page, name: str) -> None:
    """Keep a picture of the whole page as ``.data/screenshots/<name>.png``, for people to see."""
    # The folder above is private, whoever makes it first.
    make_data_folder(SCREENSHOTS.parent)
    SCREENSHOTS.mkdir(exist_ok=True)
    window = page.viewport_size
    assert window is not None
    # A window as high as the page: in a picture of more than the window, what sticks to its bottom
    # lies across the middle.
    height = page.evaluate("document.documentElement.scrollHeight")
    if is_longer := height > window["height"]:
        page.set_viewport_size({**window, "height": height})
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
    if is_longer:
        page.set_viewport_size(window)


def visit(page: Page, path: str) -> None:
    """Open a page of the site, which must answer 200 at that very address."""
    response = page.goto(path)
    assert response is not None
    assert (response.status, urlsplit(page.url).path) == (200, urlsplit(path).path)
    check_page(page)


def check_page(page: Page) -> None:
    """Fail when a page took what people wrote for markup, or is wider than its window."""
    assert not page.locator(f"#{INJECTED}").count(), f"what people wrote is markup on {page.url}"
    width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert width <= 0, f"{page.url} is {width} pixels wider than its window"


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what is meant has the focus, as those do who have no mouse."""
    for _ in range(MOST_TABS):
        if page.evaluate("chosen => document.activeElement.matches(chosen)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector} on {page.url}")


def clock(page: Page) -> float:
    """Return how many seconds into the video its player is.

    Asked from here: the policy of the page lets nothing be evaluated later on, and without
    JavaScript nothing is.
    """
    return float(page.evaluate("document.querySelector('video').currentTime"))


def play_by_keyboard(page: Page) -> None:
    """Press the space bar on the player, and wait until its clock has advanced."""
    tab_to(page, "video")
    page.keyboard.press("Space")
    assert eventually(lambda: clock(page) > 0.5)


def sign_in(page: Page, staff: Staff) -> None:
    """Sign in to the admin site by keyboard alone, up to whatever is answered."""
    visit(page, "/admin/login/?next=/admin/")
    tab_to(page, "input[name=username]")
    page.keyboard.type(staff.username)
    page.keyboard.press("Tab")
    page.keyboard.type(staff.password)
    leave_by(page, lambda: page.keyboard.press("Enter"))


def leave_by(page: Page, act: Callable[[], object]) -> None:
    """Do what leads to another page, and wait until that one is there."""
    with page.expect_navigation():
        act()
    check_page(page)

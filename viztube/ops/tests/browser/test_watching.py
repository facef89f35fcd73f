"""Watching a video in a browser, as a stranger who came by a link."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from viztube.ops.tests.browser.browsing import (
    DESK,
    PHONE,
    leave_by,
    play_by_keyboard,
    screenshot,
    tab_to,
    visit,
    watched_page,
)
from viztube.ops.tests.browser.scenery import MARKUP, comment, data_of, upload
from viztube.ops.tests.site import RunningSite
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.browser]

WINDOWS = {"desktop": DESK, "phone": PHONE}
# How far what was painted has moved since, by its own doing (https://wicg.github.io/layout-instability/).
SHIFTS = """
new Promise(done => {
  const seen = new PerformanceObserver(list => done(
    list.getEntries().filter(one => !one.hadRecentInput).reduce((sum, one) => sum + one.value, 0)
  ));
  seen.observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(0), 500);
})
"""


@pytest.fixture(scope="module")
def video(site: RunningSite) -> Any:
    """Return the newest video: with markup wherever people write, and a comment."""
    owner, viewer = (site.sign_up(name) for name in ("wanda", "viola"))
    data_of(owner.patch("/user/update-account", json={"fullname": f"Wanda {MARKUP}"}))
    made = upload(owner, f"How to {MARKUP}", description=f"All about {MARKUP}\nand more")
    comment(viewer, made, f"Comment {MARKUP}")
    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_stranger_watches_a_video(
    browser: Browser, site: RunningSite, video: Any, window: str, scheme: str
) -> None:
    options = {"viewport": WINDOWS[window], "color_scheme": scheme}
    with watched_page(browser, site, **options) as page:
        visit(page, f"/watch/{video['id']}")
        assert page.inner_text("h1") == f"How to {MARKUP}"
        assert page.get_attribute("video", "poster")
        assert page.evaluate(SHIFTS) < 0.01
        screenshot(page, f"watch-{window}-{scheme}")
        play_by_keyboard(page)
        screenshot(page, f"watch-{window}-{scheme}-playing")


def test_it_plays_without_javascript(browser: Browser, site: RunningSite, video: Any) -> None:
    with watched_page(browser, site, java_script_enabled=False) as page:
        visit(page, f"/watch/{video['id']}")
        play_by_keyboard(page)


def test_the_landing_page_leads_to_the_newest_videos(page: Page, video: Any) -> None:
    visit(page, "/")
    poster = "document.querySelector('img.poster').naturalWidth"
    assert eventually(lambda: page.evaluate(poster) > 0)
    screenshot(page, "landing")
    link = f"a[href='/watch/{video['id']}']"
    tab_to(page, link)
    leave_by(page, lambda: page.keyboard.press("Enter"))
    assert page.inner_text("h1") == f"How to {MARKUP}"


def test_a_video_that_is_not_there(page: Page) -> None:
    answer = page.goto("/watch/none")
    assert answer is not None
    assert answer.status == 404
    screenshot(page, "watch-missing")

"""The pages on which staff decide, for people to look at."""

import pytest
from playwright.sync_api import Page

from viztube.ops.tests.browser.browsing import PHONE, Staff, screenshot, sign_in, visit
from viztube.ops.tests.browser.deciding import open_case
from viztube.ops.tests.browser.scenery import MARKUP, Scenery

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def pictures(page: Page, name: str) -> None:
    """Keep a picture in light and one in dark."""
    screenshot(page, name)
    page.emulate_media(color_scheme="dark")
    page.reload()
    screenshot(page, f"{name}-dark")
    page.emulate_media(color_scheme="light")


def test_every_page_shows_what_people_wrote_as_they_wrote_it(
    page: Page, scenery: Scenery, senior: Staff
) -> None:
    sign_in(page, senior)
    pictures(page, "desk-start")
    for kind, text in (("video", "How to "), ("comment", "Comment "), ("tweet", "Tweet ")):
        open_case(page, text + MARKUP)
        assert f"Because of {MARKUP}" in page.inner_text("#main")
        pictures(page, f"case-{kind}")
    open_case(page, "@olive")
    assert f"Olive {MARKUP}" in page.inner_text("#main")
    pictures(page, "case-channel")

    # What has no case is decided about on a page of its own.
    for kind, thing in (("comment", scenery.comment), ("channel", scenery.viewer)):
        visit(page, f"/admin/social/case/decide/?target={kind}&id={thing['id']}")
        pictures(page, f"decide-{kind}")


def test_a_case_fits_on_a_phone(page: Page, scenery: Scenery, senior: Staff) -> None:
    page.set_viewport_size(PHONE)
    sign_in(page, senior)
    screenshot(page, "desk-start-phone")
    open_case(page, "How to ")
    screenshot(page, "case-video-phone")

"""The admin site in a browser: signing in by keyboard, and every list and its details."""

import re

import httpx
import pytest
from django.contrib import admin
from playwright.sync_api import Page

from viztube.ops.tests.browser.browsing import Staff, screenshot, sign_in, visit
from viztube.ops.tests.browser.deciding import decide
from viztube.ops.tests.browser.scenery import MARKUP, Scenery
from viztube.ops.tests.site import RunningSite

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LIST = re.compile(r"/admin/\w+/\w+/")
DETAIL = re.compile(r"/admin/(\w+)/(\w+)/[^/]+/change/")


def links(page: Page, pattern: re.Pattern[str]) -> list[str]:
    """Return the paths that a page links to and that match, each once, in the page's order."""
    paths = page.eval_on_selector_all("a[href]", "all => all.map(one => one.pathname)")
    return list(dict.fromkeys(path for path in paths if pattern.fullmatch(path)))


def test_a_superuser_gets_by_keyboard_to_every_list_and_its_details(
    page: Page, superuser: Staff, scenery: Scenery
) -> None:
    sign_in(page, superuser)
    assert page.url.endswith("/admin/")
    screenshot(page, "admin-start")
    # So that the log of decisions has a line.
    visit(page, f"/admin/social/case/decide/?target=comment&id={scenery.comment['id']}")
    decide(page, "comment:remove", f"Says {MARKUP}")

    lists = links(page, LIST)
    there = {f"/admin/{of._meta.app_label}/{of._meta.model_name}/" for of in admin.site._registry}
    assert there <= set(lists), "a model is not in the navigation"
    for path in lists:
        name = "admin-" + "-".join(path.split("/")[2:4])
        visit(page, path)
        assert "Show all" not in page.inner_text("h1"), "nothing is left out"
        screenshot(page, f"{name}-list")
        if details := [one for one in links(page, DETAIL) if one.startswith(path)]:
            visit(page, details[0])
            screenshot(page, f"{name}-detail")


def test_somebody_who_is_not_staff_is_refused(page: Page, site: RunningSite) -> None:
    stranger = site.sign_up("stranger")

    sign_in(page, Staff("stranger", "violet-harbour-9"))

    assert "/admin/login/" in page.url
    assert "for a staff account" in page.inner_text("body")
    screenshot(page, "admin-refused")
    # Nor with the token that opens the API to them.
    answer = httpx.get(f"{site.url}/admin/", headers=stranger.headers)
    assert (answer.status_code, answer.headers["location"]) == (302, "/admin/login/?next=/admin/")

"""One service and one browser for all of these tests; each test has a page of its own."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from viztube.ops.tests.browser.browsing import (
    Staff,
    chromium_program,
    make_staff,
    watched_page,
)
from viztube.ops.tests.browser.scenery import Scenery, set_the_scene
from viztube.ops.tests.site import RunningSite, running_site, site_environ


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Return a running Chromium.

    While it runs, Django refuses queries from this process: Playwright's loop is in its thread.
    The service has processes of its own, which tests reach by HTTP and ``site.manage``.
    """
    program = chromium_program(os.environ)
    with sync_playwright() as playwright:
        # Playwright turns Chromium's sandbox off, which containers and root do not have; the pages
        # are our own.
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """Return the running service."""
    with running_site(site_environ(tmp_path_factory.mktemp("site"))) as running:
        yield running


@pytest.fixture(scope="package")
def scenery(site: RunningSite) -> Scenery:
    """Return things to look at: some of everything."""
    return set_the_scene(site)


@pytest.fixture
def page(browser: Browser, site: RunningSite) -> Iterator[Page]:
    """Return a page of somebody who has never been there; it must not complain."""
    with watched_page(browser, site) as opened:
        yield opened


@pytest.fixture(scope="package")
def superuser(site: RunningSite) -> Staff:
    """Return who may do everything."""
    return make_staff(site, "root", "--superuser")


@pytest.fixture(scope="package")
def moderator(site: RunningSite) -> Staff:
    """Return who decides about content."""
    return make_staff(site, "mona", "--group", "Moderators")


@pytest.fixture(scope="package")
def senior(site: RunningSite) -> Staff:
    """Return who decides about people as well."""
    return make_staff(site, "selma", "--group", "Senior moderators")

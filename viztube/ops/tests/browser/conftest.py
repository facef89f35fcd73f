"""One service and one browser for all of these tests; each test has a page of its own."""

import os
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from psycopg import sql

from viztube.ops.tests.backing_up import server_does
from viztube.ops.tests.browser.browsing import (
    Staff,
    chromium_program,
    make_staff,
    watched_page,
)
from viztube.ops.tests.browser.scenery import Scenery, set_the_scene
from viztube.ops.tests.site import Environ, RunningSite, manage, running_site, site_environ


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
def desk_environ(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environ]:
    """Return the environment of a service on an empty database of its own."""
    name = f"browser_{secrets.token_hex(4)}"
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    server_does(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    environ = site_environ(tmp_path_factory.mktemp("site"))
    environ |= {"DATABASE_URL": address, "REDIS_URL": os.environ["REDIS_URL"]}
    manage(environ, "migrate")
    yield environ
    server_does(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="package")
def superuser(desk_environ: Environ) -> Staff:
    """Return who may do everything."""
    return make_staff(desk_environ, "root", "--superuser")


@pytest.fixture(scope="package")
def site(desk_environ: Environ, superuser: Staff) -> Iterator[RunningSite]:
    """Return the running service; no demo is made, which takes long, as there is an account."""
    with running_site(desk_environ) as running:
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
def moderator(site: RunningSite) -> Staff:
    """Return who decides about content."""
    return make_staff(site.environ, "mona", "--group", "Moderators")


@pytest.fixture(scope="package")
def senior(site: RunningSite) -> Staff:
    """Return who decides about people as well."""
    return make_staff(site.environ, "selma", "--group", "Senior moderators")

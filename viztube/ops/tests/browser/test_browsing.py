"""The tools of the browser tests: which browser it is, and what no page may do unnoticed."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from viztube.ops.tests.browser.browsing import chromium_program, watched_page
from viztube.ops.tests.site import RunningSite

WRONG = {
    "a script fails": ("<script>missing()</script>", {}, "missing is not defined"),
    "an error is logged": ("<script>console.error('Oh')</script>", {}, "Oh"),
    "a script is not allowed": (
        "<script>1</script>",
        {"Content-Security-Policy": "script-src 'self'"},
        "Content Security Policy",
    ),
    "a style would not be allowed": (
        "<style>p {}</style>",
        {"Content-Security-Policy-Report-Only": "style-src 'self'"},
        "Content Security Policy",
    ),
    "a file is missing": ("<script src='/static/missing.js'></script>", {}, "404 for "),
    "a server is away": ("<img src='http://127.0.0.1:1/'>", {}, "http://127.0.0.1:1/"),
}


def program(path: Path) -> str:
    path.touch(mode=0o700)
    return str(path)


def test_the_browser_is_the_one_named_or_one_in_path(tmp_path: Path) -> None:
    here = {"PATH": str(tmp_path)}
    chrome = program(tmp_path / "google-chrome")
    assert chromium_program(here) == chrome
    assert chromium_program(here | {"CHROMIUM": "", "BROWSER": "firefox"}) == chrome

    chromium = program(tmp_path / "chromium")
    assert chromium_program(here) == chromium
    assert chromium_program(here | {"CHROMIUM": "google-chrome"}) == chrome
    assert chromium_program(here | {"CHROMIUM": chrome}) == chrome


def test_without_a_browser_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(match=r"`sudo apt install chromium`.*CHROMIUM=") as error:
        chromium_program({"PATH": str(tmp_path)})
    assert str(error.value).count("\n") == 0

    program(tmp_path / "chromium")
    with pytest.raises(match=r"There is no program firefux: .* CHROMIUM="):
        chromium_program({"PATH": str(tmp_path), "CHROMIUM": "firefux"})


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("what", WRONG)
def test_a_page_on_which_something_goes_wrong_fails_its_test(
    browser: Browser, site: RunningSite, what: str
) -> None:
    html, headers, told = WRONG[what]

    def look() -> None:
        with watched_page(browser, site) as page:
            answer = {"body": html, "headers": headers | {"Content-Type": "text/html"}}
            page.route("**/made-up", lambda route: route.fulfill(**answer))
            page.goto("/made-up")

    with pytest.raises(AssertionError, match=told):
        look()

"""How staff get to a case and decide, with mouse or keyboard."""

from playwright.sync_api import Page

from viztube.ops.tests.browser.browsing import leave_by, tab_to, visit

CASE_LINK = "#main a[href*='/social/case/'][href$='/change/']"


def open_case(page: Page, text: str, *, by_keyboard: bool = False) -> None:
    """Go from the start page to the case about what says this."""
    visit(page, "/admin/")
    link = page.locator(CASE_LINK, has_text=text).first
    if by_keyboard:
        tab_to(page, f"a[href='{link.get_attribute('href')}']")
        leave_by(page, lambda: page.keyboard.press("Enter"))
    else:
        leave_by(page, link.click)


def decide(page: Page, decision: str, reason: str, days: int | None = None) -> None:
    """Fill in the form of the page that is open and send it; the decision must be taken."""
    page.check(f"input[name=decision][value='{decision}']")
    if days is not None:
        page.fill("input[name=days]", str(days))
    page.fill("textarea[name=reason]", reason)
    leave_by(page, lambda: page.get_by_role("button", name="Decide").click())


def decide_by_keyboard(page: Page, decision: str, reason: str) -> None:
    """Do the same by Tab, arrows, Space and Enter alone."""
    tab_to(page, "input[name=decision]")
    page.keyboard.press("Space")
    # The arrows go through all choices and round.
    for _ in range(page.locator("input[name=decision]").count()):
        if page.locator(f"input[value='{decision}']").is_checked():
            break
        page.keyboard.press("ArrowDown")
    tab_to(page, "textarea[name=reason]")
    page.keyboard.type(reason)
    tab_to(page, "form button[type=submit]:not([name])")
    leave_by(page, lambda: page.keyboard.press("Enter"))

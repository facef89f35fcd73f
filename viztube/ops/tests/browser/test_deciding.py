"""Working through cases in a browser, and what everybody else sees of it."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from viztube.ops.tests.browser.browsing import Staff, leave_by, screenshot, sign_in, visit
from viztube.ops.tests.browser.deciding import decide, decide_by_keyboard, open_case
from viztube.ops.tests.browser.scenery import account_of, comment, data_of, report, tweet, upload
from viztube.ops.tests.site import RunningSite

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PASSWORD = "violet-harbour-9"
REASONS = ("Shows violence.", "It is a cartoon.")


def play(page: Page) -> None:
    """Play the video in the page; it must go on by itself."""
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_function(
        "(player => player.readyState >= 2 && player.currentTime > 0.3)"
        "(document.querySelector('video'))"
    )
    page.evaluate("document.querySelector('video').pause()")


def seen_by_a_stranger(site: RunningSite, video: Any) -> dict[str, bool]:
    """Tell where somebody signed out finds a video."""

    def listed(path: str) -> bool:
        return any(one["id"] == video["id"] for one in httpx.get(path).json()["data"]["docs"])

    return {
        "page": httpx.get(f"{site.api}/videos/{video['id']}").status_code != 404,
        "all videos": listed(f"{site.api}/videos?limit=100"),
        "search": listed(f"{site.api}/videos?query={video['title']}"),
        "channel": listed(f"{site.api}/videos?userId={video['userId']}"),
    }


def status_of(address: str) -> int:
    return httpx.get(address, headers={"Range": "bytes=0-9"}).status_code


def test_a_reported_video_vanishes_for_strangers_and_comes_back_when_it_is_restored(
    page: Page, site: RunningSite, moderator: Staff
) -> None:
    owner, viewer = site.sign_up("otto"), site.sign_up("vic")
    video = upload(owner, "Questionable-bunny")
    report(viewer, "video", video, reason="violence", details="At 0:03.")
    assert set(seen_by_a_stranger(site, video).values()) == {True}
    assert status_of(video["videoFileUrl"]) == 206

    sign_in(page, moderator)
    open_case(page, video["title"])
    play(page)
    assert "At 0:03." in page.inner_text("#main")
    decide(page, "video:take_down", REASONS[0])

    assert set(seen_by_a_stranger(site, video).values()) == {False}
    assert [status_of(video[of]) for of in ("videoFileUrl", "thumbnailUrl")] == [404, 404]
    assert data_of(viewer.get("/reports"))[0]["state"] == "upheld"
    (notice,) = data_of(owner.get("/user/notices"))
    assert notice["reason"] == REASONS[0]
    # Staff go on seeing what they decided about, and the owner what is theirs.
    play(page)
    screenshot(page, "case-video-taken-down")
    assert owner.get(f"/videos/{video['id']}").status_code == 200

    decide(page, "video:restore", REASONS[1])

    assert set(seen_by_a_stranger(site, video).values()) == {True}
    shown = data_of(httpx.get(f"{site.api}/videos/{video['id']}"))
    assert status_of(shown["videoFileUrl"]) == 206
    assert status_of(video["videoFileUrl"]) == 404
    play(page)
    # The log keeps both.
    told = page.inner_text("#main")
    assert all(reason in told for reason in REASONS)


def test_a_case_is_worked_through_by_keyboard_alone(
    page: Page, site: RunningSite, moderator: Staff
) -> None:
    writer, reader = site.sign_up("kim"), site.sign_up("lou")
    said = tweet(writer, "Buy-followers-here")
    report(reader, "tweet", said)

    sign_in(page, moderator)
    open_case(page, said["content"], by_keyboard=True)
    decide_by_keyboard(page, "tweet:remove", "Advertising.")

    writer_id = account_of(writer)["id"]
    assert data_of(httpx.get(f"{site.api}/tweets/user/{writer_id}")) == []
    assert data_of(reader.get("/reports"))[0]["state"] == "upheld"


def test_several_comments_are_decided_about_at_once(
    page: Page, site: RunningSite, moderator: Staff
) -> None:
    spammer, owner = site.sign_up("spammer"), site.sign_up("nora")
    video = upload(owner, "Under attack")
    for number in range(3):
        comment(spammer, video, f"Cheap pills {number}")
    kept = comment(owner, video, "Go away")

    sign_in(page, moderator)
    visit(page, "/admin/social/comment/")
    for row in page.locator("#result_list tr", has_text="Cheap pills").all():
        row.locator("input[name=_selected_action]").check()
    page.select_option("select[name=action]", "decide")
    leave_by(page, lambda: page.locator("button[name=index]").click())
    assert page.locator("#main li", has_text="Cheap pills").count() == 3
    screenshot(page, "decide-bulk")
    decide(page, "comment:remove", "Spam.")

    assert "3 comments removed." in page.inner_text("body")
    screenshot(page, "decide-bulk-done")
    shown = data_of(httpx.get(f"{site.api}/comments/{video['id']}"))
    assert [one["id"] for one in shown] == [kept["id"]]


def test_a_person_is_suspended_at_once_and_may_return(
    page: Page, site: RunningSite, senior: Staff
) -> None:
    person, reader = site.sign_up("sid"), site.sign_up("rita")
    report(reader, "channel", account_of(person), reason="harassment")

    def log_in() -> httpx.Response:
        credentials = {"username": "sid", "password": PASSWORD}
        return httpx.post(f"{site.api}/user/login", json=credentials)

    sign_in(page, senior)
    open_case(page, "@sid")
    decide(page, "channel:suspend", "Insulted others.", days=3)

    assert person.get("/user/current-user-details").status_code == 401
    refused = log_in()
    assert (refused.status_code, refused.json()["code"]) == (403, "suspended")
    assert httpx.get(f"{site.api}/user/c/sid").status_code == 404
    screenshot(page, "case-channel-suspended")

    decide(page, "channel:lift", "Apologised.")

    assert log_in().status_code == 200
    assert httpx.get(f"{site.api}/user/c/sid").status_code == 200
    # What was ended stays ended.
    assert person.get("/user/current-user-details").status_code == 401

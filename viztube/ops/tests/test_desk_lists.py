"""How lists of the desk are read: searches, filters, pages, decisions."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from social.models import Comment
from social.tests.factories import CommentFactory, LikeFactory, PlaylistVideoFactory, TweetFactory
from users.tests.browsers import Browser, browser_of, run_action, staff, superuser
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.desk import paging

pytestmark = pytest.mark.django_db

COMMENTS = "/admin/social/comment/"
DECIDE = "/admin/social/case/decide/"


@pytest.fixture
def browser() -> Browser:
    """Return a browser of somebody who may do everything."""
    return browser_of(superuser())


@pytest.fixture
def needle() -> Comment:
    """Return a comment beside others."""
    CommentFactory.create_batch(2, content="hay")
    owner = UserFactory.create(username="needle.owner")
    comment: Comment = CommentFactory.create(user=owner, content="A Sharp Needle")
    return comment


def shown(browser: Browser, address: str, **query: Any) -> list[str]:
    """Return the ids of the rows that a list shows."""
    answer = browser.get(address, query)
    assert answer.status_code == 200
    return [str(row.pk) for row in answer.context["cl"].result_list]


@pytest.mark.parametrize("by", ["sharp need", "@Needle.Owner", "id", "owner", "video"])
def test_a_search_finds_by_text_owner_and_ids(browser: Browser, needle: Comment, by: str) -> None:
    ids = {"id": needle.pk, "owner": needle.user_id, "video": needle.video_id}

    assert shown(browser, COMMENTS, q=str(ids.get(by, by))) == [str(needle.pk)]


@pytest.mark.parametrize("typed", ["ne", "@", "@nobody", f"{UUID(int=0)}", "!!!!"])
def test_what_cannot_be_found_shows_no_rows(browser: Browser, needle: Comment, typed: str) -> None:
    assert shown(browser, COMMENTS, q=typed) == []


@pytest.mark.parametrize("typed", ["ne", "!!!!"])
def test_a_search_without_an_index_is_refused_with_a_hint(
    browser: Browser, needle: Comment, typed: str
) -> None:
    with captured_queries() as statements:
        page = browser.get(COMMENTS, {"q": typed}).content.decode()

    assert "at least three letters or digits in a row" in page
    assert not [text for text in statements if "LIKE" in text]


def test_a_list_says_what_may_be_searched_for(browser: Browser) -> None:
    assert 'placeholder="Search: content; @username' in browser.get(COMMENTS).content.decode()


def test_a_list_is_filtered_by_days(browser: Browser) -> None:
    days = [datetime(2026, 3, day, 23, 59, tzinfo=UTC) for day in (1, 2, 3, 4)]
    comments = [CommentFactory.create(created_at=day) for day in days]
    found = shown(browser, COMMENTS, created_at_from="2026-03-02", created_at_to="2026-03-03")

    assert found == [str(comments[2].pk), str(comments[1].pk)]
    page = browser.get(COMMENTS, {"created_at_from": "yesterday"}).content.decode()
    assert "is no date" in page


def test_a_list_is_filtered_by_person_and_by_removal(browser: Browser, needle: Comment) -> None:
    removed = CommentFactory.create(user=needle.user, removed_at=timezone.now())
    mine = {"user__id__exact": str(needle.user_id)}

    assert shown(browser, COMMENTS, **mine) == [str(removed.pk), str(needle.pk)]
    assert shown(browser, COMMENTS, removed_at_set="1") == [str(removed.pk)]
    assert shown(browser, COMMENTS, removed_at_set="0", **mine) == [str(needle.pk)]


@pytest.mark.parametrize(
    ("typed", "found"), [("need", True), ("@needle.owner", True), ("ne", False)]
)
def test_a_person_is_completed_by_search(
    browser: Browser, needle: Comment, typed: str, found: bool
) -> None:
    field = {"app_label": "social", "model_name": "comment", "field_name": "user"}
    answer = browser.get("/admin/autocomplete/", {**field, "term": typed})

    assert [row["text"] for row in answer.json()["results"]] == ["needle.owner"] * (len(typed) > 2)


def test_the_newest_come_first_whatever_their_ids_say(browser: Browser) -> None:
    now = timezone.now()
    old = CommentFactory.create(created_at=now - timedelta(days=1))
    older = CommentFactory.create(created_at=now - timedelta(days=2))
    new = CommentFactory.create(id=uuid4(), created_at=now)
    ids = [str(comment.pk) for comment in (new, old, older)]

    assert shown(browser, COMMENTS) == ids
    column = 5
    assert shown(browser, COMMENTS, o=str(column)) == ids[::-1]


def test_no_more_rows_are_counted_than_pages_are_turned(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST", 60)
    CommentFactory.create_batch(61, user=UserFactory.create(), video=VideoFactory.create())
    with captured_queries() as statements:
        answer = browser.get(COMMENTS, {"p": 2})

    assert len(answer.context["cl"].result_list) == 10
    assert "More than 10,000 comments" in answer.content.decode()
    (counting,) = [text for text in statements if "COUNT(" in text]
    assert "LIMIT 61" in counting
    assert "ORDER BY" in counting
    assert browser.get(COMMENTS, {"p": 3}).status_code == 302


def test_a_short_list_is_counted(browser: Browser, needle: Comment) -> None:
    page = " ".join(browser.get(COMMENTS).content.decode().split())

    assert " 3 comments" in page
    assert "More than" not in page


def test_cells_lead_to_what_they_name(browser: Browser, needle: Comment) -> None:
    page = browser.get(COMMENTS).content.decode()

    assert f'href="/admin/users/user/{needle.user_id}/change/"' in page
    assert f'href="/admin/videos/video/{needle.video_id}/change/"' in page
    like = LikeFactory.create(comment=needle)
    assert (
        f'href="{COMMENTS}{needle.pk}/change/"'
        in browser.get("/admin/social/like/").content.decode()
    )
    page = browser.get(f"/admin/social/like/{like.pk}/change/").content.decode()
    assert f'href="{COMMENTS}{needle.pk}/change/"' in page


def test_a_long_text_is_cut_off_in_lists_only(browser: Browser) -> None:
    comment = CommentFactory.create(content=f"{'word ' * 100}END")

    assert "END" not in browser.get(COMMENTS).content.decode()
    assert "END" in browser.get(f"{COMMENTS}{comment.pk}/change/").content.decode()


def test_a_playlist_shows_its_videos_in_order(browser: Browser) -> None:
    entry = PlaylistVideoFactory.create(position=2, video__title="Second")
    PlaylistVideoFactory.create(playlist=entry.playlist, position=1, video__title="First")
    page = browser.get(f"/admin/social/playlist/{entry.playlist_id}/change/").content.decode()

    assert 0 < page.index("First") < page.index("Second")


@pytest.mark.parametrize(
    ("kind", "address", "make", "permission"),
    [
        ("video", "videos/video", VideoFactory.create, "decide_content"),
        ("comment", "social/comment", CommentFactory.create, "decide_content"),
        ("tweet", "social/tweet", TweetFactory.create, "decide_content"),
        ("channel", "users/user", UserFactory.create, "decide_people"),
    ],
)
def test_lists_and_pages_lead_to_the_decision(
    kind: str, address: str, make: Any, permission: str
) -> None:
    rows = [make(), make()]
    view = f"view_{address.rpartition('/')[2]}"
    page, entry = f"/admin/{address}/", f"/admin/{address}/{rows[0].pk}/"
    decider = browser_of(staff(view, permission))
    other = {"decide_content": "decide_people", "decide_people": "decide_content"}[permission]
    viewer = browser_of(staff(view, other))

    body = {"action": "decide", "_selected_action": [str(row.pk) for row in rows]}
    for answer, chosen in (
        (decider.post(page, body), rows),
        (decider.get(f"{entry}decide/"), rows[:1]),
    ):
        to = urlsplit(answer["Location"])
        assert (answer.status_code, to.path) == (302, DECIDE)
        query = parse_qs(to.query)
        assert query["target"] == [kind]
        assert set(query["id"]) == {str(row.pk) for row in chosen}
    assert f"{entry}decide/" in decider.get(f"{entry}change/").content.decode()

    assert f"{entry}decide/" not in viewer.get(f"{entry}change/").content.decode()
    assert 'value="decide"' not in viewer.get(page).content.decode()
    assert viewer.get(f"{entry}decide/").status_code == 403
    assert DECIDE not in viewer.post(page, body).get("Location", "")


def test_no_more_is_decided_about_than_fits_into_an_address(browser: Browser) -> None:
    VideoFactory.create_batch(51, user=UserFactory.create())
    body = {"action": "decide", "select_across": "1", "_selected_action": str(uuid4())}
    answer = browser.post("/admin/videos/video/", body, follow=True)

    assert "Choose at most 50 at a time." in answer.content.decode()


def test_how_a_video_stands_is_not_changed_from_its_list(browser: Browser) -> None:
    video = VideoFactory.create()
    for action in ("publish", "hide"):
        run_action(browser, "/admin/videos/video/", action, video)

    assert Video.objects.get().is_published

"""What reads cost in statements, whatever the number of rows."""

import pytest
from django.utils import timezone

from users.models import User
from users.tests.queries import captured_queries
from videos.models import ViewEvent, WatchHistory
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("rows", [1, 50])
@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("", 1),
        ("&page=1", 1),
        ("&query=number", 2),
        ("&query=number&sortBy=relevance", 1),
        ("&sortBy=title", 1),
    ],
)
def test_a_list_costs_one_and_a_search_two(api: Client, rows: int, query: str, cost: int) -> None:
    for video in VideoFactory.create_batch(rows):
        ViewEvent.objects.create(video=video)
    with captured_queries() as statements:
        page = api.get(f"videos?limit=100{query}").data

    # How much the planner expects, where that decides how a page is looked for; the page with its
    # owners, its counts and the number of all.
    assert len(page["docs"]) == rows
    assert len(statements) == cost, statements


@pytest.mark.parametrize("rows", [1, 50])
def test_a_list_for_somebody_signed_in_costs_one_more(user_client: Client, rows: int) -> None:
    VideoFactory.create_batch(rows)
    with captured_queries() as statements:
        user_client.get("videos?limit=100")

    # The caller with the session; the page.
    assert len(statements) == 2, statements


@pytest.mark.parametrize(
    "query", ["", "page=2&limit=1", "sortBy=title&sortType=asc", "userId={owner}", "query=number"]
)
@pytest.mark.parametrize("signed_in", [0, 1])
def test_a_first_page_costs_nothing_once_it_is_remembered(
    api: Client, user_client: Client, signed_in: int, query: str
) -> None:
    owner = VideoFactory.create_batch(25)[0].user
    path = f"videos?{query.format(owner=owner.pk)}"
    page = api.get(path).data
    # So that the caller is remembered.
    user_client.get("user/sessions")
    with captured_queries() as statements:
        again = (user_client if signed_in else api).get(path).data

    # Which of them the caller likes.
    liked = False if signed_in else None
    assert page["docs"]
    assert again == {**page, "docs": [{**video, "isLiked": liked} for video in page["docs"]]}
    assert len(statements) == signed_in, statements


@pytest.mark.parametrize("rows", [1, 50])
def test_a_cursor_costs_no_more(api: Client, rows: int) -> None:
    VideoFactory.create_batch(rows + 1)
    cursor = api.get("videos?limit=1").data["nextCursor"]
    with captured_queries() as statements:
        page = api.get(f"videos?limit=100&cursor={cursor}").data

    # The rows after the cursor, with the number of all.
    assert len(page["docs"]) == rows
    assert len(statements) == 1, statements


@pytest.mark.parametrize("rows", [1, 50])
def test_a_later_page_costs_no_more(api: Client, rows: int) -> None:
    VideoFactory.create_batch(2 * rows)
    with captured_queries() as statements:
        page = api.get(f"videos?limit={rows}&page=2&sortBy=duration").data

    assert len(page["docs"]) == rows
    assert len(statements) == 1, statements


@pytest.mark.parametrize(
    ("query", "cost"), [("page=9", 2), ("page=9&sortBy=title", 2), ("page=9&query=number", 3)]
)
def test_a_page_past_the_end_costs_one_more(api: Client, query: str, cost: int) -> None:
    VideoFactory.create_batch(3)
    with captured_queries() as statements:
        page = api.get(f"videos?{query}").data

    # The page, which has no row that could tell the number of all; that number. Before a search,
    # how much the planner expects.
    assert (page["docs"], page["totalDocs"]) == ([], 3)
    assert len(statements) == cost, statements


def test_an_empty_list_costs_one(api: Client) -> None:
    with captured_queries() as statements:
        api.get("videos")

    # The page.
    assert len(statements) == 1, statements


@pytest.mark.parametrize("events", [1, 50])
def test_one_video_costs_one_the_caller_and_what_is_not_remembered(
    user_client: Client, events: int
) -> None:
    video = VideoFactory.create_batch(events)[0]
    for _ in range(events):
        ViewEvent.objects.create(video=video)
    # The view, the history and what the caller has done; at first the caller with the session, and
    # what is shown of the video with its owner. Views are never late.
    for views, cost in ((events + 1, 3), (events + 2, 1), (events + 3, 1)):
        with captured_queries() as statements:
            assert user_client.get(f"videos/{video.pk}").data["views"] == views

        assert len(statements) == cost, statements


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_one_video_for_somebody_signed_out_costs_one_once_it_is_remembered(
    api: Client, method: str
) -> None:
    video = VideoFactory.create()
    # The view, if it is one, and whether it may be seen; at first what is shown of it.
    for cost in (2, 1, 1):
        with captured_queries() as statements:
            assert api.request(method, f"videos/{video.pk}").status == 200

        assert len(statements) == cost, statements


def test_one_video_costs_one_where_a_list_has_shown_it(user_client: Client, user: User) -> None:
    video = VideoFactory.create()
    WatchHistory.objects.create(user=user, video=video, watched_at=timezone.now())
    user_client.get("user/watch-history")
    with captured_queries() as statements:
        page = user_client.get(f"videos/{video.pk}").data

    assert (page["id"], page["views"]) == (str(video.pk), 1)
    assert len(statements) == 1, statements


def test_what_nobody_may_see_costs_one(api: Client) -> None:
    video = VideoFactory.create(is_published=False)
    with captured_queries() as statements:
        assert api.get(f"videos/{video.pk}").status == 404

    # Whether it may be seen.
    assert len(statements) == 1, statements


def test_the_search_column_is_never_read(api: Client) -> None:
    video = VideoFactory.create()
    with captured_queries() as statements:
        api.get("videos?query=number")
        api.get(f"videos/{video.pk}")

    assert not [text for text in statements if '"search",' in text], statements

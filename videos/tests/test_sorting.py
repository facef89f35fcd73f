"""Sort orders of the list, and cursors that walk them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = ["createdAt", "views", "duration", "title", "relevance"]
ROWS = 23


@pytest.fixture
def many() -> list[Video]:
    """Videos among which every sort order has ties, times to the microsecond among them."""
    owner = UserFactory.create()
    videos = []
    for number in range(ROWS):
        video = VideoFactory.create(
            user=owner,
            title=["walk", "Walk", "a walk in the park", "Walking " + "far " * 60][number % 4],
            description="walk " * (number % 3),
            views=number % 4,
            duration=[0.1, 1 / 3, 12.5][number % 3],
        )
        moment = START + timedelta(microseconds=number // 5)
        Video.objects.filter(pk=video.pk).update(created_at=moment)
        videos.append(video)
    return videos


def key(sort: str, row: dict[str, Any]) -> Any:
    return row["title"][:200].lower() if sort == "title" else row[sort]


def address(sort: str, direction: str, **more: Any) -> dict[str, Any]:
    query = {"sortBy": sort, "sortType": direction, **more}
    return {**query, "query": "walk"} if sort == "relevance" else query


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ORDERS)
def test_a_cursor_walks_through_every_row_once_and_in_order(
    api: Client, many: list[Video], sort: str, direction: str
) -> None:
    whole = api.get("videos", query=address(sort, direction, limit=100)).data["docs"]
    rows: list[dict[str, Any]] = []
    pages, cursor = 0, None
    while cursor or not pages:
        extra: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = api.get("videos", query=address(sort, direction, limit=4, **extra)).data
        assert page["totalDocs"] == ROWS
        rows += page["docs"]
        pages += 1
        assert page["page"] == pages
        assert page["hasNextPage"] == (page["nextCursor"] is not None)
        cursor = page["nextCursor"]

    assert pages == -(-ROWS // 4)
    assert [row["id"] for row in rows] == [row["id"] for row in whole]
    assert {row["id"] for row in rows} == {str(video.pk) for video in many}
    if sort != "relevance":
        keys = [(key(sort, row), row["id"]) for row in rows]
        assert keys == sorted(keys, reverse=direction == "desc")


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ORDERS)
def test_page_numbers_walk_the_same_way(
    api: Client, many: list[Video], sort: str, direction: str
) -> None:
    whole = api.get("videos", query=address(sort, direction, limit=100)).data["docs"]
    rows = []
    for number in range(1, 7):
        rows += api.get("videos", query=address(sort, direction, limit=4, page=number)).data["docs"]

    assert [row["id"] for row in rows] == [row["id"] for row in whole]
    assert len(rows) == ROWS


def test_the_newest_come_first_by_default(api: Client) -> None:
    old, new = VideoFactory.create_batch(2)

    for query in ("", "?sortBy=createdAt", "?sortType=desc"):
        rows = api.get(f"videos{query}").data["docs"]
        assert [row["id"] for row in rows] == [str(new.pk), str(old.pk)]


def test_relevance_puts_the_best_first(api: Client) -> None:
    weak = VideoFactory.create(title="Something", description="with a walk in it")
    strong = VideoFactory.create(title="Walk", description="")
    rows = api.get("videos", query=address("relevance", "desc")).data["docs"]

    assert [row["id"] for row in rows] == [str(strong.pk), str(weak.pk)]


def test_titles_are_sorted_whatever_their_case(api: Client) -> None:
    for title in ("beta", "Alpha", "alphabet", "Beta blocker", "ALPHA 2"):
        VideoFactory.create(title=title)
    rows = api.get("videos?sortBy=title&sortType=asc").data["docs"]

    assert [row["title"] for row in rows] == [
        "Alpha",
        "ALPHA 2",
        "alphabet",
        "beta",
        "Beta blocker",
    ]


def test_a_row_that_appears_meanwhile_does_not_disturb_a_cursor(
    api: Client, many: list[Video]
) -> None:
    first = api.get("videos?limit=10").data
    VideoFactory.create(title="new")
    second = api.get("videos", query={"limit": 10, "cursor": first["nextCursor"]}).data

    ids = {row["id"] for row in first["docs"]} | {row["id"] for row in second["docs"]}
    assert len(ids) == 20


@pytest.mark.parametrize(
    "other", ["sortBy=views", "sortType=asc", "sortBy=title", "sortBy=relevance&query=walk"]
)
def test_a_cursor_of_another_order_is_400(api: Client, many: list[Video], other: str) -> None:
    cursor = api.get("videos?limit=2").data["nextCursor"]
    answer = api.get(f"videos?limit=2&{other}&cursor={cursor}")

    assert (answer.status, list(answer.body["details"])) == (400, ["cursor"])


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("end", [0, 5, 20])
def test_a_damaged_cursor_is_400(api: Client, many: list[Video], sort: str, end: int) -> None:
    cursor = api.get("videos", query=address(sort, "desc", limit=2)).data["nextCursor"]
    answer = api.get("videos", query=address(sort, "desc", cursor="x" + cursor[end : -end or None]))

    assert (answer.status, list(answer.body["details"])) == (400, ["cursor"])


def test_a_cursor_keeps_the_filters(api: Client, many: list[Video]) -> None:
    VideoFactory.create_batch(3)
    query: dict[str, Any] = {"userId": str(many[0].user_id), "limit": 20}
    first = api.get("videos", query=query).data
    second = api.get("videos", query={**query, "cursor": first["nextCursor"]}).data

    assert len(first["docs"]) + len(second["docs"]) == first["totalDocs"] == ROWS

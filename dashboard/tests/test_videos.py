"""The list of one's own videos."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from dashboard.tests.moments import dated, seen
from social.tests.factories import CommentFactory, LikeFactory
from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.tests.factories import VideoFactory
from videos.tests.hidden import suspended
from viztube.api.tests.fixtures import Client, openapi

pytestmark = pytest.mark.django_db


def test_an_empty_list_has_its_whole_shape(user_client: Client) -> None:
    answer = user_client.get("dashboard/videos")

    assert answer.data == {"videos": [], "totalVideos": 0}
    assert answer.body["pagination"] == {
        "page": 1,
        "limit": 10,
        "totalDocs": 0,
        "totalPages": 0,
        "hasNextPage": False,
        "hasPrevPage": False,
        "nextCursor": None,
    }


def test_a_row_is_the_video_with_its_counts(user_client: Client, user: User) -> None:
    video = VideoFactory.create(user=user, views=7)
    seen(video, "2026-01-31", "2026-01-31")
    LikeFactory.create(video=video, user=user)
    LikeFactory.create_batch(2, video=video)
    CommentFactory.create_batch(4, video=video)
    CommentFactory.create(video=video, removed_at=timezone.now())
    CommentFactory.create(video=video, user=UserFactory.create(**suspended()))

    (row,) = user_client.get("dashboard/videos").data["videos"]
    page = dict(user_client.request("GET", "videos").data["docs"][0])
    page.pop("user")
    assert row == {**page, "_count": {"likes": 3}}
    assert (row["views"], row["likesCount"], row["commentsCount"]) == (9, 3, 4)
    assert row["isLiked"] is True


def test_hidden_videos_are_there_and_the_newest_come_first(user_client: Client, user: User) -> None:
    states: dict[str, dict[str, Any]] = {
        "2026-01-02": {},
        "2026-01-04": {"is_published": False},
        "2026-01-03": {"removed_at": timezone.now()},
        "2026-01-01": {"is_published": False, "removed_at": timezone.now()},
    }
    videos = [
        dated(VideoFactory.create(user=user, **fields), moment) for moment, fields in states.items()
    ]
    data = user_client.get("dashboard/videos").data

    assert [row["id"] for row in data["videos"]] == [str(videos[n].pk) for n in (1, 2, 0, 3)]
    assert [row["isPublished"] for row in data["videos"]] == [False, True, True, False]
    assert data["totalVideos"] == 4


@pytest.mark.parametrize("is_staff", [False, True])
def test_everybody_gets_their_own_alone(
    client_for: Callable[[User], Client], user: User, is_staff: bool
) -> None:
    VideoFactory.create(user=user)
    other = UserFactory.create(is_staff=is_staff)
    own = VideoFactory.create(user=other)
    data = client_for(other).get("dashboard/videos", query={"userId": str(user.pk)}).data

    assert [row["id"] for row in data["videos"]] == [str(own.pk)]
    assert data["totalVideos"] == 1


def test_a_cursor_walks_through_every_row_once(user_client: Client, user: User) -> None:
    videos = VideoFactory.create_batch(23, user=user)
    for number, video in enumerate(videos):
        dated(video, f"2026-01-{number // 5 + 1:02}")
    VideoFactory.create_batch(3)
    rows: list[Any] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        answer = user_client.get("dashboard/videos", query={"limit": 4, "cursor": cursor})
        rows += answer.data["videos"]
        pages += 1
        about = answer.body["pagination"]
        assert (about["page"], about["totalDocs"], answer.data["totalVideos"]) == (pages, 23, 23)
        cursor = about["nextCursor"]

    assert pages == 6
    assert [row["id"] for row in rows] == [str(video.pk) for video in reversed(videos)]


def test_pages_by_number(user_client: Client, user: User) -> None:
    videos = VideoFactory.create_batch(12, user=user)
    first = user_client.get("dashboard/videos")
    second = user_client.get("dashboard/videos?page=2")
    beyond = user_client.get("dashboard/videos?page=3")

    rows = first.data["videos"] + second.data["videos"]
    assert [row["id"] for row in rows] == [str(video.pk) for video in reversed(videos)]
    assert len(first.data["videos"]) == 10
    assert first.body["pagination"]["hasNextPage"]
    assert not second.body["pagination"]["hasNextPage"]
    assert beyond.data == {"videos": [], "totalVideos": 12}


@pytest.mark.parametrize("query", ["page=0", "page=abc", "limit=0", "limit=x", "cursor=abc"])
def test_a_parameter_that_makes_no_sense_is_400(user_client: Client, query: str) -> None:
    answer = user_client.get(f"dashboard/videos?{query}")

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [query.partition("=")[0]]


@pytest.mark.parametrize("rows", [1, 50])
@pytest.mark.parametrize("by_cursor", [False, True])
def test_a_page_costs_one_and_the_caller(
    client_for: Callable[[User], Client], user: User, rows: int, by_cursor: bool
) -> None:
    for video in VideoFactory.create_batch(rows + by_cursor, user=user):
        seen(video, "2026-01-31")
        LikeFactory.create(video=video)
        CommentFactory.create(video=video)
    query = {"limit": "1"}
    if by_cursor:
        about = client_for(user).get("dashboard/videos", query=query).body["pagination"]
        query["cursor"] = about["nextCursor"]
    client = client_for(user)
    with captured_queries() as statements:
        page = client.get("dashboard/videos", query={**query, "limit": "100"}).data

    # The caller with the session; the page with the number of all.
    assert len(page["videos"]) == rows
    assert len(statements) == 2, statements


def test_the_pagination_is_documented_beside_the_data() -> None:
    answer = openapi()["paths"]["/api/v2/dashboard/videos"]["get"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    name = schema["properties"]["data"]["$ref"].rpartition("/")[2]

    assert schema["properties"]["pagination"] == {"$ref": "#/components/schemas/Pagination"}
    assert "pagination" in schema["required"]
    assert openapi()["components"]["schemas"][name]["required"] == ["videos", "totalVideos"]

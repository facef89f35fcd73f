"""The list of videos: what a row holds, pages, one person's videos, refused parameters."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from users.models import User
from users.tests.factories import UserFactory
from videos.models import ViewEvent
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

UNKNOWN = "01890000-0000-7000-8000-000000000000"


def test_an_empty_list_has_its_whole_shape(api: Client) -> None:
    assert api.get("videos").data == {
        "docs": [],
        "page": 1,
        "limit": 10,
        "totalDocs": 0,
        "totalPages": 0,
        "hasNextPage": False,
        "hasPrevPage": False,
        "nextCursor": None,
    }


def test_a_row_holds_the_video_and_its_owner(api: Client, settings: Any) -> None:
    owner = UserFactory.create(avatar="p/" + "a" * 32 + "/avatar.jpg")
    video = VideoFactory.create(user=owner, views=7, description="About")
    ViewEvent.objects.create(video=video)
    media = settings.PUBLIC_URL + "/media"

    (row,) = api.get("videos").data["docs"]

    times = (row.pop("createdAt"), row.pop("updatedAt"))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time in times)
    assert row == {
        "id": str(video.pk),
        "title": video.title,
        "description": "About",
        "videoFileUrl": f"{media}/{video.folder}/video.mp4",
        "videoFilePublicId": f"{video.folder}/video.mp4",
        "thumbnailUrl": f"{media}/{video.folder}/poster.jpg",
        "thumbnailPublicId": f"{video.folder}/poster.jpg",
        "streamUrl": None,
        "renditions": [],
        "duration": 12.5,
        "width": 1280,
        "height": 720,
        "views": 8,
        "isPublished": True,
        "userId": str(owner.pk),
        "processingStatus": "COMPLETED",
        "likesCount": 0,
        "commentsCount": 0,
        "isLiked": None,
        "user": {
            "id": str(owner.pk),
            "username": owner.username,
            "fullname": owner.fullname,
            "avatar": f"{media}/{owner.avatar}",
        },
    }


def test_a_video_without_a_poster_has_an_empty_address(api: Client) -> None:
    VideoFactory.create(thumbnail_file="")
    (row,) = api.get("videos").data["docs"]

    assert (row["thumbnailUrl"], row["thumbnailPublicId"]) == ("", "")


def test_pages(api: Client) -> None:
    videos = VideoFactory.create_batch(5)
    newest_first = [str(video.pk) for video in reversed(videos)]

    first = api.get("videos?limit=2").data
    last = api.get("videos?limit=2&page=3").data
    beyond = api.get("videos?limit=2&page=4").data

    assert [row["id"] for row in first["docs"]] == newest_first[:2]
    assert (first["totalDocs"], first["totalPages"], first["limit"]) == (5, 3, 2)
    assert (first["hasPrevPage"], first["hasNextPage"]) == (False, True)
    assert [row["id"] for row in last["docs"]] == newest_first[4:]
    assert (last["page"], last["hasPrevPage"], last["hasNextPage"]) == (3, True, False)
    assert last["nextCursor"] is None
    assert (beyond["docs"], beyond["totalDocs"], beyond["page"]) == ([], 5, 4)


def test_a_page_has_ten_rows_and_at_most_a_hundred(api: Client) -> None:
    VideoFactory.create_batch(101)

    assert len(api.get("videos").data["docs"]) == 10
    most = api.get("videos?limit=1000").data
    assert (len(most["docs"]), most["limit"], most["hasNextPage"]) == (100, 100, True)


@pytest.mark.parametrize(
    "query",
    [
        "page=abc",
        "page=0",
        "page=-1",
        "page=1.5",
        "limit=0",
        "limit=-5",
        "limit=abc",
        "cursor=abc",
        "sortBy=password",
        "sortBy=user__password",
        "sortBy=created_at",
        "sortType=sideways",
        "sortType=DESC",
        "sortBy=relevance",
        "sortBy=relevance&query=",
        "sortBy=relevance&query=%20",
        "query=a%00b",
        "userId=a%00b",
        "query=" + "x" * 201,
    ],
)
def test_a_parameter_that_makes_no_sense_is_400_and_named(api: Client, query: str) -> None:
    VideoFactory.create()
    answer = api.get(f"videos?{query}")

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [query.partition("=")[0]]


def test_relevance_without_a_query_says_what_is_missing(api: Client) -> None:
    answer = api.get("videos?sortBy=relevance")

    assert answer.body["errors"] == ["sortBy: relevance needs a query"]


def test_empty_parameters_count_as_left_out(api: Client) -> None:
    VideoFactory.create()

    assert api.get("videos?query=&userId=&sortBy=&sortType=").data["totalDocs"] == 1


def test_one_persons_videos(api: Client) -> None:
    video = VideoFactory.create()
    VideoFactory.create()

    page = api.get(f"videos?userId={video.user_id}").data
    assert [row["id"] for row in page["docs"]] == [str(video.pk)]
    assert page["totalDocs"] == 1


def test_a_person_without_videos_has_an_empty_list(api: Client, user: User) -> None:
    assert api.get(f"videos?userId={user.pk}").data["docs"] == []


def test_a_person_whose_videos_the_query_does_not_find_has_an_empty_list(api: Client) -> None:
    video = VideoFactory.create()
    answer = api.get(f"videos?userId={video.user_id}&query=nothing")

    assert answer.data["docs"] == []


def test_a_page_beyond_a_persons_videos_is_empty(api: Client) -> None:
    video = VideoFactory.create()

    assert api.get(f"videos?userId={video.user_id}&page=9").data["docs"] == []


def test_spaces_around_an_id_do_not_matter(api: Client, user: User) -> None:
    assert api.get("videos", query={"userId": f" {user.pk} "}).data["docs"] == []


@pytest.mark.parametrize("user_id", [UNKNOWN, "abc", "1", UNKNOWN + "0", "' OR 1=1", "{}", "é"])
def test_an_unknown_or_malformed_person_is_404(api: Client, user_id: str) -> None:
    VideoFactory.create()
    answer = api.get("videos", query={"userId": user_id})

    assert (answer.status, answer.code) == (404, "not_found")


def test_a_slash_at_the_end_changes_nothing(api: Client) -> None:
    VideoFactory.create()

    assert api.get("videos/").data == api.get("videos").data


def test_a_token_that_does_not_count_is_401_even_for_what_is_public(api: Client) -> None:
    answer = api.get("videos", Authorization="Bearer nonsense")

    assert (answer.status, answer.code) == (401, "token_invalid")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(user_client: Client, method: str) -> None:
    assert user_client.request(method, "videos").code == "method_not_allowed"


def test_views_of_other_videos_are_not_counted_here(
    api: Client, user_client: Client, client_for: Callable[[User], Client]
) -> None:
    seen, other = VideoFactory.create_batch(2)
    user_client.get(f"videos/{other.pk}")
    user_client.get(f"videos/{other.pk}")

    views = {row["id"]: row["views"] for row in api.get("videos").data["docs"]}
    assert views == {str(seen.pk): 0, str(other.pk): 2}

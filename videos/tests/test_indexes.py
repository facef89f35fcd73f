"""The indexes of videos are what PostgreSQL really answers lists and searches from."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from users.tests.factories import UserFactory
from users.tests.plans import captured_calls
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.api import shared
from viztube.api.listings import EXACT_COUNT, Listing
from viztube.api.tests.fixtures import Client
from viztube.media.paths import new_folder

pytestmark = pytest.mark.django_db

INDEX_OF = {
    "createdAt": "videos_video_by_created_at",
    "views": "videos_video_by_views",
    "duration": "videos_video_by_duration",
    "title": "videos_video_by_title",
}


@pytest.fixture(autouse=True)
def many_videos(db: None) -> None:
    """Enough rows that a plan says something, and their statistics."""
    owners = UserFactory.create_batch(3)
    videos = []
    for number in range(400):
        # As long as all are published, an index of those is as good as one of all.
        published = number % 4 > 0
        folder = new_folder("p" if published else "h")
        videos.append(
            Video(
                user=owners[number % 3],
                title=f"Clip {number} {folder[2:12]}",
                description=f"About {folder[12:]}",
                duration=number % 50,
                views=number % 40,
                is_published=published,
                folder=folder,
                stored_folder=folder,
                video_file="video.mp4",
            )
        )
    videos[151].title = "Mountain biking"
    Video.objects.bulk_create(videos)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE videos_video, users_user")
        cursor.execute("SET LOCAL enable_seqscan = off")
        # Staff's, in the same order: on a table this small as good as that of what is published.
        cursor.execute("DROP INDEX videos_video_all")


def plan_of(api: Client, **query: Any) -> str:
    """Return how PostgreSQL reads the page that a call shows."""
    with captured_calls() as calls:
        api.get("videos", query=query)
    (page,) = calls
    assert page.is_prepared
    plan: str = page.plan()
    return plan


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", INDEX_OF)
def test_a_page_is_read_in_the_order_of_its_index(api: Client, sort: str, direction: str) -> None:
    plan = plan_of(api, sortBy=sort, sortType=direction)

    assert f"{INDEX_OF[sort]} on videos_video" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", INDEX_OF)
def test_a_cursor_starts_in_the_middle_of_the_index(api: Client, sort: str, direction: str) -> None:
    query = {"sortBy": sort, "sortType": direction, "limit": 5}
    cursor = api.get("videos", query=query).data["nextCursor"]
    with connection.cursor() as database:
        # Of a table this small, finding the rows in any order and sorting them is as good.
        database.execute("SET LOCAL enable_bitmapscan = off")
    plan = plan_of(api, **query, cursor=cursor)

    assert f"{INDEX_OF[sort]} on videos_video" in plan
    assert "Sort" not in plan
    (condition,) = [line for line in plan.splitlines() if "Index Cond: (ROW(" in line]
    assert condition.count("ROW(") == 2


def test_a_search_combines_the_indexes_of_words_and_letters(api: Client) -> None:
    with connection.cursor() as cursor:
        # On a table this small reading the whole of one of these is as good as a search.
        others = ("user", "published_of_user", "visibility", "unpublished")
        names = (*(f"videos_video_{name}" for name in others), *INDEX_OF.values())
        cursor.execute(f"DROP INDEX {', '.join(names)}")
    plan = plan_of(api, query="mountain")

    assert "BitmapOr" in plan
    for index in (
        "videos_video_search",
        "videos_video_title_trgm",
        "videos_video_description_trgm",
    ):
        assert f"Bitmap Index Scan on {index}" in plan


def test_what_a_search_finds_is_not_looked_for_in_the_order_of_the_list(api: Client) -> None:
    # Of a list of all, that would be the plan.
    plan = plan_of(api, query="clip")

    assert "Sort Key: found.created_at DESC, found.id DESC" in plan
    assert INDEX_OF["createdAt"] not in plan


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", INDEX_OF)
def test_what_is_found_often_is_looked_for_in_the_order_of_the_list(
    api: Client, monkeypatch: pytest.MonkeyPatch, sort: str, direction: str
) -> None:
    monkeypatch.setattr(Listing, "_expected", lambda *_: EXACT_COUNT + 1)
    query = {"query": "clip", "sortBy": sort, "sortType": direction, "limit": 5}
    cursor = api.get("videos", query=query).data["nextCursor"]
    shared.forget(shared.EVERYTHING)
    for more in ({}, {"page": 3}, {"cursor": cursor}):
        plan = plan_of(api, **query, **more)
        _, _, walk = plan.partition("Subquery Scan on found")

        assert f"{INDEX_OF[sort]} on videos_video" in walk
        assert "Sort Key: found" not in plan


def test_misplaced_files_are_found_without_reading_what_is_in_place() -> None:
    VideoFactory.create(user=UserFactory.create(is_active=False), folder=new_folder("p"))
    VideoFactory.create(folder=new_folder("h"))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE videos_video, users_user")
    plan = Video.objects.misplaced().values_list("pk", "folder").explain(costs=False)

    assert "Scan on videos_video_user" in plan or "using videos_video_user on" in plan
    assert "videos_video_published_in_h" in plan


def test_one_persons_videos_have_an_index_of_their_own(api: Client) -> None:
    video = VideoFactory.create()
    plan = plan_of(api, userId=str(video.user_id))

    assert "videos_video_user on videos_video" in plan


def subplan_loops(node: dict[str, Any]) -> list[int]:
    """Return how often each subquery of a plan ran."""
    inner = node.get("Plans", [])
    own = [node["Actual Loops"]] if node.get("Parent Relationship") == "SubPlan" else []
    return own + [loops for one in inner for loops in subplan_loops(one)]


def test_a_deep_page_counts_nothing_for_what_it_skips(api: Client) -> None:
    with captured_calls() as calls:
        assert len(api.get("videos?page=25&limit=10").data["docs"]) == 10
    loops = subplan_loops(calls[-1].plan("ANALYZE, FORMAT JSON")["Plan"])

    # Ten rows, and one that tells whether there is a next page.
    assert loops
    assert max(loops) <= 11


def index_of(videos: QuerySet[Video]) -> str:
    """Return how PostgreSQL finds these rows."""
    plan: str = videos.explain(costs=False)
    return plan


def test_the_video_of_a_notification_has_an_index() -> None:
    named = Video.objects.filter(video_public_id="p/key/video", stream_file="")

    assert "videos_video_public_id" in index_of(named)


def test_videos_being_processed_have_an_index() -> None:
    waiting = Video.objects.filter(processing_status="PROCESSING").order_by("pk")

    assert "videos_video_processing" in index_of(waiting)

"""Pages of a search that finds much are those of its queryset, however they are read."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from users.tests.factories import UserFactory
from users.tests.plans import captured_calls
from videos.models import Video
from videos.querysets import SORT_FIELDS, matches
from videos.tests.factories import VideoFactory
from viztube.api import listings, shared
from viztube.api.listings import Listing
from viztube.api.tests.counting import count_up_to
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

VIDEOS = 60
WALK = 12
INDEXED = sorted(SORT_FIELDS.keys() - {"relevance"})
# What has it: every third by a word in another form, or in the description; a few by letters or
# nearly; the first and the last few by nothing.
TITLES = {0: "We run up mountains", 3: "Overrunning", 6: "Rnuning", 9: "Slow", 12: "RUNNING"}
QUERY = "running"


@pytest.fixture(autouse=True)
def many_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make videos that are looked through for a page, because the planner expects many."""
    count_up_to(3, monkeypatch)
    monkeypatch.setattr(listings, "WALK", WALK)
    monkeypatch.setattr(Listing, "_expected", lambda *_: 1000)
    owners = UserFactory.create_batch(3)
    now = timezone.now()
    for number in range(VIDEOS):
        found = 10 <= number < 50 and not number % 3
        title = TITLES[number % 15] if found else "Cooking"
        video = VideoFactory.create(
            user=owners[number % 2],
            title=f"{title} {number % 7}",
            description="A run." if title == "Slow" else "",
            views=number % 4,
            duration=number % 5,
        )
        Video.objects.filter(pk=video.pk).update(created_at=now + timedelta(0, number // 2))


def expected(sort: str, sort_type: str, **condition: Any) -> list[str]:
    rows = Video.objects.published().filter(matches(QUERY), **condition)
    ordered = rows.sorted_by(sort, descending=sort_type == "desc", text=QUERY)
    return [str(pk) for pk in ordered.values_list("pk", flat=True)]


def ids(page: Any) -> list[str]:
    return [row["id"] for row in page["docs"]]


def walk(api: Client, **query: Any) -> Iterator[Any]:
    """Yield all pages, each by the cursor of the one before."""
    page = api.get("videos", query=query).data
    yield page
    while page["nextCursor"]:
        page = api.get("videos", query={**query, "cursor": page["nextCursor"]}).data
        yield page


@pytest.mark.parametrize("sort_type", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORT_FIELDS)
class TestInEachOrder:
    @pytest.mark.parametrize("limit", [1, 3, 50])
    def test_cursors_lead_through_all(
        self, api: Client, sort: str, sort_type: str, limit: int
    ) -> None:
        query = {"query": QUERY, "sortBy": sort, "sortType": sort_type, "limit": limit}
        pages = list(walk(api, **query))

        assert [one for page in pages for one in ids(page)] == expected(sort, sort_type)
        assert {page["totalDocs"] for page in pages} == {1000}

    @pytest.mark.parametrize("limit", [1, 2, 5])
    def test_numbers_lead_to_each(self, api: Client, sort: str, sort_type: str, limit: int) -> None:
        found = expected(sort, sort_type)
        for number in range(1, len(found) // limit + 3):
            query = {"query": QUERY, "sortBy": sort, "sortType": sort_type, "limit": limit}
            page = api.get("videos", query={**query, "page": number}).data

            assert ids(page) == found[limit * (number - 1) : limit * number]
            assert page["hasNextPage"] == (limit * number < len(found))
            assert page["totalDocs"] == 1000

    def test_of_one_person(self, api: Client, sort: str, sort_type: str) -> None:
        owner = Video.objects.filter(matches(QUERY)).earliest("pk").user_id
        query = {"query": QUERY, "sortBy": sort, "sortType": sort_type, "userId": str(owner)}
        pages = list(walk(api, **query, limit=2))

        assert [one for page in pages for one in ids(page)] == expected(
            sort, sort_type, user_id=owner
        )


@pytest.mark.parametrize("sort", INDEXED)
def test_a_page_is_in_the_rows_that_come_first(api: Client, sort: str) -> None:
    Video.objects.update(title="Run")
    for query in ({}, {"page": 3}, {"cursor": True}):
        asked = {"query": QUERY, "sortBy": sort, "limit": 3, **query}
        if "cursor" in query:
            asked["cursor"] = api.get("videos", query={**asked, "cursor": ""}).data["nextCursor"]
        with captured_calls() as calls:
            assert len(api.get("videos", query=asked).data["docs"]) == 3

        assert ["is_found" in call.sql for call in calls] == [True]


@pytest.mark.parametrize(("page", "limit"), [(1, WALK), (4, 4), (1000, 1)])
def test_a_page_beyond_them_is_not_looked_for_there(api: Client, page: int, limit: int) -> None:
    Video.objects.update(title="Run")
    with captured_calls() as calls:
        api.get("videos", query={"query": QUERY, "page": page, "limit": limit})

    assert not any("is_found" in call.sql for call in calls)


@pytest.mark.parametrize("query", [QUERY, "umberless", "numbreless"])
def test_what_is_not_for_everyone_is_not_found(api: Client, query: str) -> None:
    Video.objects.update(title="Numberless runs")
    hidden, removed, suspended, shown = Video.objects.order_by("-created_at", "-pk")[:4]
    Video.objects.filter(pk=hidden.pk).update(is_published=False, folder=f"h/{hidden.folder[2:]}")
    Video.objects.filter(pk=removed.pk).update(
        removed_at=timezone.now(), folder=f"h/{removed.folder[2:]}"
    )
    owner = UserFactory.create(suspended_until=timezone.now() + timedelta(days=1))
    Video.objects.filter(pk=suspended.pk).update(user=owner)
    page = api.get("videos", query={"query": query, "limit": 2}).data

    assert ids(page)[0] == str(shown.pk)
    assert len(ids(page)) == 2


@pytest.mark.parametrize("query", [QUERY, "umberless", "numbreless"])
@pytest.mark.parametrize("sort", ["createdAt", "relevance"])
def test_few_are_counted_whatever_was_expected(
    api: Client, monkeypatch: pytest.MonkeyPatch, sort: str, query: str
) -> None:
    Video.objects.update(title=F("pk"), description="")
    some = Video.objects.values("pk")[:7]
    Video.objects.filter(pk__in=some).update(title="Numberless runs")
    for exact, total in ((7, 7), (6, 1000)):
        count_up_to(exact, monkeypatch)
        shared.forget(shared.EVERYTHING)
        for number in (1, 2, 5):
            asked = {"query": query, "sortBy": sort, "limit": 2, "page": number}
            assert api.get("videos", query=asked).data["totalDocs"] == total


def test_where_few_are_expected_nothing_is_looked_through(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listing, "_expected", lambda *_: 3)
    with captured_calls() as calls:
        page = api.get("videos", query={"query": QUERY, "limit": 2}).data

    assert ids(page) == expected("createdAt", "desc")[:2]
    assert page["totalDocs"] == 4
    assert not any("is_found" in call.sql for call in calls)

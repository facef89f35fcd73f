"""Pages by number: ``?page&limit``."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from viztube.api import listings
from viztube.api.errors import FieldError
from viztube.api.pagination import PagePagination

pytestmark = pytest.mark.django_db


def page_of(
    queryset: Any, paginator: PagePagination | None = None, **query: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Return the names on a page and what surrounds them."""
    paginator = paginator or PagePagination()
    rows = paginator.paginate_queryset(queryset, Request(APIRequestFactory().get("/", query)))
    return [row.name for row in rows], paginator.get_pagination()


@pytest.fixture
def groups() -> Any:
    """Return 25 rows, g00 to g24, of a table that has none besides."""
    # Those that migrations made.
    Group.objects.all().delete()
    Group.objects.bulk_create(Group(name=f"g{number:02}") for number in range(25))
    return Group.objects.order_by("name", "id")


@pytest.fixture
def without_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave cursors out: these rows have no UUID."""
    monkeypatch.setattr(PagePagination, "_cursor", lambda *args: "cursor")


@pytest.mark.usefixtures("without_cursor")
def test_the_first_page_has_ten_rows(groups: Any) -> None:
    names, about = page_of(groups)

    assert names == [f"g{number:02}" for number in range(10)]
    assert about == {
        "page": 1,
        "limit": 10,
        "totalDocs": 25,
        "totalPages": 3,
        "hasNextPage": True,
        "hasPrevPage": False,
        "nextCursor": "cursor",
    }


def test_the_last_page_has_what_is_left(groups: Any) -> None:
    names, about = page_of(groups, page=3)

    assert names == [f"g{number:02}" for number in range(20, 25)]
    assert (about["hasNextPage"], about["hasPrevPage"]) == (False, True)
    assert about["nextCursor"] is None


def test_a_full_last_page_has_no_next_one(groups: Any) -> None:
    names, about = page_of(groups, page=5, limit=5)

    assert len(names) == 5
    assert (about["hasNextPage"], about["totalPages"]) == (False, 5)


@pytest.mark.parametrize("page", ["4", "1000000000", "9" * 4000])
def test_a_page_past_the_end_is_empty(groups: Any, page: str) -> None:
    names, about = page_of(groups, page=page)

    assert names == []
    assert about["totalDocs"] == 25
    assert (about["hasNextPage"], about["nextCursor"]) == (False, None)
    assert about["page"] <= 1_000_000_000


@pytest.mark.parametrize("limit", ["101", "100000", "9" * 4000])
def test_a_limit_above_100_is_100(groups: Any, limit: str) -> None:
    names, about = page_of(groups, limit=limit)

    assert len(names) == 25
    assert about["limit"] == 100


@pytest.mark.parametrize(
    "value", ["0", "-1", "2.5", "abc", "", " ", "1e3", "٣", "²", "0x1", "+1", "1_0", "9" * 4001]
)
@pytest.mark.parametrize("name", ["page", "limit"])
def test_anything_but_a_number_from_1_is_refused(groups: Any, name: str, value: str) -> None:
    with pytest.raises(FieldError) as caught:
        page_of(groups, None, **{name: value})

    assert caught.value.message == f"{name}: must be a whole number from 1"
    assert caught.value.status_code == 400


def test_no_rows_are_one_query_and_no_pages() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        names, about = page_of(Group.objects.filter(name="nobody").order_by("name", "id"))

    assert len(queries) == 1
    assert names == []
    assert (about["totalDocs"], about["totalPages"], about["hasPrevPage"]) == (0, 0, False)


@pytest.mark.usefixtures("without_cursor")
def test_a_page_is_two_queries(groups: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        page_of(groups)

    assert len(queries) == 2


@pytest.mark.usefixtures("without_cursor")
@pytest.mark.parametrize("exact", [3, 24])
def test_the_total_of_a_long_list_is_the_planners_estimate(
    groups: Any, monkeypatch: pytest.MonkeyPatch, exact: int
) -> None:
    monkeypatch.setattr(listings, "EXACT_COUNT", exact)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE auth_group")

    with CaptureQueriesContext(connection) as queries:
        names, about = page_of(groups)

    assert len(names) == 10
    assert about["totalDocs"] == 25
    assert len(queries) == 3
    assert "EXPLAIN" in queries[1]["sql"]


def test_an_estimate_is_never_below_what_was_counted(
    groups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "EXACT_COUNT", 3)
    monkeypatch.setattr(QuerySet, "explain", lambda *_, **__: '[{"Plan": {"Plan Rows": 1}}]')

    _, about = page_of(groups, page=9)

    assert about["totalDocs"] == 4


@pytest.mark.usefixtures("without_cursor")
def test_a_page_past_a_low_estimate_has_its_rows(
    groups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "EXACT_COUNT", 3)
    monkeypatch.setattr(QuerySet, "explain", lambda *_, **__: '[{"Plan": {"Plan Rows": 1}}]')

    names, _ = page_of(groups, page=3, limit=7)

    assert names == [f"g{number}" for number in range(14, 21)]


@pytest.mark.usefixtures("without_cursor")
def test_as_many_rows_as_are_counted_need_no_estimate(
    groups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "EXACT_COUNT", 25)

    with CaptureQueriesContext(connection) as queries:
        _, about = page_of(groups)

    assert about["totalDocs"] == 25
    assert len(queries) == 2


def test_a_list_answers_its_rows_and_the_page_beside_them(groups: Any) -> None:
    paginator = PagePagination()
    rows = paginator.paginate_queryset(
        groups, Request(APIRequestFactory().get("/", {"page": 3, "limit": 12}))
    )

    body = paginator.get_paginated_response([row.name for row in rows]).data

    assert body["data"] == ["g24"]
    assert body["pagination"]["page"] == 3
    assert (body["statusCode"], body["success"]) == (200, True)

"""Pages by cursor, over a table of this test's own: every sort order, ties, and forgeries."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from viztube.api.errors import FieldError
from viztube.api.listings import Position, order_of, past
from viztube.api.pagination import PagePagination

pytestmark = pytest.mark.django_db


def page_of(queryset: Any, **query: Any) -> tuple[list[Any], dict[str, Any]]:
    paginator = PagePagination()
    rows = paginator.paginate_queryset(queryset, Request(APIRequestFactory().get("/", query)))
    return rows, paginator.get_pagination()


def walk(queryset: Any, limit: int) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    query: dict[str, Any] = {"limit": limit}
    while True:
        rows, about = page_of(queryset, **query)
        yield rows, about
        if not about["nextCursor"]:
            return
        query["cursor"] = about["nextCursor"]


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("field", ["title", "stars", "length", "written_at", "sort", "id"])
@pytest.mark.parametrize("limit", [1, 7, 23])
def test_cursors_visit_every_row_once_and_in_order(
    notes: Any, field: str, sign: str, limit: int
) -> None:
    ordered = notes.order_by(f"{sign}{field}", f"{sign}id")

    pages = list(walk(ordered, limit))

    assert [row for rows, _ in pages for row in rows] == list(ordered)
    assert [about["page"] for _, about in pages] == list(range(1, len(pages) + 1))
    assert all(about["totalDocs"] == 23 for _, about in pages)
    assert [about["hasPrevPage"] for _, about in pages] == [False] + [True] * (len(pages) - 1)


def test_a_cursor_goes_on_from_any_numbered_page(notes: Any) -> None:
    ordered = notes.order_by("-stars", "-id")
    _, about = page_of(ordered, page=2, limit=5)

    rows, about = page_of(ordered, cursor=about["nextCursor"], limit=5)

    assert rows == list(ordered[10:15])
    assert about["page"] == 3


def test_rows_that_come_before_the_cursor_do_not_shift_the_page(notes: Any) -> None:
    ordered = notes.order_by("stars", "id")
    first, about = page_of(ordered, limit=5)
    expected = list(ordered[5:10])
    first[0].delete()

    assert page_of(ordered, limit=5, cursor=about["nextCursor"])[0] == expected


def test_the_comparison_is_one_row_value_that_an_index_answers(notes: Any) -> None:
    ordered = notes.order_by("-stars", "-id")

    sql = str(past(ordered, order_of(ordered), Position(3, UUID(KEY))).query)

    assert 'ROW("media_note"."stars", "media_note"."id") < (ROW(' in sql


def test_an_empty_cursor_is_none(notes: Any) -> None:
    rows, about = page_of(notes.order_by("stars", "id"), cursor="", page=2)

    assert (len(rows), about["page"]) == (10, 2)


def encoded(state: Any) -> str:
    text = state if isinstance(state, str) else json.dumps(state)
    return urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


KEY = "0198a000-0000-7000-8000-000000000000"
TIME = "2026-01-31T12:00:00+00:00"


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "####",
        "é",
        "\0",
        "AAAA",
        encoded("nonsense"),
        encoded(7),
        encoded(None),
        encoded({}),
        encoded({"a": 1, "b": 2, "c": 3, "d": 4}),
        encoded([]),
        encoded(["title", "a", KEY]),
        encoded(["title", "a", KEY, 2, 3]),
        encoded([1, "a", KEY, 2]),
        encoded([None, "a", KEY, 2]),
        encoded(["title", None, KEY, 2]),
        encoded(["title", "a\0b", KEY, 2]),
        encoded(f'["title", "\\ud800", "{KEY}", 2]'),
        encoded(["title", "a", "not-a-uuid", 2]),
        encoded(["title", "a", 7, 2]),
        encoded(["title", "a", None, 2]),
        encoded(["title", "a", KEY, "two"]),
        encoded(["title", "a", KEY, None]),
        encoded(["title", "a", KEY, [2]]),
        encoded(f'["title", "a", "{KEY}", Infinity]'),
        encoded(f'["title", "a", "{KEY}", NaN]'),
        encoded("[" * 3000 + "]" * 3000),
        encoded(["-title", "a", KEY, 2]),
        encoded(["stars", "1", KEY, 2]),
        encoded(["user__password", "a", KEY, 2]),
    ],
    ids=repr,
)
def test_a_forged_cursor_is_refused(notes: Any, cursor: str) -> None:
    with pytest.raises(FieldError) as caught:
        page_of(notes.order_by("title", "id"), cursor=cursor)

    assert caught.value.status_code == 400
    assert list(caught.value.details) == ["cursor"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stars", "one"),
        ("stars", "1.5"),
        ("stars", [1]),
        ("stars", "9" * 5000),
        ("length", "wide"),
        ("length", None),
        ("written_at", "yesterday"),
        ("written_at", "2026-02-30T00:00:00+00:00"),
        ("written_at", "2026-01-31T12:00:00"),
        ("written_at", None),
        ("id", "7"),
    ],
)
def test_a_cursor_whose_value_is_of_another_type_is_refused(
    notes: Any, field: str, value: Any
) -> None:
    with pytest.raises(FieldError):
        page_of(notes.order_by(field, "id"), cursor=encoded([field, value, KEY, 2]))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stars", "9" * 200),
        ("stars", "-" + "9" * 200),
        ("length", "inf"),
        ("length", "nan"),
        ("length", "1e400"),
        ("written_at", "0001-01-01T00:00:00+14:00"),
        ("written_at", "9999-12-31T23:59:59-12:00"),
        ("title", "x" * 3000),
        ("title", "' OR 1=1 --"),
    ],
)
def test_an_extreme_value_is_just_a_place_in_the_list(notes: Any, field: str, value: Any) -> None:
    rows, _ = page_of(notes.order_by(field, "id"), cursor=encoded([field, value, KEY, 2]), limit=50)

    assert len(rows) in {0, 15, 23}


@pytest.mark.parametrize(("page", "shown"), [(-5, 1), (0, 1), (10**30, 1_000_000_000), (2.9, 2)])
def test_a_forged_page_number_stays_within_bounds(notes: Any, page: Any, shown: int) -> None:
    _, about = page_of(notes.order_by("title", "id"), cursor=encoded(["title", "", KEY, page]))

    assert about["page"] == shown


def test_a_cursor_of_another_order_says_so(notes: Any) -> None:
    _, about = page_of(notes.order_by("stars", "id"))

    for other in ("-stars", "title"):
        with pytest.raises(FieldError, match="belongs to another sort order"):
            page_of(notes.order_by(other, "id"), cursor=about["nextCursor"])


def test_a_cursor_is_short_and_safe_in_an_address(notes: Any) -> None:
    _, about = page_of(notes.order_by("written_at", "id"))

    cursor = about["nextCursor"]
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0] == "written_at"

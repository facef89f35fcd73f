"""Lists whose statements are made once have the pages of their querysets."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from viztube.api.errors import FieldError
from viztube.api.listings import Listing
from viztube.api.pagination import PagePagination
from viztube.api.statements import Record, Word
from viztube.api.tests.counting import count_up_to
from viztube.api.tests.notes import START, Note

pytestmark = pytest.mark.django_db

FIELDS = ["title", "stars", "length", "written_at", "sort", "id"]


def found(*, sort: str, most: int = 99, since: Any = None) -> Any:
    """Return notes in an order: of so many stars at most, and written no earlier than a time."""
    rows = Note._default_manager.annotate(sort=Lower("title")).filter(stars__lte=most)
    if since is not None:
        rows = rows.filter(written_at__gte=since)
    return rows.order_by(sort, f"{'-' * sort.startswith('-')}id")


NOTES = Listing(Record, ("id", "title", "stars", "read_at"), found)
STARRED = Listing(
    Record,
    ("id", "title"),
    lambda most: found(sort="stars", most=most),
    of=lambda most: Note._default_manager.filter(stars=most),
)


def page_of(rows: Any, **query: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return a page, and what surrounds it."""
    paginator = PagePagination()
    page = paginator.paginate_queryset(rows, Request(APIRequestFactory().get("/", query)))
    return list(page), paginator.get_pagination()


def ids(rows: Any) -> list[Any]:
    return [row.id for row in rows]


def walk(rows: Any, limit: int) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Yield all pages, each by the cursor of the one before."""
    query: dict[str, Any] = {"limit": limit}
    while query:
        page, about = page_of(rows, **query)
        yield ids(page), about
        cursor = about["nextCursor"]
        query = {"limit": limit, "cursor": cursor} if cursor else {}


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("field", FIELDS)
class TestInEachOrder:
    @pytest.mark.parametrize("limit", [1, 7, 23])
    def test_cursors_lead_where_those_of_the_queryset_lead(
        self, notes: Any, field: str, sign: str, limit: int
    ) -> None:
        asked: dict[str, Any] = {"sort": Word(sign + field), "most": 3}

        pages = list(walk(NOTES(**asked), limit))

        assert pages == list(walk(found(**asked), limit))
        assert [one for page, _ in pages for one in page] == ids(found(**asked))

    def test_numbers_lead_where_those_of_the_queryset_lead(
        self, notes: Any, field: str, sign: str
    ) -> None:
        asked: dict[str, Any] = {"sort": Word(sign + field), "most": 3}
        for limit in (1, 4, 19, 30):
            for number in (1, 2, 3, 5, 20):
                page, about = page_of(NOTES(**asked), page=number, limit=limit)
                expected, about_it = page_of(found(**asked), page=number, limit=limit)

                assert (ids(page), about) == (ids(expected), about_it)

    def test_a_cursor_is_one_of_its_own_order(self, notes: Any, field: str, sign: str) -> None:
        sort = Word(sign + field)
        other = Word(field if sign else f"-{field}")
        cursor = page_of(NOTES(sort=sort), limit=5)[1]["nextCursor"]

        assert page_of(found(sort=sort), limit=5)[1]["nextCursor"] == cursor
        with pytest.raises(FieldError, match="belongs to another sort order"):
            page_of(NOTES(sort=other), limit=5, cursor=cursor)


def test_a_row_has_its_columns_and_what_it_is_ordered_by(notes: Any) -> None:
    (row,), _ = page_of(NOTES(sort=Word("-written_at")), limit=1)
    note = Note._default_manager.get(pk=row.id)

    assert (row.title, row.stars, row.read_at) == (note.title, note.stars, note.read_at)
    assert row.written_at == note.written_at
    with pytest.raises(AttributeError):
        _ = row.length


@pytest.mark.parametrize("query", [{"page": 2}, {"page": 3}, {"page": 10**9}, {"page": "9" * 50}])
def test_beyond_the_end_there_is_nothing_but_the_number_of_all(
    notes: Any, query: dict[str, Any]
) -> None:
    rows, about = page_of(NOTES(sort=Word("stars")), limit=23, **query)

    assert rows == []
    assert (about["totalDocs"], about["totalPages"], about["hasNextPage"]) == (23, 1, False)
    assert about["nextCursor"] is None


def test_past_the_last_row_there_is_nothing_but_the_number_of_all(notes: Any) -> None:
    listed = NOTES(sort=Word("stars"))
    rows, about = page_of(listed, limit=22)
    for note in Note._default_manager.exclude(pk__in=ids(rows)):
        note.delete()

    assert page_of(listed, limit=5, cursor=about["nextCursor"])[0] == []
    assert page_of(listed, limit=5, cursor=about["nextCursor"])[1]["totalDocs"] == 22


def test_rows_that_come_before_the_cursor_do_not_shift_the_page(notes: Any) -> None:
    listed = NOTES(sort=Word("stars"))
    first, about = page_of(listed, limit=5)
    expected = ids(found(sort="stars")[5:10])
    Note._default_manager.filter(pk=first[0].id).delete()

    assert ids(page_of(listed, limit=5, cursor=about["nextCursor"])[0]) == expected


def test_a_list_depends_on_its_arguments(notes: Any) -> None:
    for most in (2, -1, 4, 2, 0):
        for step in (0, 2, 9):
            asked: dict[str, Any] = {
                "sort": Word("-id"),
                "most": most,
                "since": START + timedelta(0, 0, step),
            }
            page, about = page_of(NOTES(**asked), limit=50)

            assert ids(page) == ids(found(**asked))
            assert about["totalDocs"] == len(page)


def test_a_page_is_one_statement(notes: Any) -> None:
    listed = NOTES(sort=Word("-length"))
    cursor = page_of(listed, limit=3)[1]["nextCursor"]
    for query in ({}, {"page": 3}, {"cursor": cursor}):
        with CaptureQueriesContext(connection) as captured:
            assert page_of(listed, limit=3, **query)[0]

        assert len(captured) == 1, captured.captured_queries


@pytest.mark.parametrize("query", [{"page": 1}, {"page": 2}, {"page": 9}, {"cursor": True}])
@pytest.mark.parametrize("exact", [3, 22])
def test_the_total_of_a_long_list_is_the_planners_estimate(
    notes: Any, monkeypatch: pytest.MonkeyPatch, exact: int, query: dict[str, Any]
) -> None:
    count_up_to(exact, monkeypatch)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {Note._meta.db_table}")
    if "cursor" in query:
        query = {"cursor": page_of(NOTES(sort=Word("stars")), limit=3)[1]["nextCursor"]}

    rows, about = page_of(NOTES(sort=Word("stars")), limit=5, **query)

    assert about["totalDocs"] == 23
    assert len(rows) == (0 if query.get("page") == 9 else 5)


def test_an_estimate_is_never_below_what_was_counted(
    notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_up_to(3, monkeypatch)
    monkeypatch.setattr("viztube.api.listings._estimate", lambda plan: 1)

    for number in (1, 3, 9):
        rows, about = page_of(NOTES(sort=Word("stars")), page=number, limit=7)
        assert ids(rows) == ids(found(sort="stars")[7 * (number - 1) : 7 * number])
        assert about["totalDocs"] == 4


def test_as_many_rows_as_are_counted_need_no_estimate(
    notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_up_to(23, monkeypatch)
    with CaptureQueriesContext(connection) as captured:
        _, about = page_of(NOTES(sort=Word("stars")))

    assert about["totalDocs"] == 23
    assert len(captured) == 1


def test_a_list_of_nothing_is_no_list(notes: Any) -> None:
    # Of all stars from 0 to 4 there are notes.
    for most, is_there in ((0, True), (3, True), (7, False), (-1, False)):
        listed = STARRED(most=most)
        rows, about = page_of(listed, limit=50)

        assert ids(rows) == (ids(found(sort="stars", most=most)) if is_there else [])
        assert about["totalDocs"] == len(rows)
        assert listed.is_there() == is_there
        assert page_of(listed, page=2, limit=50)[1]["totalDocs"] == len(rows)
    assert NOTES(sort=Word("stars"), most=-1).is_there()

"""Reads whose SQL is made once: the same rows as their querysets, for any values."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import DataError, connection
from django.db.models import F, Q, QuerySet, Value
from django.test.utils import CaptureQueriesContext

from viztube.api.ids import uuid7
from viztube.api.querysets import one_of, whether
from viztube.api.statements import KEPT, Fixed, Record, Records, Statement, Word, run
from viztube.api.tests.notes import START, Note

NOTES = Note._default_manager
COLUMNS = ("id", "title", "stars", "length", "written_at", "read_at")
Build = Callable[..., QuerySet[Any, Any]]


def dicts(statement: Statement, **values: Any) -> list[dict[str, Any]]:
    """Return the rows as ``values()`` gives them."""
    names = statement.form(values)[0].names
    return [dict(zip(names, row, strict=True)) for row in statement.rows(**values)]


def named(**columns: Any) -> Build:
    """Return how to find the rows whose columns have the values of arguments."""

    def build(**values: Any) -> QuerySet[Any, Any]:
        wanted = {column: values[name] for name, column in columns.items()}
        return NOTES.filter(**wanted).order_by("id").values(*COLUMNS)

    return build


# How the rows are found; what two calls after each other are asked for.
READS: dict[str, tuple[Build, list[dict[str, Any]]]] = {
    "text": (
        named(title="title"),
        [{"title": 'Ää, "1"'}, {"title": 'b, "0"'}, {"title": "' OR 1=1 --"}, {"title": "%s %"}],
    ),
    "number": (named(stars="stars"), [{"stars": number} for number in (3, 0, -1, 2**62)]),
    "fraction": (named(length="length"), [{"length": part / 7} for part in (1, 0, 5, 0.5)]),
    "infinity": (named(length="length__lt"), [{"length": float("inf")}, {"length": 0.5}]),
    "time": (
        named(since="written_at__gt"),
        [{"since": START + timedelta(microseconds=step)} for step in (-1, 0, 2, 3)],
    ),
    "truth": (named(unread="read_at__isnull"), [{"unread": True}, {"unread": False}]),
    "two of a kind": (
        named(low="stars__gte", high="stars__lte"),
        [{"low": 1, "high": 3}, {"low": 3, "high": 3}, {"low": 3, "high": 1}],
    ),
    "one place twice": (
        lambda stars: (
            NOTES.filter(Q(stars=stars) | Q(stars__gt=stars, length=0))
            .order_by("id")
            .values("id", "stars")
        ),
        [{"stars": 1}, {"stars": 3}],
    ),
    "nothing or a number": (
        lambda stars: NOTES.filter(**({} if stars is None else {"stars": stars})).values("stars"),
        [{"stars": None}, {"stars": 2}, {"stars": None}],
    ),
    "part of the statement": (
        lambda sort, limit: NOTES.order_by(sort, "id").values(*COLUMNS)[:limit],
        [
            {"sort": Word(sort), "limit": Fixed(limit)}
            for sort in ("title", "-stars", "length")
            for limit in (1, 7)
        ],
    ),
}


@pytest.mark.parametrize("kind", READS)
def test_a_statement_finds_what_its_queryset_finds(notes: Any, kind: str) -> None:
    build, calls = READS[kind]
    statement = Statement(build)

    for values in calls * 2:
        found = build(**values)
        assert dicts(statement, **values) == list(found)
        assert statement.rows(**values) == list(found.values_list(*found.query.values_select))


def test_an_id_and_ids_find_their_rows(notes: Any) -> None:
    ids = [note.pk for note in notes.order_by("id")]
    by_id = Statement(lambda note: NOTES.filter(pk=note).values("id"))
    among = Statement(lambda ids: NOTES.filter(one_of("id", ids)).order_by("id").values("id"))

    for one in (*ids[:3], uuid7()):
        assert by_id.rows(note=one) == ([(one,)] if one in ids else [])
    for some in ([], ids[:1], ids, [uuid7()]):
        assert among.rows(ids=some) == [(one,) for one in ids if one in some]
    assert among.rows(ids=[str(one) for one in ids[:2]]) == [(one,) for one in ids[:2]]
    assert among.rows(ids=f"{{{ids[0]},{ids[1]}}}") == [(one,) for one in ids[:2]]


def test_who_asks_decides_by_id_and_flags(notes: Any) -> None:
    people: Any = get_user_model()._default_manager
    ann, bob = (
        people.create(username=name, email=f"{name}@viztube.example") for name in ("ann", "bob")
    )
    staff = people.create(username="eve", email="eve@viztube.example", is_staff=True)
    LogEntry.objects.create(user=bob, action_flag=1)

    def build(viewer: Any) -> QuerySet[Any, Any]:
        seen: QuerySet[Any, Any] = people.all() if viewer.is_staff else people.filter(pk=viewer.pk)
        seen = seen.annotate(mine=whether(viewer, LogEntry.objects.all(), "user"))
        return seen.order_by("username").values("username", "mine")

    statement = Statement(build)
    # As whoever calls is loaded, and whole.
    light = people.only("id", "is_staff").get(pk=ann.pk)
    for viewer in (ann, light, bob, staff, AnonymousUser(), ann):
        assert dicts(statement, viewer=viewer) == list(build(viewer=viewer))
    assert len(dicts(statement, viewer=staff)) == 3


def test_nobody_is_asked_for_nothing(notes: Any) -> None:
    mine = Statement(
        lambda viewer: NOTES.annotate(mine=whether(viewer, NOTES.all(), "id")).values("mine")
    )

    assert set(mine.rows(viewer=AnonymousUser())) == {(None,)}


MADE_OF: dict[str, tuple[Build, dict[str, Any]]] = {
    "pattern": (lambda text: NOTES.filter(title__icontains=text), {"text": "ä"}),
    "case": (lambda text: NOTES.filter(title=text.upper()), {"text": "a"}),
    "no spaces": (lambda text: NOTES.filter(title=text.strip()), {"text": "a"}),
    "part": (lambda text: NOTES.filter(title=text[:3]), {"text": "a"}),
    "sum": (lambda number: NOTES.filter(stars=number + 1), {"number": 1}),
    "rounded": (lambda number: NOTES.filter(stars=number // 10), {"number": 1}),
    "slice": (lambda number: NOTES.all()[:number], {"number": 1}),
    "twice": (lambda number: NOTES.filter(length=number * 2), {"number": 1.5}),
    "day": (lambda time: NOTES.filter(written_at__date=time.date()), {"time": START}),
    "year": (lambda time: NOTES.filter(stars=time.year), {"time": START}),
    "later": (lambda time: NOTES.filter(written_at=time + timedelta(1)), {"time": START}),
    "id as text": (lambda note: NOTES.filter(title=str(note)), {"note": uuid4()}),
    "number of ids": (lambda ids: NOTES.filter(pk__in=ids), {"ids": [uuid4(), uuid4()]}),
    "first of ids": (lambda ids: NOTES.filter(pk=ids[0]), {"ids": [uuid4()]}),
    # What is never the same is no part of a statement either.
    "now": (lambda: NOTES.filter(pk=uuid7()), {}),
}


@pytest.mark.parametrize("kind", MADE_OF)
def test_what_is_made_of_an_argument_is_refused(kind: str) -> None:
    build, values = MADE_OF[kind]
    statement = Statement(lambda **given: build(**given).values("id"))

    with pytest.raises(ValueError, match="makes something of an argument"):
        statement.form(values)


@pytest.mark.parametrize("value", [Decimal(1), START.date(), (1, 2), {1}, b"x", object()])
def test_an_argument_of_another_type_is_refused(value: Any) -> None:
    statement = Statement(lambda given: NOTES.filter(title=given).values("id"))

    with pytest.raises(TypeError, match=f"takes no {type(value).__name__}"):
        statement.form({"given": value})


def test_sql_may_make_something_of_an_argument(notes: Any) -> None:
    build = named(text="title__icontains")
    statement = Statement(lambda text: build(text=Value(text)))

    for text in ("ä", "B", '"1"', "%", "_", "\\"):
        assert dicts(statement, text=text) == list(build(text=text))


@pytest.mark.django_db
def test_only_so_many_forms_are_kept() -> None:
    people = get_user_model()._default_manager
    statement = Statement(lambda limit: people.order_by("pk").values("pk")[:limit])
    for limit in range(1, KEPT + 30):
        assert statement.rows(limit=Fixed(limit)) == []

    assert statement._forms.cache_info().currsize == KEPT
    # What was given up is made again.
    assert statement.rows(limit=Fixed(1)) == []


def test_a_form_is_made_once(notes: Any) -> None:
    made = []

    def build(stars: int) -> QuerySet[Any, Any]:
        made.append(stars)
        return NOTES.filter(stars=stars).values("id")

    statement = Statement(build)
    for stars in range(5):
        statement.rows(stars=stars)

    # Once to see it, and once more to see that it is always the same.
    assert len(made) == 2


class Titled(Record):
    """A note."""

    title: str
    stars: int

    @property
    def shout(self) -> str:
        """Return the title, loud."""
        return self.title.upper()


def test_rows_become_records(notes: Any) -> None:
    records = Records(
        Titled,
        lambda stars: (
            NOTES.filter(stars=stars)
            .annotate(other__title=F("title"), other__stars=F("stars"))
            .order_by("id")
            .values("title", "read_at", "other__title", "other__stars")
        ),
    )
    found = records.all(stars=2)
    expected = list(NOTES.filter(stars=2).order_by("id"))

    assert [(one.title, one.read_at, one.shout) for one in found] == [
        (one.title, one.read_at, one.title.upper()) for one in expected
    ]
    assert {type(one) for one in found} == {Titled}
    assert [(one.other.title, one.other.stars) for one in found] == [
        (one.title, 2) for one in expected
    ]
    first = records.first(stars=2)
    assert first is not None
    assert first.title == expected[0].title
    assert records.first(stars=99) is None
    with pytest.raises(AttributeError, match="Titled was read without the column stars"):
        _ = first.stars


def test_what_the_database_says_is_what_django_says(notes: Any) -> None:
    with pytest.raises(DataError):
        run("SELECT 1 / %s", [0])


@pytest.mark.django_db
def test_a_statement_is_counted_as_others_are() -> None:
    with CaptureQueriesContext(connection) as captured:
        run("SELECT %s::uuid", [UUID(int=7)])

    assert [query["sql"] for query in captured] == ["SELECT $1::uuid"]


def prepared() -> list[str]:
    """Return what PostgreSQL has prepared on this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [statement for (statement,) in cursor.fetchall()]


@pytest.mark.django_db(transaction=True)
def test_a_statement_is_prepared_once_a_connection() -> None:
    people: Any = get_user_model()._default_manager
    statement = Statement(lambda name: people.filter(username=name).values("username"))
    people.create(username="ann", email="ann@viztube.example")

    for _ in range(2):
        for number in range(9):
            name = "ann" if number % 2 else f"nobody{number}"
            assert statement.rows(name=name) == [("ann",)] * (number % 2)
        found = [text for text in prepared() if '"username" = $1' in text]
        assert len(found) == 1, prepared()
        # As it is closed after each request, or when PostgreSQL was started again.
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_prepared_statement_goes_on_after_a_migration() -> None:
    people: Any = get_user_model()._default_manager
    table = connection.ops.quote_name(people.model._meta.db_table)
    statement = Statement(lambda name: people.filter(username=name).values("username", "fullname"))
    people.create(username="ann", email="ann@viztube.example", fullname="Ann")
    for _ in range(9):
        statement.rows(name="ann")

    try:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN shoe_size integer NOT NULL DEFAULT 7")

        assert statement.rows(name="ann") == [("ann", "Ann")]
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} DROP COLUMN shoe_size")
    assert statement.rows(name="ann") == [("ann", "Ann")]

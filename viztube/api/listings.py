"""Where the rows of a page come from: a queryset, or a list whose statements are made once.

A list's rows are ordered by one field and then by an id, both in the same direction.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    Q,
    QuerySet,
    Subquery,
    TextField,
    UUIDField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.lookups import GreaterThan, LessThan
from django.utils.functional import cached_property

from viztube.api.querysets import CountOf
from viztube.api.statements import (
    KEPT,
    Fixed,
    Form,
    Record,
    Rows,
    Statement,
    kinds_of,
    run,
    stand_ins,
)

EXACT_COUNT = 10_000
# How many rows are looked at, in their order, for a page of what many of them should have.
WALK = 5_000
# Stands in SQL where the number of rows to pass over is put.
_OFFSET = 987_654_321
TOTAL = "total_of_list"


class RowValue(Func):
    """``ROW(a, b)``, compared as a whole (PostgreSQL, "Row Constructor Comparison")."""

    template = "ROW(%(expressions)s)"
    output_field = TextField()


class Order(NamedTuple):
    """What a list is ordered by: a field of this type, ``-`` in front when it descends, an id."""

    sort: str
    key: str
    column: Any

    @property
    def field(self) -> str:
        """Return the field without its sign."""
        return self.sort.removeprefix("-")


class Position(NamedTuple):
    """The last row that was seen: its field and its id."""

    value: Any
    key: UUID


class Search(NamedTuple):
    """How a list finds those of its rows that have a text, its argument ``text``.

    ``matches`` makes the condition of the text, and ``surely`` one that no other rows meet and that
    is counted faster. ``counted`` makes the rows of the list, with any text, for counting them. Of
    its argument ``sort``, each but ``unindexed`` has an index in the order of the list.
    """

    matches: Callable[[str], Q]
    surely: Callable[[str], Q]
    counted: Callable[..., QuerySet[Any, Any]]
    unindexed: str


class Found(Subquery):
    """The keys of a page of those rows that meet a condition.

    They are found by the indexes of the condition and then sorted; or, where many meet it, by a
    walk along the order of the list, which ends after ``WALK`` rows if the page is not full before.
    Left to itself PostgreSQL walks to the end, which takes seconds, because it expects what is
    rare to be as often as anything that it knows nothing of.
    """

    template = (
        "(SELECT %(key)s FROM (%(subquery)s%(end)s"
        " ORDER BY %(field)s %(way)s, %(key)s %(way)s OFFSET %(start)s LIMIT %(limit)s)"
    )
    output_field = UUIDField()

    def __init__(
        self, rows: QuerySet[Any], condition: Q, *, walk: bool, start: int, limit: int
    ) -> None:
        order = order_of(rows)
        columns: Any
        if walk:
            rows = rows.annotate(is_found=ExpressionWrapper(condition, BooleanField()))
            columns = rows.values(order.key, order.field, "is_found")[:WALK]
            end = ") found WHERE is_found"
        else:
            columns = rows.filter(condition).order_by().values(order.key, order.field)
            # Keeps the order that is asked for out here from being that in which they are read.
            end = " OFFSET 0) found"
        way = "DESC" if order.sort.startswith("-") else "ASC"
        super().__init__(
            columns,
            key=order.key,
            field=order.field,
            way=way,
            end=end,
            start=start,
            limit=limit,
        )


class QuerySetSource:
    """A queryset, in two queries a page."""

    def __init__(self, rows: QuerySet[Any]) -> None:
        self._rows = rows

    @cached_property
    def order(self) -> Order:
        """What the rows are ordered by."""
        return order_of(self._rows)

    def page(self, start: int, limit: int, after: Position | None) -> tuple[list[Any], int]:
        """Return some rows, past a position or a number of them, and how many there are."""
        keys = self._rows.order_by().values("pk")
        total = keys[: EXACT_COUNT + 1].count()
        if total > EXACT_COUNT:
            total = max(total, _estimate(keys.explain(format="json")))
        if after is not None:
            return list(past(self._rows, self.order, after)[:limit]), total
        if total <= start and total <= EXACT_COUNT:
            return [], total
        here = slice(start, start + limit)
        # PostgreSQL works out what it skips, too: let that be keys, not rows with their counts.
        deep = self._rows.filter(pk__in=self._rows.values("pk")[here])
        return list(deep if start else self._rows[here]), total


class Listing:
    """A list that is asked for all the time and depends on its named arguments alone.

    ``rows`` makes its queryset, see ``Statement``. ``columns`` are those that the records have; of
    other tables last. ``of`` makes what the list belongs to, as far as the caller may see it: where
    there is no such row, there is no list either. With the argument ``text`` it has those rows
    alone that ``search`` finds. ``is_own`` is for what one person has, whose rows say little: the
    first page reads all of them, and so counts them in passing.
    """

    def __init__(
        self,
        kind: type[Record],
        columns: Sequence[str],
        rows: Callable[..., QuerySet[Any, Any]],
        of: Callable[..., QuerySet[Any, Any]] | None = None,
        search: Search | None = None,
        *,
        is_own: bool = False,
    ) -> None:
        self._kind, self._columns = kind, tuple(columns)
        self._own = sum("__" not in name for name in columns)
        self._build, self._of, self._search, self._is_own = rows, of, search, is_own
        self._first, self._past = Statement(self._first_page), Statement(self._page_past)
        self._searched = Statement(self._search_page)
        self._deep, self._counted = Statement(self._deep_page), Statement(self._some_keys)
        self._keyed = Statement(self._keys)
        self._all = Statement(self._all_rows)
        self._there = Statement(self._owner)
        self._orders = lru_cache(maxsize=KEPT)(self._order)

    def __call__(self, **values: Any) -> "Listed":
        """Return the list for these arguments."""
        return Listed(self, values)

    def order(self, values: Mapping[str, Any]) -> Order:
        """Return what the list is ordered by."""
        return self._orders(kinds_of(values))

    def is_there(self, values: Mapping[str, Any]) -> bool:
        """Tell whether there is what the list belongs to; one query, none if it is all there is."""
        return self._of is None or bool(self._there.rows(**values))

    def page(
        self, values: Mapping[str, Any], start: int, limit: int, after: Position | None
    ) -> tuple[Rows[Any], int]:
        """Return some rows and how many there are, in one query, or two where there are none.

        One more asks the planner how many there are: in a long list, and before a search.
        """
        given = {} if after is None else {"after_value": after.value, "after_key": after.key}
        asked = {**values, **given, "limit": Fixed(limit)}
        expected = None
        statement = self._past if given else self._deep if start else self._first
        if search := self._search_for(values):
            statement = self._searched
            if start + limit <= WALK and values["sort"] != search.unindexed:
                expected = self._expected(values)
            asked["walk"] = expected is not None and expected > EXACT_COUNT
        form, found = self._answer(statement, asked, start)
        if asked.get("walk") and len(found) < limit:
            form, found = self._answer(statement, {**asked, "walk": False}, start)
        total = found[0][form.names.index(TOTAL)] if found else self._count(values, start, after)
        if total > EXACT_COUNT:
            total = max(total, self._expected(values) if expected is None else expected)
        beside = slice(self._own, self._own + len(form.names) - len(self._columns))
        return Rows(self._kind, form.names, found, beside), total

    def _search_for(self, values: Mapping[str, Any]) -> Search | None:
        return self._search if "text" in values else None

    def _answer(
        self, statement: Statement, asked: dict[str, Any], start: int
    ) -> tuple[Form, list[tuple[Any, ...]]]:
        if statement is self._first and self._is_own:
            form, arguments = self._all.form(asked)
            values = {name: value for name, value in asked.items() if name != "limit"}
            form = _counting(form, self.order(values), asked["limit"])
            return form, form.rows(arguments)
        form, arguments = statement.form(asked)
        has_offset = start or statement is self._searched
        return form, form.rows(arguments, (str(_OFFSET), str(start)) if has_offset else None)

    def _expected(self, values: Mapping[str, Any]) -> int:
        """Return how many rows the planner expects, which knows the arguments."""
        form, given = self._keyed.form(values)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {form.sql}", form.arguments(given))
            plan = cursor.fetchone()
        return _estimate(json.dumps(plan[0]))

    def _count(self, values: Mapping[str, Any], start: int, after: Position | None) -> int:
        if not start and after is None:
            return 0
        form, given = self._counted.form(values)
        ((total,),) = run(f"SELECT count(*) FROM ({form.sql}) counted", form.arguments(given))  # noqa: S608
        return int(total)

    def _rows(self, values: dict[str, Any]) -> QuerySet[Any, Any]:
        rows: QuerySet[Any, Any] = self._build(**values)
        return rows if self._of is None else rows.filter(Exists(self._of(**values)))

    def _keys(self, **values: Any) -> QuerySet[Any, Any]:
        rows = self._rows(values).order_by().values("pk")
        search = self._search_for(values)
        return rows.filter(search.matches(values["text"])) if search else rows

    def _some_keys(self, **values: Any) -> QuerySet[Any, Any]:
        return self._keys(**values)[: EXACT_COUNT + 1]

    def _owner(self, **values: Any) -> QuerySet[Any, Any]:
        assert self._of is not None
        return self._of(**values).values("pk")

    def _shown(self, rows: QuerySet[Any, Any], values: dict[str, Any]) -> QuerySet[Any, Any]:
        """Return what is read of rows, with the number of all beside each."""
        order = order_of(rows)
        own = [name for name in self._columns if "__" not in name]
        others = [name for name in self._columns if "__" in name]
        read = [name for name in (order.field, order.key) if name not in own]
        counted: QuerySet[Any, Any] = rows.annotate(**{TOTAL: self._total(values)})
        return counted.values(*own, *read, TOTAL, *others)

    def _total(self, values: dict[str, Any]) -> Combinable:
        # Where there is a row, there is what the list belongs to.
        search, most = self._search_for(values), EXACT_COUNT + 1
        if search is None:
            return CountOf(self._build(**values), most=most)
        rows, text = search.counted(**values), values["text"]
        # PostgreSQL works out the second only where the first is not enough.
        sure = CountOf(rows.filter(search.surely(text)), most=most)
        total = CountOf(rows.filter(search.matches(text)), most=most)
        return Case(When(GreaterThan(sure, EXACT_COUNT), then=Value(most)), default=total)

    def _all_rows(self, *, limit: int, **values: Any) -> QuerySet[Any, Any]:
        rows = self._rows(values)
        order = order_of(rows)
        beside = [name for name in (order.field, order.key) if name not in self._columns]
        return rows.values(*self._columns, *beside)[: EXACT_COUNT + 1]

    def _first_page(self, *, limit: int, **values: Any) -> QuerySet[Any, Any]:
        return self._shown(self._rows(values), values)[:limit]

    def _page_past(
        self, *, limit: int, after_value: Any, after_key: Any, **values: Any
    ) -> QuerySet[Any, Any]:
        rows = self._rows(values)
        rows = past(rows, order_of(rows), Position(after_value, after_key))
        return self._shown(rows, values)[:limit]

    def _deep_page(self, *, limit: int, **values: Any) -> QuerySet[Any, Any]:
        rows = self._rows(values)
        # PostgreSQL works out what it skips, too: let that be keys, not rows with their counts.
        keys: Any = rows.values("pk")[_OFFSET : _OFFSET + limit]
        here: QuerySet[Any, Any] = self._build(**values)
        return self._shown(here.filter(pk__in=keys), values)

    def _search_page(
        self,
        *,
        limit: int,
        walk: bool,
        after_value: Any = None,
        after_key: Any = None,
        **values: Any,
    ) -> QuerySet[Any, Any]:
        assert self._search is not None
        rows = self._rows(values)
        if after_key is not None:
            rows = past(rows, order_of(rows), Position(after_value, after_key))
        condition = self._search.matches(values["text"])
        keys = Found(rows, condition, walk=walk, start=_OFFSET, limit=limit)
        here: QuerySet[Any, Any] = self._build(**values)
        return self._shown(here.filter(pk__in=keys), values)

    def _order(self, kinds: Any) -> Order:
        return order_of(self._build(**stand_ins(kinds)))


class Listed:
    """A list for some arguments."""

    def __init__(self, listing: Listing, values: dict[str, Any]) -> None:
        self._listing, self._values = listing, values

    @cached_property
    def order(self) -> Order:
        """What the rows are ordered by."""
        return self._listing.order(self._values)

    def page(self, start: int, limit: int, after: Position | None) -> tuple[Rows[Any], int]:
        """Return some rows and how many there are."""
        return self._listing.page(self._values, start, limit, after)

    def is_there(self) -> bool:
        """Tell whether there is what the list belongs to."""
        return self._listing.is_there(self._values)


@lru_cache(maxsize=KEPT)
def _counting(form: Form, order: Order, limit: int) -> Form:
    """Return the statement of the first of some rows, with the number of all beside each."""
    way = "DESC" if order.sort.startswith("-") else "ASC"
    sql = (
        f"SELECT listed.*, count(*) OVER () FROM ({form.sql}) listed"  # noqa: S608
        f' ORDER BY "{order.field}" {way}, "{order.key}" {way} LIMIT {limit}'
    )
    return Form(sql, form.places, (*form.names, TOTAL))


def order_of(rows: QuerySet[Any, Any]) -> Order:
    """Return what a queryset is ordered by."""
    sort, key = (str(name) for name in rows.query.order_by)
    column = F(sort.removeprefix("-")).resolve_expression(rows.query).output_field
    key = key.removeprefix("-")
    return Order(sort, rows.model._meta.pk.attname if key == "pk" else key, column)


def past(rows: QuerySet[Any, Any], order: Order, position: Position) -> QuerySet[Any, Any]:
    """Return the rows after a position: a row-value comparison, which an index answers."""
    compare = LessThan if order.sort.startswith("-") else GreaterThan
    here = RowValue(F(order.field), F(order.key))
    there = RowValue(Value(position.value, output_field=order.column), Value(position.key))
    return rows.filter(compare(here, there))


def _estimate(plan: str) -> int:
    """Return how many rows the planner expects: reading millions to count them takes too long."""
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"])

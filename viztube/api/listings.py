"""Where the rows of a page come from: a queryset, or a list whose statements are made once.

A list's rows are ordered by one field and then by an id, both in the same direction.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, Func, QuerySet, TextField, Value
from django.db.models.lookups import GreaterThan, LessThan

from viztube.api.querysets import CountOf
from viztube.api.statements import KEPT, Fixed, Record, Rows, Statement, kinds_of, run, stand_ins

EXACT_COUNT = 10_000
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
    there is no such row, there is no list either.
    """

    def __init__(
        self,
        kind: type[Record],
        columns: Sequence[str],
        rows: Callable[..., QuerySet[Any, Any]],
        of: Callable[..., QuerySet[Any, Any]] | None = None,
    ) -> None:
        self._kind, self._columns = kind, tuple(columns)
        self._own = sum("__" not in name for name in columns)
        self._build, self._of = rows, of
        self._first, self._past = Statement(self._first_page), Statement(self._page_past)
        self._deep, self._counted = Statement(self._deep_page), Statement(self._some_keys)
        self._keyed = Statement(self._keys)
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
        """Return some rows and how many there are, in one query, or two where there are none."""
        if after is not None:
            statement = self._past
            given = {"after_value": after.value, "after_key": after.key}
        else:
            statement, given = (self._deep if start else self._first), {}
        asked = {**values, **given, "limit": Fixed(limit)}
        form, arguments = statement.form(asked)
        found = form.rows(arguments, (str(_OFFSET), str(start)) if start else None)
        total = found[0][form.names.index(TOTAL)] if found else self._count(values, start, after)
        if total > EXACT_COUNT:
            keys, given = self._keyed.form(values)
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {keys.sql}", keys.arguments(given))
                plan = cursor.fetchone()
            total = max(total, _estimate(json.dumps(plan[0])))
        beside = slice(self._own, self._own + len(form.names) - len(self._columns))
        return Rows(self._kind, form.names, found, beside), total

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
        return self._rows(values).order_by().values("pk")

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
        # Where there is a row, there is what the list belongs to.
        total = CountOf(self._build(**values), most=EXACT_COUNT + 1)
        counted: QuerySet[Any, Any] = rows.annotate(**{TOTAL: total})
        return counted.values(*own, *read, TOTAL, *others)

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

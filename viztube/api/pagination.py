"""Pages of lists, by number or by cursor.

A list is ordered by one field and then by an id, both in the same direction. A cursor is the
(field, id) of the last row seen, so the next page is a row-value comparison that an index on
(field, id) answers at any depth. Both may be annotations: the videos that a person likes are
ordered by columns of the likes.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from copy import deepcopy
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from viztube.api.errors import FieldError
from viztube.api.listings import Listed, Order, Position, QuerySetSource
from viztube.api.responses import ok
from viztube.api.shapes import PAGINATION_SCHEMA

MAX_LIMIT = 100
# Beyond any list we could have; keeps OFFSET inside PostgreSQL's bigint.
MAX_PAGE = 1_000_000_000

# The pages of a list that many ask for: nobody shall fill the cache with the others.
FIRST_PAGES = frozenset(map(str, range(1, 5)))
SHORT_PAGES = frozenset(map(str, range(1, 26)))  # rows


def first_page(given: dict[str, Any]) -> tuple[str, str] | None:
    """Take page and limit out of query parameters; return them for one of the first pages.

    None for any other, and for what is not written as plainly as almost everybody does.
    """
    page = given.pop("page", "1")
    limit = given.pop("limit", str(PagePagination.default_limit))
    return (page, limit) if page in FIRST_PAGES and limit in SHORT_PAGES else None


class PagePagination(BasePagination):
    """``?page&limit`` or ``?cursor&limit``; answers an array with a ``pagination`` beside it."""

    default_limit = 10
    # Whether the page's numbers are beside ``data`` and not within it.
    beside_data = True

    # A sequence has no order to seek by.
    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any] | Listed, request: Request, view: APIView | None = None
    ) -> Any:
        """Return the rows of the page asked for; raises FieldError (400)."""
        source = QuerySetSource(queryset) if isinstance(queryset, QuerySet) else queryset
        self.limit = min(self._number(request, "limit", self.default_limit), MAX_LIMIT)
        self.page = min(self._number(request, "page", 1), MAX_PAGE)
        cursor = request.query_params.get("cursor")
        position = self._position(source.order, cursor) if cursor else None
        start = 0 if cursor else (self.page - 1) * self.limit
        # One row more than the page tells whether there is a next one.
        rows, self.total = source.page(start, self.limit + 1, position)
        self.has_next = len(rows) > self.limit
        rows = rows[: self.limit]
        self.next_cursor = self._cursor(source.order, rows[-1]) if self.has_next else None
        return rows

    def get_pagination(self) -> dict[str, Any]:
        """Return where this page stands in its list."""
        return {
            "page": self.page,
            "limit": self.limit,
            "totalDocs": self.total,
            "totalPages": -(-self.total // self.limit),
            "hasNextPage": self.has_next,
            "hasPrevPage": self.page > 1,
            "nextCursor": self.next_cursor,
        }

    def get_paginated_response(self, data: Any) -> Response:
        """Return the answer with the rows as ``data``."""
        return ok(data, pagination=self.get_pagination())

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Document the rows; the schema class adds the envelope and the pagination beside them."""
        return schema

    @staticmethod
    def documented(rows: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of an object that has the page's numbers beside its rows."""
        properties = {**rows, **deepcopy(PAGINATION_SCHEMA["properties"])}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Document the query parameters."""
        number = {"type": "integer", "minimum": 1}
        return [
            {"name": "page", "in": "query", "schema": {**number, "default": 1}},
            {
                "name": "limit",
                "in": "query",
                "description": "Above 100 it is 100.",
                "schema": {**number, "default": self.default_limit},
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "A nextCursor; replaces page and stays fast at any depth.",
                "schema": {"type": "string"},
            },
        ]

    def _number(self, request: Request, name: str, default: int) -> int:
        value = request.query_params.get(name)
        if value is None:
            return default
        # Python refuses to read more than 4,300 digits, and nobody means them.
        if not (value.isascii() and value.isdigit() and len(value) <= 4000 and int(value) >= 1):
            raise FieldError(name, "must be a whole number from 1")
        return int(value)

    def _cursor(self, order: Order, row: Any) -> str:
        value = getattr(row, order.field)
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        state = [order.sort, text, str(getattr(row, order.key)), self.page + 1]
        return urlsafe_b64encode(orjson.dumps(state)).decode().rstrip("=")

    def _position(self, order: Order, cursor: str) -> Position:
        """Return where a cursor stands, and take the number of its page."""
        foreign = FieldError("cursor", "is not one this service gave out")
        try:
            # orjson is strict: no NaN, no lone surrogates, no nesting that exhausts the stack.
            state = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            sort, text, key, page = state
            value, pk = order.column.to_python(text), UUID(key)
            self.page = min(max(int(page), 1), MAX_PAGE)
        except (ValueError, TypeError, AttributeError, ValidationError) as error:
            raise foreign from error
        if sort != order.sort:
            raise FieldError("cursor", "belongs to another sort order")
        if value is None or "\0" in str(value):
            raise foreign
        if isinstance(value, datetime) and value.tzinfo is None:
            raise foreign
        return Position(value, pk)


class LongPagination(PagePagination):
    """For lists that the service before this one gave out whole."""

    default_limit = 50

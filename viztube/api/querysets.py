"""Asking about the rows that belong to a row: how many, and whether one is the viewer's."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BooleanField,
    Exists,
    F,
    Func,
    IntegerField,
    Model,
    OuterRef,
    QuerySet,
    Subquery,
    UUIDField,
    Value,
)
from django.db.models.expressions import Combinable


class CountOf(Subquery):
    """How many rows a queryset has for each row of the query around it; 0 when there are none.

    Joined counts multiply each other; each of these is a subquery that its own index answers.
    """

    template = "(SELECT count(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any], most: int | None = None, **extra: Any) -> None:
        """Take the rows, and from how many on they are not counted any more."""
        super().__init__(rows.order_by().values("pk")[:most], **extra)


def rows_behind(model: type[Model], name: str, *, of: str = "pk") -> Any:
    """Return what a related name of a model leads to, for each row of the query around it.

    ``of`` is the column of that query that holds the key. By its name, because the apps that own
    such rows stand above those whose answers count them, and cannot be imported there.
    """
    relation: Any = model._meta.get_field(name)
    return rows_of(model, name).filter(**{relation.field.name: OuterRef(of)})


def rows_of(model: type[Model], name: str) -> Any:
    """Return all that a related name of a model leads to, of all its rows."""
    relation: Any = model._meta.get_field(name)
    return relation.related_model._default_manager


def whether(viewer: Model | AnonymousUser, rows: QuerySet[Any], owner: str) -> Combinable:
    """Return whether one of the rows is the viewer's; None for who is signed out.

    ``owner`` is the rows' column that says whose they are.
    """
    if isinstance(viewer, AnonymousUser):
        return Value(None, output_field=BooleanField())
    return Exists(rows.filter(**{owner: viewer}))


def as_array(ids: list[str]) -> str:
    """Return ids as PostgreSQL writes an array.

    psycopg takes longer to make one than a query takes that looks for a page's rows by it.
    """
    return f"{{{','.join(ids)}}}"


def one_of(column: str, ids: list[Any] | str) -> Func:
    """Return the condition that a column is one of some ids, which are one parameter: an array.

    A text has them as PostgreSQL writes an array: ``{a,b}``.
    """
    array = Value(ids, output_field=ArrayField(UUIDField()))
    return Func(
        F(column),
        array,
        template="(%(expressions)s))",
        arg_joiner=" = ANY(",
        output_field=BooleanField(),
    )

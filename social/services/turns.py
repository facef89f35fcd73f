"""Taking turns where one person changes how they stand to one thing, and making that change.

Whoever toggles must see what the toggle before has committed, so a single statement cannot do it:
all statements of a person about a thing wait for each other, and each then looks anew.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Func, Model, QuerySet, TextField, Value
from django.db.models.expressions import Combinable
from rest_framework.generics import get_object_or_404

from users.models import User
from viztube.api.ids import id_or_404


class TakeTurn(Func):
    """Wait for a lock that lasts as long as the transaction (PostgreSQL, "Advisory Locks")."""

    function = "pg_advisory_xact_lock"
    output_field = TextField()


def in_turn(
    targets: QuerySet[Any] | None,
    pk: str,
    person: User,
    *,
    along: Callable[[UUID], Combinable] = Value,
) -> tuple[UUID, Any]:
    """Return the id of one of the targets when it is this person's turn; Http404 for another.

    None stands for whatever there is or is not: to end something, one need not see it any more.
    With it comes what is asked ``along``. In one statement, inside the caller's transaction.
    """
    target = id_or_404(pk)
    turn = TakeTurn(Value(_key(person.pk, target), output_field=BigIntegerField()))
    rows = User.objects.filter(pk=person.pk) if targets is None else targets.filter(pk=target)
    return target, get_object_or_404(rows.values_list(along(target), turn))[0]


def change(model: type[Model], columns: Mapping[str, Any], *, wanted: bool | None) -> bool:
    """Let a row be there or not, None for the other way round; return whether it now is.

    In two statements at most, by whose turn it is. A row that is wanted and there stays as it is.
    """
    rows = model._default_manager
    if not wanted:
        deleted, _ = rows.filter(**columns).delete()
        if deleted or wanted is False:
            return False
    rows.bulk_create([model(**columns)], ignore_conflicts=True)
    return True


def _key(person: UUID, target: UUID) -> int:
    """Return 64 bits that stand for the two."""
    return int.from_bytes(blake2b(person.bytes + target.bytes, digest_size=8).digest(), signed=True)

"""Liking things."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from social.models import Like
from social.services.turns import change, in_turn
from users.models import User


def set_like(*, user: User, targets: QuerySet[Any], pk: str, liked: bool | None) -> bool:
    """Like one of the targets or not, None for the other way round; return whether it now is.

    ``targets`` are the videos, comments or tweets that the person may see; Http404 for liking
    another.
    """
    with transaction.atomic():
        target = in_turn(None if liked is False else targets, pk, user)
        columns = {"user_id": user.pk, f"{targets.model._meta.model_name}_id": target}
        return change(Like, columns, wanted=liked)

"""Liking things."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Subquery
from django.db.models.expressions import Combinable

from social.models import Like
from social.services.turns import change, in_turn
from users.models import User
from videos.models import Video
from viztube.api import shared


def set_like(*, user: User, targets: QuerySet[Any], pk: str, liked: bool | None) -> bool:
    """Like one of the targets or not, None for the other way round; return whether it now is.

    ``targets`` are the videos, comments or tweets that the person may see; Http404 for liking
    another.
    """
    with transaction.atomic():
        seen = None if liked is False else targets
        target, owner = in_turn(seen, pk, user, along=_owner_of_video)
        columns = {"user_id": user.pk, f"{targets.model._meta.model_name}_id": target}
        now = change(Like, columns, wanted=liked)
        if owner is not None:
            shared.forget_on_commit(shared.VIDEO_LIST.tag(), shared.STATS.tag(owner))
        return now


def _owner_of_video(pk: UUID) -> Combinable:
    return Subquery(Video.objects.filter(pk=pk).values("user"))

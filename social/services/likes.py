"""Liking things."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Subquery, Value
from django.db.models.expressions import Combinable

from social.models import Comment, Like
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
        target, shown = in_turn(seen, pk, user, along=_ALONG.get(targets.model, Value))
        columns = {"user_id": user.pk, f"{targets.model._meta.model_name}_id": target}
        now = change(Like, columns, wanted=liked)
        if targets.model is Video and shown is not None:
            shared.forget_on_commit(
                shared.VIDEO_LIST.tag(), shared.VIDEO.tag(target), shared.STATS.tag(shown)
            )
        if targets.model is Comment and shown is not None:
            shared.forget_on_commit(shared.COMMENTS.tag(shown))
        return now


def _owner_of_video(pk: UUID) -> Combinable:
    return Subquery(Video.objects.filter(pk=pk).values("user"))


def _video_of_comment(pk: UUID) -> Combinable:
    return Subquery(Comment.objects.filter(pk=pk).values("video"))


# What the cache needs to know of what is liked.
_ALONG: dict[Any, Any] = {Video: _owner_of_video, Comment: _video_of_comment}

"""The things that can be reported and decided about."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Model, QuerySet

from social.models import Comment, TargetType, Tweet
from users.models import User
from videos.models import Video

MODELS: dict[TargetType, type[Model]] = {
    TargetType.VIDEO: Video,
    TargetType.COMMENT: Comment,
    TargetType.TWEET: Tweet,
    TargetType.CHANNEL: User,
}
LABEL_LENGTH = 300  # characters


class Description(NamedTuple):
    """A target in words: whose it is, a line to call it by, and all that it says."""

    owner: User
    label: str
    excerpt: str


def rows_of(target_type: TargetType) -> QuerySet[Any]:
    """Return all there are of a kind, with their owners."""
    rows = MODELS[target_type]._default_manager.all()
    return rows if target_type == TargetType.CHANNEL else rows.select_related("user")


def content_with(target_id: UUID) -> TargetType | None:
    """Return what has an id, a video, a comment or a tweet, None when none of them has it."""
    content = (TargetType.VIDEO, TargetType.COMMENT, TargetType.TWEET)
    return next((one for one in content if rows_of(one).filter(pk=target_id).exists()), None)


def locked(target_type: TargetType, target_id: UUID, rows: QuerySet[Any] | None = None) -> Any:
    """Return one of the rows locked, None when it is not there.

    Whoever reports or decides locks what it is about first and its case after that, so that they
    wait for each other and never in a circle. Rows that refer to it can be added meanwhile.
    """
    rows = rows_of(target_type) if rows is None else rows
    return rows.select_for_update(of=("self",), no_key=True).filter(pk=target_id).first()


def describe(target: Any) -> Description:
    """Describe a target."""
    match target:
        case User():
            return Description(target, target.username, f"{target.fullname} (@{target.username})")
        case Video():
            text = f"{target.title}\n\n{target.description}".strip()
            return Description(target.user, target.title[:LABEL_LENGTH], text)
        case _:
            return Description(target.user, target.content[:LABEL_LENGTH], target.content)

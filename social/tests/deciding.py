"""Deciding as the desk does, for tests of what follows."""

from collections.abc import Callable
from typing import Any

from django.test import TestCase

from social.decisions import DECISIONS
from social.models import DecisionName, ModerationAction, TargetType
from social.roles import Actor, Role, operator, staff
from social.services.moderation import decide
from social.services.targets import MODELS
from social.tests.factories import CommentFactory, TweetFactory
from social.tests.roles import member
from users.tests.factories import UserFactory
from videos.tests.factories import VideoFactory

REASON = "It breaks the rules."


def _channel(user: Any = None) -> Any:
    return user or UserFactory.create(password=None)


# Kind -> a way to make one, of ``user`` when that is given.
MAKE: dict[TargetType, Callable[..., Any]] = {
    TargetType.VIDEO: VideoFactory.create,
    TargetType.COMMENT: CommentFactory.create,
    TargetType.TWEET: TweetFactory.create,
    TargetType.CHANNEL: _channel,
}


def kind_of(target: Any) -> TargetType:
    """Return what kind of thing something is."""
    return next(kind for kind, model in MODELS.items() if isinstance(target, model))


def owner_of(target: Any) -> Any:
    """Return whose something is."""
    return target if kind_of(target) == TargetType.CHANNEL else target.user


def acting(role: Role) -> Actor:
    """Return somebody of a role, as who decides."""
    return operator("root") if role == Role.OPERATOR else staff(member(role, password=None))


def decided(
    target: Any,
    name: DecisionName,
    *,
    by: Actor | None = None,
    reason: str = REASON,
    days: int | None = None,
) -> ModerationAction:
    """Decide, by a senior moderator unless somebody is named, and let follow what a commit starts.

    Raises Refused.
    """
    by = by or acting(Role.SENIOR)
    if days is None and name == DecisionName.SUSPEND:
        days = 7
    with TestCase.captureOnCommitCallbacks(execute=True):
        return decide(
            actor=by,
            decision=DECISIONS[name],
            target_type=kind_of(target),
            target_id=target.pk,
            reason=reason,
            days=days,
        )

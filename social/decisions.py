"""What staff can decide, each decision an object: what about, who may, what it does.

Nothing here opens a transaction or locks; ``social.services.moderation`` does, and keeps the log.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils import timezone

from social.models import Comment, DecisionName, Outcome, TargetType
from social.roles import DECIDE_CONTENT, DECIDE_PEOPLE
from social.services.shown import forget_comments_on_commit
from users.models import User
from users.services import standing
from videos.services.standing import follow_on_commit
from videos.services.videos import set_removed

POSTS = frozenset({TargetType.COMMENT, TargetType.TWEET})
CONTENT = POSTS | {TargetType.VIDEO}
EVERYTHING = CONTENT | {TargetType.CHANNEL}
MAX_DAYS = 365


class Decision(ABC):
    """One kind of decision.

    ``targets`` are what it can be about, and ``outcome`` is how it closes an open case about the
    target; one without leaves it open.
    """

    name: ClassVar[DecisionName]
    label: ClassVar[str]
    effect: ClassVar[str]
    targets: ClassVar[frozenset[TargetType]]
    outcome: ClassVar[Outcome | None] = None
    # Whether it ends by itself after some days.
    takes_days: ClassVar[bool] = False
    # Whether it needs what it is about: not where that is gone.
    needs_target: ClassVar[bool] = True

    @abstractmethod
    def objection(self, target: Any) -> str | None:
        """Return why there is nothing to decide, None when there is."""

    @abstractmethod
    def apply(self, target: Any, *, reason: str, until: datetime | None) -> None:
        """Do it to a locked row, in the caller's transaction."""


class Dismiss(Decision):
    """Find nothing wrong."""

    name = DecisionName.DISMISS
    label = "Dismiss"
    effect = "Closes the case. Nothing changes, and the owner is not told."
    targets = EVERYTHING
    outcome = Outcome.DISMISSED
    needs_target = False

    def objection(self, target: Any) -> str | None:
        """Object to nothing: that there is an open case is for the caller to know."""
        return None

    def apply(self, target: Any, *, reason: str, until: datetime | None) -> None:
        """Leave everything as it is."""


class TakeDown(Decision):
    """Hide a video from everyone but its owner and staff."""

    name = DecisionName.TAKE_DOWN
    label = "Take down"
    effect = "Hides the video from everyone but its owner and staff. Its addresses stop working."
    targets = frozenset({TargetType.VIDEO})
    outcome = Outcome.UPHELD

    def objection(self, target: Any) -> str | None:
        """Object to what is down already."""
        return None if target.removed_at is None else "It is taken down already."

    def apply(self, target: Any, *, reason: str, until: datetime | None) -> None:
        """Hide the row and move its files."""
        set_removed(video=target, removed=True)


class Remove(Decision):
    """Hide a comment or a tweet from everyone but its writer and staff."""

    name = DecisionName.REMOVE
    label = "Remove"
    effect = "Hides the text from everyone but its writer and staff."
    targets = POSTS
    outcome = Outcome.UPHELD

    def objection(self, target: Any) -> str | None:
        """Object to what is removed already."""
        return None if target.removed_at is None else "It is removed already."

    def apply(self, target: Any, *, reason: str, until: datetime | None) -> None:
        """Hide the row."""
        _set_removed(target, timezone.now())


def _set_removed(post: Any, at: datetime | None) -> None:
    """Hide a comment or a tweet, or show it again."""
    post.removed_at = at
    post.save(update_fields=["removed_at"])
    if isinstance(post, Comment):
        forget_comments_on_commit(post.video_id)


class Restore(Decision):
    """Undo a take-down or a removal."""

    name = DecisionName.RESTORE
    label = "Restore"
    effect = "Shows it again to whoever could see it before."
    targets = CONTENT

    def objection(self, target: Any) -> str | None:
        """Object to what is not hidden by staff."""
        return None if target.removed_at is not None else "It is not removed."

    def apply(self, target: Any, *, reason: str, until: datetime | None) -> None:
        """Show the row, and bring a video's files back."""
        if hasattr(target, "folder"):
            set_removed(video=target, removed=False)
        else:
            _set_removed(target, None)


class _AboutPeople(Decision):
    targets = frozenset({TargetType.CHANNEL})

    def _change(self, person: User, **changes: Any) -> None:
        standing.change(user=person, **changes)
        follow_on_commit(user=person)


class Suspend(_AboutPeople):
    """Keep a person out for some days."""

    name = DecisionName.SUSPEND
    label = "Suspend"
    effect = (
        "Signs the person out everywhere and hides the channel with everything in it, until the "
        "days are over. A new suspension takes the place of a running one."
    )
    outcome = Outcome.UPHELD
    takes_days = True

    def objection(self, target: Any) -> str | None:
        """Object to who is banned, which is more."""
        return None if target.is_active else "This person is banned already."

    def apply(self, target: Any, *, reason: str, until: datetime | None) -> None:
        """Set the end."""
        assert until is not None
        self._change(target, is_active=True, suspended_until=until, reason=reason)


class Ban(_AboutPeople):
    """Keep a person out for good."""

    name = DecisionName.BAN
    label = "Ban"
    effect = (
        "Signs the person out everywhere and hides the channel with everything in it, for good."
    )
    outcome = Outcome.UPHELD

    def objection(self, target: Any) -> str | None:
        """Object to who is banned already."""
        return None if target.is_active else "This person is banned already."

    def apply(self, target: Any, *, reason: str, until: datetime | None) -> None:
        """Take the place of a suspension, too."""
        self._change(target, is_active=False, suspended_until=None, reason=reason)


class Lift(_AboutPeople):
    """Undo a suspension or a ban."""

    name = DecisionName.LIFT
    label = "Lift"
    effect = "Ends a suspension or a ban: the person may sign in, and the channel is shown again."

    def objection(self, target: Any) -> str | None:
        """Object to who may sign in."""
        return "This person is neither suspended nor banned." if target.may_sign_in else None

    def apply(self, target: Any, *, reason: str, until: datetime | None) -> None:
        """Let the person in again."""
        self._change(target, is_active=True, suspended_until=None, reason="")


DECISIONS: Mapping[DecisionName, Decision] = {
    decision.name: decision
    for decision in (Dismiss(), TakeDown(), Remove(), Restore(), Suspend(), Ban(), Lift())
}


def permission_about(target_type: TargetType) -> str:
    """Return what somebody needs to decide about a kind of thing."""
    return DECIDE_PEOPLE if target_type == TargetType.CHANNEL else DECIDE_CONTENT


def decisions_about(target_type: TargetType) -> list[Decision]:
    """Return what can be decided about a kind of thing."""
    return [one for one in DECISIONS.values() if target_type in one.targets]

"""Deleting a person with everything they made, in steps that may be cut off anywhere.

Each step is a transaction of its own and deletes some of what is there, so that memory and locks
stay small, and whoever runs it again goes on with what is left. The account goes last, with its
line in the log.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from social.decisions import DECISIONS
from social.models import Comment, DecisionName, TargetType
from social.roles import Actor, Role, role_of
from social.services.moderation import Refused, checked_reason, decide, log
from users.models import User
from users.services.pictures import discard_picture
from users.services.sessions import revoke_sessions
from videos.services.videos import delete_video
from viztube.api import shared
from viztube.api.errors import ApiError

BATCH = 500  # rows a step

# Hears what is being deleted, and how many of it went since it was called last.
Advance = Callable[[str, int], object]


@dataclass(frozen=True)
class Share:
    """One kind of thing that goes with a person.

    Its name, its relation to them, how some of it is deleted, and how much in one step.
    """

    label: str
    relation: str
    delete: Callable[[QuerySet[Any]], object]
    batch: int = BATCH

    def rows(self, person: User) -> QuerySet[Any]:
        """Return what there is of it."""
        rows: QuerySet[Any] = getattr(person, self.relation).all()
        return rows


def _delete_videos(rows: QuerySet[Any]) -> None:
    for video in rows.only("pk"):
        # Its owner may have deleted it at this moment.
        with suppress(ApiError):
            delete_video(video=video)


def _delete_rows(rows: QuerySet[Any]) -> None:
    rows.delete()


def _delete_posts(rows: Any) -> None:
    rows.purge()


# Videos first: what others wrote and liked there goes with each of them.
SHARES = (
    Share("videos", "videos", _delete_videos, batch=1),
    Share("comments", "comments", _delete_posts),
    Share("tweets", "tweets", _delete_posts),
    Share("likes given", "likes", _delete_rows),
    Share("playlists", "playlists", _delete_rows),
    Share("channels followed", "subscriptions", _delete_rows),
    Share("followers", "subscribers", _delete_rows),
    Share("videos in the watch history", "watch_history", _delete_rows),
    Share("reports made", "reports", _delete_rows),
    Share("reports on the channel", "reports_on", _delete_rows),
    Share("cases about the person and what they made", "cases", _delete_rows),
)


def count_shares(person: User) -> dict[str, int]:
    """Return how many of each kind of thing go with a person."""
    return {share.label: share.rows(person).count() for share in SHARES}


def count_comments_of_others(person: User) -> int:
    """Return how many comments of others go because they are under a video of this person."""
    return Comment.objects.filter(video__user=person).exclude(user=person).count()


def check_purge(*, person: User, reason: str) -> None:
    """Raise Refused where ``purge`` would."""
    checked_reason(reason)
    if person.is_staff or role_of(person) > Role.PERSON:
        raise Refused(
            f"{person.username} is staff. Take that away first: in admin, a superuser clears "
            f"staff status, superuser status, groups and permissions of {person.username}. Then "
            "run this again."
        )


def purge(*, person: User, actor: Actor, reason: str, advance: Advance) -> None:
    """Delete a person, everything they made, and the files of it; safe to cut off and to repeat.

    They are banned first, so that nothing new arrives meanwhile; files follow through the queue.
    Raises Refused.
    """
    check_purge(person=person, reason=reason)
    if person.is_active:
        decide(
            actor=actor,
            decision=DECISIONS[DecisionName.BAN],
            target_type=TargetType.CHANNEL,
            target_id=person.pk,
            reason=reason,
        )
    while True:
        for share in SHARES:
            while ids := list(share.rows(person).values_list("pk", flat=True)[: share.batch]):
                with transaction.atomic():
                    share.delete(share.rows(person).filter(pk__in=ids))
                    shared.forget_everything_on_commit()
                advance(share.label, len(ids))
        if _close(person, actor, reason):
            return


def _close(person: User, actor: Actor, reason: str) -> bool:
    """Delete the account; tell whether it is gone, which it is not while something is left."""
    with transaction.atomic():
        # Before the account is locked: who refreshes has a session locked, and then adds a line to
        # the audit trail that refers to the account.
        revoke_sessions(user=person)
        # Whoever adds something of theirs at this moment waits, and then finds nobody.
        row = User.objects.select_for_update(of=("self",)).filter(pk=person.pk).first()
        if row is None:
            return True
        # Somebody may have lifted the ban since, and more than that.
        check_purge(person=row, reason=reason)
        if any(share.rows(row).exists() for share in SHARES):
            return False
        log(
            actor=actor,
            decision=DecisionName.PURGE,
            target_type=TargetType.CHANNEL,
            target_id=row.pk,
            target_label=row.username,
            owner=row,
            reason=checked_reason(reason),
        )
        for address in {row.avatar, row.cover_image}:
            discard_picture(address)
        row.delete()
        shared.forget_everything_on_commit()
    return True

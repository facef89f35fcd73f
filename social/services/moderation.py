"""Deciding: one decision about one thing, applied and logged in one transaction."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from social.decisions import MAX_DAYS, Decision, permission_about
from social.models import REASON_LENGTH, Case, ModerationAction, TargetType
from social.roles import Actor, Role, role_of
from social.services.targets import LABEL_LENGTH, describe, locked
from users.models import User
from viztube.api.errors import Conflict


class Refused(Conflict):
    """A decision that cannot be taken, with the sentence that says why."""


def decide(
    *,
    actor: Actor,
    decision: Decision,
    target_type: TargetType,
    target_id: UUID,
    reason: str,
    days: int | None = None,
    case: Case | None = None,
    dry_run: bool = False,
) -> ModerationAction:
    """Apply a decision and return its line in the log; raises Refused, and then nothing happened.

    It takes effect with the commit: sessions, addresses and lists follow at once. An open case
    about the target is closed if the decision says how. ``case`` is where it was taken, when that
    is about something else of the same person. With ``dry_run`` nothing happens either way, and
    the line that would have been added is returned.
    """
    reason = checked_reason(reason)
    with transaction.atomic():
        # Two who decide at once: the second waits here and then finds it done.
        target = locked(target_type, target_id)
        cases = Case.objects.open().filter(target_type=target_type, target_id=target_id)
        about = cases.select_for_update(no_key=True).first()
        owner, label = _owner_and_label(target, about)
        may_decide(actor=actor, decision=decision, target_type=target_type, owner=owner)
        if decision.needs_target and target is None:
            raise Refused(f"This {target_type.value} is no longer there: it was deleted.")
        if not decision.needs_target and about is None:
            raise Refused("There is no open case about it: somebody else has just decided.")
        if objection := decision.objection(target):
            raise Refused(objection)
        until = _until(decision, days)
        decided_on = about or case
        line = _line(
            actor=actor,
            decision=decision.name,
            target_type=target_type,
            target_id=target_id,
            target_label=label,
            owner=owner,
            reason=reason,
            until=until,
            case_id=decided_on.pk if decided_on else None,
        )
        if dry_run:
            return line
        decision.apply(target, reason=reason, until=until)
        if about is not None and decision.outcome:
            about.closed_at, about.outcome = timezone.now(), decision.outcome
            about.save(update_fields=["closed_at", "outcome"])
        line.save(force_insert=True)
    return line


def may_decide(
    *,
    actor: Actor,
    decision: Decision,
    target_type: TargetType,
    owner: User,
    role: Role | None = None,
) -> None:
    """Raise Refused unless this actor may decide so about what this person owns.

    ``role`` is the owner's, where it is known already.
    """
    if target_type not in decision.targets:
        raise Refused(f"{decision.label} is no decision about a {target_type.value}.")
    if not actor.has_perm(permission_about(target_type)):
        raise Refused(f"Your role does not allow decisions about a {target_type.value}.")
    if owner.pk == actor.id:
        raise Refused("This is about you: let somebody else decide.")
    if (role_of(owner) if role is None else role) > actor.role:
        raise Refused(f"{owner.username} has a higher role than you: let an administrator decide.")


def checked_reason(reason: str) -> str:
    """Return a reason without the space around it; raises Refused for none and for a long one."""
    reason = reason.strip()
    if not reason:
        raise Refused("Give a reason: the log keeps it, and the owner is told.")
    if len(reason) > REASON_LENGTH:
        raise Refused(f"Say it in at most {REASON_LENGTH} characters.")
    if "\0" in reason:
        raise Refused("The reason has a character that cannot be kept.")
    return reason


def log(*, actor: Actor, target_label: str, owner: User, **columns: Any) -> ModerationAction:
    """Add a line to the log, in the transaction that does what it tells."""
    line = _line(actor=actor, target_label=target_label, owner=owner, **columns)
    line.save(force_insert=True)
    return line


def _line(*, actor: Actor, target_label: str, owner: User, **columns: Any) -> ModerationAction:
    return ModerationAction(
        actor_id=actor.id,
        actor_label=actor.label[:LABEL_LENGTH],
        actor_role=actor.role.label,
        target_label=target_label[:LABEL_LENGTH],
        owner_id=owner.pk,
        owner_label=owner.username[:LABEL_LENGTH],
        **columns,
    )


def _owner_and_label(target: Any, about: Case | None) -> tuple[User, str]:
    if target is not None:
        owner, label, _ = describe(target)
        return owner, label
    if about is not None:
        return about.owner, about.excerpt
    raise Refused("There is nothing with this id, and no open case about it.")


def _until(decision: Decision, days: int | None) -> datetime | None:
    if not decision.takes_days:
        return None
    if days is None or not 1 <= days <= MAX_DAYS:
        raise Refused(f"Say for how many days, from 1 to {MAX_DAYS}.")
    return timezone.now() + timedelta(days=days)

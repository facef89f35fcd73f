"""Reporting what is wrong."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from social.models import Case, Report, ReportReason, TargetType
from social.services.targets import describe, locked
from users.models import User
from viztube.api.errors import ApiError, Conflict, FieldError


def report(
    *,
    reporter: User,
    targets: QuerySet[Any],
    target_type: TargetType,
    target_id: UUID,
    reason: ReportReason,
    details: str = "",
) -> Report:
    """Report one of the targets; it joins the open case about that, or opens one.

    ``targets`` are those that the reporter may see. Raises FieldError (400) for what is one's own,
    ApiError (404) for what is not among the targets, and Conflict (409) for what one has reported
    already and nobody has decided about.
    """
    with transaction.atomic():
        # Reports on one thing take turns, so that two cannot open a case each.
        target = locked(target_type, target_id, targets)
        if target is None:
            raise NoSuchTarget(target_type)
        owner, _, excerpt = describe(target)
        if owner.pk == reporter.pk:
            raise FieldError("targetId", "is your own: you can delete it yourself")
        case = Case.objects.open().filter(target_id=target_id).first()
        if case is None:
            case = Case.objects.create(
                target_type=target_type, target_id=target_id, owner=owner, excerpt=excerpt
            )
        elif case.reports.filter(reporter=reporter).exists():
            raise Conflict("You have reported this already, and it waits for a decision.")
        return Report.objects.create(
            reporter=reporter,
            case=case,
            reason=reason,
            details=details,
            **{target_type.value: target},
        )


class NoSuchTarget(ApiError):
    """What is to be reported is not there, or not for this person to see."""

    status_code = 404
    default_code = "not_found"

    def __init__(self, target_type: TargetType) -> None:
        super().__init__(f"There is no such {target_type.value}.")

"""The log of what staff decided."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from social.models.cases import TargetType
from social.querysets import ModerationActionQuerySet
from viztube.api.ids import uuid7

REASON_LENGTH = 500  # characters, as long as User.suspension_reason


class DecisionName(models.TextChoices):
    """What staff can decide."""

    DISMISS = "dismiss", "dismissed"
    TAKE_DOWN = "take_down", "taken down"
    RESTORE = "restore", "restored"
    REMOVE = "remove", "removed"
    SUSPEND = "suspend", "suspended"
    BAN = "ban", "banned"
    LIFT = "lift", "lifted"
    PURGE = "purge", "purged"


class ModerationAction(models.Model):
    """One decision: who, what, about what, why.

    Only ever added to: a trigger refuses UPDATE and DELETE, and the role that the application
    connects as may not TRUNCATE either. It names things and people by plain ids and labels, so that
    it outlives them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    actor_id = models.UUIDField(null=True, blank=True, help_text="Empty for operators.")
    actor_label = models.CharField(max_length=300)
    actor_role = models.CharField(max_length=50)
    decision = models.CharField(choices=DecisionName)
    target_type = models.CharField(choices=TargetType)
    target_id = models.UUIDField()
    target_label = models.CharField(max_length=300)
    owner_id = models.UUIDField(help_text="Whose it is.")
    owner_label = models.CharField(max_length=300)
    case_id = models.UUIDField(null=True, blank=True)
    reason = models.CharField(
        max_length=REASON_LENGTH, help_text="Told to the owner, but for a dismissal."
    )
    until = models.DateTimeField(null=True, blank=True, help_text="The end of a suspension.")

    objects = ModerationActionQuerySet.as_manager()

    class Meta:
        permissions = [
            ("decide_content", "Can decide about videos, comments and tweets"),
            ("decide_people", "Can suspend and ban people"),
            ("administer", "Is an administrator, about whom moderators may not decide"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(decision__in=DecisionName.values),
                name="social_moderationaction_decision",
            ),
            models.CheckConstraint(
                condition=Q(target_type__in=TargetType.values),
                name="social_moderationaction_target_type",
            ),
            models.CheckConstraint(
                condition=Q(reason__regex=r"\S"), name="social_moderationaction_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(decision="suspend", until__isnull=False)
                | (~Q(decision="suspend") & Q(until=None)),
                name="social_moderationaction_until",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["target_id", "id"], name="social_action_on_target"),
            models.Index(fields=["owner_id", "created_at", "id"], name="social_action_on_owner"),
            models.Index(fields=["actor_id", "id"], name="social_action_by_actor"),
            models.Index(fields=["created_at", "id"], name="social_action_by_created_at"),
            models.Index(fields=["decision", "created_at", "id"], name="social_action_by_decision"),
            models.Index(fields=["target_type", "created_at", "id"], name="social_action_by_type"),
        ]

    def __str__(self) -> str:
        return f"{self.owner_label}: {self.get_target_type_display()} {self.get_decision_display()}"

"""Whom people follow."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from users.models import User
from viztube.api.ids import uuid7


class Subscription(models.Model):
    """That a person follows another one's channel."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The indexes serve the foreign keys too.
    subscriber = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="subscriptions", db_index=False
    )
    channel = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="subscribers", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["subscriber", "channel"], name="social_subscription_unique"
            ),
            models.CheckConstraint(
                condition=~Q(subscriber=F("channel")), name="social_subscription_not_oneself"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["channel", "created_at", "id"], name="social_subscription_to"),
            models.Index(fields=["subscriber", "created_at", "id"], name="social_subscription_of"),
            # The list of staff.
            models.Index(fields=["created_at", "id"], name="social_subscription_all"),
        ]

    def __str__(self) -> str:
        return f"subscription of {self.created_at:%Y-%m-%d %H:%M}"

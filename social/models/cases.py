"""What people report, and the case that the reports on one thing form."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from social.models.posts import Comment, Tweet
from social.querysets import CaseQuerySet, ReportQuerySet
from users.models import User
from videos.models import Video
from viztube.api.ids import uuid7

DETAILS_LENGTH = 2000  # characters


class TargetType(models.TextChoices):
    """What can be reported and decided about; each names the column of a report."""

    VIDEO = "video"
    COMMENT = "comment"
    TWEET = "tweet"
    CHANNEL = "channel"


class ReportReason(models.TextChoices):
    """What somebody finds wrong with it."""

    SPAM = "spam", "spam or misleading"
    HARASSMENT = "harassment", "harassment"
    HATE = "hate", "hate"
    VIOLENCE = "violence", "violence or threats"
    SEXUAL = "sexual", "sexual content"
    MINORS = "minors", "endangers minors"
    COPYRIGHT = "copyright", "copyright"
    OTHER = "other", "something else"


class Outcome(models.TextChoices):
    """How a case ended."""

    UPHELD = "upheld", "upheld"
    DISMISSED = "dismissed", "dismissed"


class Case(models.Model):
    """What was reported, until somebody has decided about it.

    The target is named and not referred to, with what it said when it was first reported: a case
    stays when somebody deletes what they were reported for.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    target_type = models.CharField(choices=TargetType)
    target_id = models.UUIDField()
    # The index on (owner, opened_at) serves the foreign key too.
    owner = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="cases",
        db_index=False,
        help_text="Whose it is.",
    )
    excerpt = models.TextField(help_text="What it said when it was first reported.")
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(choices=Outcome, blank=True, default="")

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(target_type__in=TargetType.values), name="social_case_target_type"
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, outcome="")
                | Q(closed_at__isnull=False, outcome__in=Outcome.values),
                name="social_case_closed_with_outcome",
            ),
            models.UniqueConstraint(
                fields=["target_id"],
                condition=Q(closed_at=None),
                name="social_case_one_open",
                violation_error_message="has an open case already",
            ),
            # What the foreign key of reports refers to.
            models.UniqueConstraint(fields=["id", "target_id"], name="social_case_id_target"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["opened_at", "id"], name="social_case_open", condition=Q(closed_at=None)
            ),
            models.Index(fields=["opened_at", "id"], name="social_case_by_opened_at"),
            models.Index(fields=["target_id", "opened_at"], name="social_case_of_target"),
            models.Index(fields=["owner", "opened_at"], name="social_case_of_owner"),
        ]

    def __str__(self) -> str:
        # The title of a video, without its description.
        title = self.excerpt.partition("\n")[0]
        return f"{self.get_target_type_display()}: {title[:60]}"

    @property
    def is_open(self) -> bool:
        """Tell whether nobody has decided yet."""
        return self.closed_at is None


class Report(models.Model):
    """That a person finds something wrong with one thing: a video, a comment, a tweet or a channel.

    One that is open is on an open case: as a target has one of those and a person one report a
    case, nobody has two open ones on one target.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The index on (reporter, created_at, id) serves the foreign key too.
    reporter = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="reports", db_index=False
    )
    # Partial indexes serve these foreign keys, in each of which most rows have nothing.
    video = models.ForeignKey(
        Video, on_delete=models.CASCADE, related_name="reports", null=True, db_index=False
    )
    comment = models.ForeignKey(
        Comment, on_delete=models.CASCADE, related_name="reports", null=True, db_index=False
    )
    tweet = models.ForeignKey(
        Tweet, on_delete=models.CASCADE, related_name="reports", null=True, db_index=False
    )
    channel = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="reports_on", null=True, db_index=False
    )
    target_id = models.GeneratedField(
        expression=Coalesce("video", "comment", "tweet", "channel"),
        output_field=models.UUIDField(),
        db_persist=True,
    )
    # In the database the foreign key is (case, target_id), so that a report is on the case of its
    # own target; the unique constraint's index serves it.
    case = models.ForeignKey(
        Case, on_delete=models.CASCADE, related_name="reports", db_index=False, db_constraint=False
    )
    reason = models.CharField(choices=ReportReason)
    details = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=(
                    Q(video__isnull=False, comment=None, tweet=None, channel=None)
                    | Q(video=None, comment__isnull=False, tweet=None, channel=None)
                    | Q(video=None, comment=None, tweet__isnull=False, channel=None)
                    | Q(video=None, comment=None, tweet=None, channel__isnull=False)
                ),
                name="social_report_one_target",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=ReportReason.values), name="social_report_reason"
            ),
            models.CheckConstraint(
                condition=~Q(channel=F("reporter")), name="social_report_not_oneself"
            ),
            models.UniqueConstraint(
                fields=["case", "reporter"],
                name="social_report_once_a_case",
                violation_error_message="is reported by this person already",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["reporter", "created_at", "id"], name="social_report_of_reporter"),
            models.Index(fields=["created_at", "id"], name="social_report_by_created_at"),
            models.Index(fields=["reason", "created_at", "id"], name="social_report_by_reason"),
            *(
                models.Index(
                    fields=[target],
                    name=f"social_report_on_{target}",
                    condition=Q(**{f"{target}__isnull": False}),
                )
                for target in TargetType.values
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.created_at:%Y-%m-%d})"

    @property
    def target_type(self) -> TargetType:
        """Return what kind of thing is reported."""
        return next(one for one in TargetType if getattr(self, f"{one.value}_id") is not None)

    @property
    def state(self) -> str:
        """Return ``open``, or how its case ended."""
        return self.case.outcome or "open"

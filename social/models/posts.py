"""What people write: comments and tweets."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length, Now, Upper
from django.db.models.lookups import LessThanOrEqual

from social.querysets import CommentQuerySet, TweetQuerySet
from users.models import User
from videos.models import Video
from viztube.api.ids import uuid7

COMMENT_LENGTH = 5000  # characters
TWEET_LENGTH = 2000  # characters


class Post(models.Model):
    """What somebody wrote: the part that comments and tweets have in common."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    content = models.TextField()
    # From the database, so that both are the same until somebody edits.
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, help_text="Taken down by staff.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.content[:80]


def _content_constraints(table: str, length: int) -> list[models.BaseConstraint]:
    """Return the constraints that a text has something to read and an end."""
    return [
        models.CheckConstraint(
            condition=Q(content__regex=r"\S"), name=f"social_{table}_content_not_blank"
        ),
        models.CheckConstraint(
            condition=LessThanOrEqual(Length("content"), length),
            name=f"social_{table}_content_length",
        ),
    ]


def _staff_indexes(table: str) -> list[models.Index]:
    """Return the indexes of the list of staff: the newest first, those removed, a search."""
    return [
        models.Index(fields=["created_at", "id"], name=f"social_{table}_all"),
        models.Index(
            fields=["created_at", "id"],
            name=f"social_{table}_removed",
            condition=Q(removed_at__isnull=False),
        ),
        # icontains compares in upper case.
        GinIndex(
            OpClass(Upper("content"), name="gin_trgm_ops"), name=f"social_{table}_content_trgm"
        ),
    ]


class Comment(Post):
    """What a person says about a video."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="comments")
    # The index on (video, created_at, id) serves the foreign key too.
    video = models.ForeignKey(
        Video, on_delete=models.CASCADE, related_name="comments", db_index=False
    )

    objects = CommentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = _content_constraints(
            "comment", COMMENT_LENGTH
        )
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["video", "created_at", "id"], name="social_comment_of_video"),
            *_staff_indexes("comment"),
        ]


class Tweet(Post):
    """What a person says to everyone: a community post."""

    # The index on (user, created_at, id) serves the foreign key too.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tweets", db_index=False)

    objects = TweetQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = _content_constraints(
            "tweet", TWEET_LENGTH
        )
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "created_at", "id"], name="social_tweet_of_user"),
            *_staff_indexes("tweet"),
        ]

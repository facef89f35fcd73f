"""Tables of what people do with videos and with each other."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual

from social.querysets import CommentQuerySet, PlaylistQuerySet, TweetQuerySet
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
        ]


class Like(models.Model):
    """That a person likes one thing: a video, a comment or a tweet."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The index on (user, created_at, id) serves this foreign key too. Those of the constraints lead
    # with the target, so that they count its likes and serve its foreign key.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="likes", db_index=False)
    video = models.ForeignKey(
        Video, on_delete=models.CASCADE, related_name="likes", null=True, db_index=False
    )
    comment = models.ForeignKey(
        Comment, on_delete=models.CASCADE, related_name="likes", null=True, db_index=False
    )
    tweet = models.ForeignKey(
        Tweet, on_delete=models.CASCADE, related_name="likes", null=True, db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=(
                    Q(video__isnull=False, comment=None, tweet=None)
                    | Q(video=None, comment__isnull=False, tweet=None)
                    | Q(video=None, comment=None, tweet__isnull=False)
                ),
                name="social_like_one_target",
            ),
            *(
                models.UniqueConstraint(
                    fields=[target, "user"],
                    # Statistics count likes by day.
                    include=["created_at"] if target == "video" else None,
                    condition=Q(**{f"{target}__isnull": False}),
                    name=f"social_like_{target}_unique",
                )
                for target in ("video", "comment", "tweet")
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The video besides, so that counting the videos that a person likes reads this alone.
            models.Index(
                fields=["user", "created_at", "id"],
                name="social_like_of_user",
                include=["video"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.video_id or self.comment_id or self.tweet_id}"


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
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} follows {self.channel_id}"


class Playlist(models.Model):
    """Videos that a person put together, in an order."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The index on (user, created_at, id) serves the foreign key too.
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="playlists", db_index=False
    )
    name = models.TextField()
    description = models.TextField(blank=True, default="")
    # From the database, so that both are the same until somebody edits.
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = PlaylistQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(name__regex=r"\S"), name="social_playlist_name_not_blank"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "created_at", "id"], name="social_playlist_of_user"),
        ]

    def __str__(self) -> str:
        return self.name


class PlaylistVideo(models.Model):
    """A video's place in a playlist. Positions order; they may have gaps."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The constraints' indexes serve the foreign key too.
    playlist = models.ForeignKey(
        Playlist, on_delete=models.CASCADE, related_name="entries", db_index=False
    )
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="playlist_entries")
    position = models.PositiveIntegerField()
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["playlist", "video"], name="social_playlistvideo_unique"
            ),
            # Checked at the end of a transaction, within which an order may change step by step.
            models.UniqueConstraint(
                fields=["playlist", "position"],
                name="social_playlistvideo_position_unique",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.video_id} at {self.position} of {self.playlist_id}"

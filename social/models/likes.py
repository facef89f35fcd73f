"""What people like."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from social.models.posts import Comment, Tweet
from users.models import User
from videos.models import Video
from viztube.api.ids import uuid7


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
            # The list of staff.
            models.Index(fields=["created_at", "id"], name="social_like_all"),
        ]

    def __str__(self) -> str:
        return f"like of {self.created_at:%Y-%m-%d %H:%M}"

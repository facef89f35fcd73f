"""What people put together."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now, Upper

from social.querysets import PlaylistQuerySet
from users.models import User
from videos.models import Video
from viztube.api.ids import uuid7


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
            # The list of staff, and its search: icontains compares in upper case.
            models.Index(fields=["created_at", "id"], name="social_playlist_all"),
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="social_playlist_name_trgm"),
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

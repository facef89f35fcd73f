"""Tables of videos and of what is counted about them."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from users.models import User
from videos.files import VideoFiles
from videos.querysets import SEARCH_CONFIG, VideoManager, title_sort
from viztube.api.ids import uuid7
from viztube.media.hls.ladder import CAPS
from viztube.media.paths import (
    FOLDER_PATTERN,
    HIDDEN,
    MASTER,
    PUBLISHED,
    STORED_FOLDER_PATTERN,
    STREAM_FOLDER_PATTERN,
)


class ProcessingStatus(models.TextChoices):
    """The state of what happens after an upload; the original plays in all three."""

    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class Video(VideoFiles, models.Model):
    """A video and where its files are.

    ``folder`` is where the files belong and what addresses are built from; ``stored_folder`` is
    where they are. They differ only between a commit and the rename that follows it.

    ``video_file`` and ``thumbnail_file`` are names in that folder on the disk. With a slash in it,
    such a name is a file elsewhere, which other videos may share: a path below the media root, or
    an absolute address. On Cloudinary the address is where the file belongs, and the public id is
    what it is called now: they differ only between a commit and the renaming that follows it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The index on (user, created_at, id) serves the foreign key too.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="videos", db_index=False)
    title = models.TextField()
    description = models.TextField(blank=True, default="")
    duration = models.FloatField(help_text="In seconds.")
    width = models.PositiveIntegerField(null=True, help_text="In pixels, as shown.")
    height = models.PositiveIntegerField(null=True, help_text="In pixels, as shown.")
    # A stored total beside DailyViews, because lists sort by it.
    views = models.BigIntegerField(default=0)
    is_published = models.BooleanField(default=True)
    removed_at = models.DateTimeField(null=True, blank=True, help_text="Taken down by staff.")
    processing_status = models.CharField(
        choices=ProcessingStatus.choices, default=ProcessingStatus.COMPLETED
    )
    folder = models.CharField()
    stored_folder = models.CharField()
    # Without a file is only what came from the service before this one, where its upload failed.
    video_file = models.CharField()
    thumbnail_file = models.CharField(blank=True, default="")
    # The HLS master playlist: a path in the folder on the disk (hls-0a1b2c3d/master.m3u8), or an
    # absolute address; "" until there is something to play.
    stream_file = models.CharField(blank=True, default="", db_default="")
    # What the place elsewhere calls them; the defaults in the database are for the version before
    # these columns, which goes on while a deployment takes over.
    video_public_id = models.CharField(blank=True, default="", db_default="")
    thumbnail_public_id = models.CharField(blank=True, default="", db_default="")
    # Where files may be that were on their way while the video got yet another folder; null when
    # every file is where it belongs.
    former_folders = ArrayField(models.CharField(), null=True, blank=True)
    video_bytes = models.BigIntegerField(null=True, help_text="Size of the original.")
    video_format = models.CharField(blank=True, default="", db_default="")
    video_version = models.BigIntegerField(null=True, help_text="Cloudinary's, of the original.")
    processing_error = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="Why processing failed."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config=SEARCH_CONFIG)
        + SearchVector("description", weight="B", config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = VideoManager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(title=""), name="videos_video_title_not_empty"),
            models.CheckConstraint(condition=Q(duration__gte=0), name="videos_video_duration"),
            models.CheckConstraint(condition=Q(views__gte=0), name="videos_video_views"),
            models.CheckConstraint(
                condition=Q(processing_status__in=ProcessingStatus.values),
                name="videos_video_processing_status",
            ),
            models.CheckConstraint(
                condition=Q(folder__regex=f"^{FOLDER_PATTERN}$"), name="videos_video_folder"
            ),
            models.CheckConstraint(
                condition=Q(stored_folder__regex=f"^{STORED_FOLDER_PATTERN}$"),
                name="videos_video_stored_folder",
            ),
            models.CheckConstraint(
                condition=Q(folder__startswith="h/") | Q(is_published=True, removed_at=None),
                name="videos_video_hidden_in_h",
            ),
            models.CheckConstraint(
                condition=~Q(video_file="") | Q(is_published=False),
                name="videos_video_published_has_file",
            ),
            models.CheckConstraint(
                condition=Q(video_bytes__gte=0), name="videos_video_video_bytes"
            ),
            models.CheckConstraint(
                condition=Q(processing_error="") | Q(processing_status=ProcessingStatus.FAILED),
                name="videos_video_error_when_failed",
            ),
            models.CheckConstraint(
                condition=Q(stream_file__regex=f"^($|https?://|{STREAM_FOLDER_PATTERN}/{MASTER}$)"),
                name="videos_video_stream_file",
            ),
            models.UniqueConstraint(fields=["folder"], name="videos_video_folder_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "created_at", "id"], name="videos_video_user"),
            *(
                models.Index(
                    *expressions,
                    name=f"videos_video_by_{name}",
                    condition=Q(is_published=True, removed_at=None),
                )
                for name, expressions in {
                    "created_at": (F("created_at"), F("id")),
                    "views": (F("views"), F("id")),
                    "duration": (F("duration"), F("id")),
                    "title": (title_sort(), F("id")),
                }.items()
            ),
            # The lists of staff, the newest first: all, and the few that they look for.
            models.Index(fields=["created_at", "id"], name="videos_video_all"),
            *(
                models.Index(
                    fields=["created_at", "id"], name=f"videos_video_{name}", condition=condition
                )
                for name, condition in {
                    "unpublished": Q(is_published=False),
                    "removed": Q(removed_at__isnull=False),
                    "failed": Q(processing_status=ProcessingStatus.FAILED),
                }.items()
            ),
            # Counting what is published, of everyone or of one person, reads this alone.
            models.Index(
                fields=["user"],
                name="videos_video_published_of_user",
                condition=Q(is_published=True, removed_at=None),
            ),
            # What decides who may see a video, for counting what a person liked or watched.
            models.Index(
                fields=["id"],
                name="videos_video_visibility",
                include=["user", "is_published", "removed_at"],
            ),
            # For VideoQuerySet.misplaced().
            models.Index(
                fields=["user"],
                name="videos_video_published_in_h",
                condition=Q(folder__startswith="h/", is_published=True, removed_at=None),
            ),
            # Cloudinary's notifications name a video by it.
            models.Index(
                fields=["video_public_id"],
                name="videos_video_public_id",
                condition=~Q(video_public_id=""),
            ),
            # Whether another video has a poster too, before it is moved or deleted.
            models.Index(
                fields=["thumbnail_public_id"],
                name="videos_video_thumbnail_id",
                condition=~Q(thumbnail_public_id=""),
            ),
            # The few on which work is left.
            models.Index(
                fields=["id"],
                name="videos_video_processing",
                condition=Q(processing_status=ProcessingStatus.PROCESSING),
            ),
            GinIndex(fields=["search"], name="videos_video_search"),
            # icontains compares in upper case.
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="videos_video_title_trgm"),
            GinIndex(
                OpClass(Upper("description"), name="gin_trgm_ops"),
                name="videos_video_description_trgm",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_hidden(self) -> bool:
        """Tell whether the video itself is hidden, by its owner or by staff."""
        return not self.is_published or self.removed_at is not None

    @property
    def area(self) -> str:
        """Return the area of the media root where the files belong."""
        return HIDDEN if self.is_hidden or not self.user.may_sign_in else PUBLISHED

    @property
    def is_misplaced(self) -> bool:
        """Tell whether the folder is in the other area."""
        return not self.folder.startswith(f"{self.area}/")

    @property
    def has_folder(self) -> bool:
        """Tell whether one of the files is in a folder of the video's own."""
        return any(name and "/" not in name for name in (self.video_file, self.thumbnail_file))


class Rendition(models.Model):
    """One quality of a video's stream on this machine, as it was measured."""

    id = models.BigAutoField(primary_key=True)
    # The unique constraint's index serves the foreign key too.
    video = models.ForeignKey(
        Video, on_delete=models.CASCADE, related_name="renditions", db_index=False
    )
    height = models.PositiveIntegerField(help_text="In pixels.")
    width = models.PositiveIntegerField(help_text="In pixels.")
    bitrate = models.PositiveIntegerField(help_text="Bits a second on average, sound included.")
    codecs = models.CharField(max_length=100, help_text="As RFC 6381 writes them.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["video", "height"], name="videos_rendition_unique"),
            models.CheckConstraint(
                condition=Q(height__gt=0, width__gt=0, bitrate__gt=0),
                name="videos_rendition_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.width}x{self.height}, {self.bitrate // 1000} kbit/s"


class Transcoding(models.Model):
    """A stream that is to be made by this machine; gone when it is made, or given up.

    Whoever takes the row away, or gives it another folder, ends the job that makes the stream.
    """

    video = models.OneToOneField(
        Video, on_delete=models.CASCADE, primary_key=True, related_name="transcoding"
    )
    # In the video's folder; another attempt goes on in it.
    stream_folder = models.CharField()
    rungs = ArrayField(
        models.PositiveSmallIntegerField(), null=True, help_text="Null for all up to the setting."
    )
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How many were begun.")
    percent = models.PositiveSmallIntegerField(default=0)
    requested_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(stream_folder__regex=f"^{STREAM_FOLDER_PATTERN}$"),
                name="videos_transcoding_stream_folder",
            ),
            models.CheckConstraint(
                condition=Q(percent__lte=100), name="videos_transcoding_percent"
            ),
            models.CheckConstraint(
                condition=Q(rungs=None) | Q(rungs__contained_by=list(CAPS), rungs__len__gt=0),
                name="videos_transcoding_rungs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} %, {self.attempts} attempts begun"


class Notification(models.Model):
    """What Cloudinary told us and we took, by its digest: the same is not taken twice."""

    digest = models.CharField(primary_key=True, max_length=64)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="videos_notification_digest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.digest[:8]} at {self.received_at}"


class ViewEvent(models.Model):
    """One view, as it happened; folded into totals within a minute and then gone."""

    id = models.BigAutoField(primary_key=True)
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="+")
    viewed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.video_id} at {self.viewed_at}"


class DailyViews(models.Model):
    """How often a video was viewed on a day (UTC)."""

    id = models.BigAutoField(primary_key=True)
    # The unique constraint's index serves the foreign key too.
    video = models.ForeignKey(
        Video, on_delete=models.CASCADE, related_name="daily_views", db_index=False
    )
    day = models.DateField()
    views = models.BigIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["video", "day"], name="videos_dailyviews_unique"),
            models.CheckConstraint(condition=Q(views__gt=0), name="videos_dailyviews_views"),
        ]
        verbose_name_plural = "daily views"

    def __str__(self) -> str:
        return f"views on {self.day}: {self.views}"


class WatchHistory(models.Model):
    """When a person last watched a video."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="watch_history", db_index=False
    )
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="history_entries")
    watched_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "video"], name="videos_watchhistory_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "watched_at", "id"], name="videos_watchhistory_newest"),
            models.Index(fields=["watched_at", "id"], name="videos_watchhistory_all"),
        ]
        verbose_name_plural = "watch history"

    def __str__(self) -> str:
        return f"watched {self.watched_at:%Y-%m-%d %H:%M}"

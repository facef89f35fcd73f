"""Videos and what is counted about them in Django admin."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from videos.models import DailyViews, Notification, Video, ViewEvent, WatchHistory
from videos.services.pushes import push_again
from videos.services.transcoding import is_made_here, make_stream_again
from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import as_clock, link_to, shorten
from viztube.desk.filters import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DaysFilter,
    set_filter,
)
from viztube.desk.search import Search
from viztube.media.backends import disk


@admin.register(Video)
class VideoAdmin(EvidenceAdmin):
    """Videos: to find, to watch, to decide about. Their texts are their owners'."""

    decides = "video"
    list_display = (
        *("name", "owner", "is_published", "removed_at", "processing_status"),
        *("length", "views", "created_at"),
    )
    list_filter = (
        ("user", AutocompleteSelectFilter),
        ("is_published", BooleanRadioFilter),
        set_filter("removed_at", "removal"),
        ("processing_status", ChoicesDropdownFilter),
        ("created_at", DaysFilter),
    )
    search = Search(text=("title",), owner="user", ids=("id", "user"))
    fields = (
        *("id", "title", "description", "user", "player"),
        *("duration", "width", "height", "views"),
        *("is_published", "removed_at", "processing_status", "processing_error", "stream_file"),
        "streams",
        *("created_at", "updated_at"),
    )
    actions = ("try_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Video]:
        """Return videos with their owners and the streams that are being made."""
        videos: QuerySet[Video] = super().get_queryset(request)
        return videos.select_related("user", "transcoding")

    @admin.display(description="title")
    def name(self, video: Video) -> str:
        """Return the title, shortened."""
        return shorten(video.title)

    @admin.display(description="length")
    def length(self, video: Video) -> str:
        """Return how long it is, as people read it."""
        return as_clock(video.duration)

    @admin.display(description="Video")
    def player(self, video: Video) -> str:
        """Show the video itself."""
        return format_html(
            '<video src="{}" poster="{}" controls preload="none" width="480"></video>',
            disk().url(video.video_path),
            disk().url(video.thumbnail_path),
        )

    @admin.display(description="streams made here")
    def streams(self, video: Video) -> str:
        """Return the qualities that there are, and how far the next stream is."""
        # A page asks twice.
        prefetch_related_objects([video], "renditions")
        made = sorted(video.renditions.all(), key=lambda one: one.height)
        lines = [str(one) for one in made]
        if making := getattr(video, "transcoding", None):
            lines.append(f"being made: {making}")
        return format_html_join("", "{}<br>", ((line,) for line in lines)) or "-"

    @admin.action(description="Process again", permissions=["process"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        """Send what could not be brought to Cloudinary once more, or make streams once more."""
        if settings.CLOUDINARY_ACCOUNT is not None:
            count = sum(push_again(video=video) for video in queryset)
        else:
            count = sum(make_stream_again(video_id=video.pk) for video in queryset)
        self.message_user(request, f"{count} videos are being processed again.")

    def has_process_permission(self, request: HttpRequest) -> bool:
        """Let those who were given the change permission, although nothing is editable."""
        in_use = settings.CLOUDINARY_ACCOUNT is not None or is_made_here()
        return in_use and bool(request.user.has_perm("videos.change_video"))


class OfVideo(EvidenceAdmin):
    """Rows about a video."""

    list_select_related: tuple[str, ...] = ("video",)

    @admin.display(description="video")
    def of_video(self, row: Any) -> str:
        """Return a link to the video."""
        return link_to(row.video)


@admin.register(DailyViews)
class DailyViewsAdmin(OfVideo):
    """How often videos were viewed, day by day."""

    list_display = ("day", "of_video", "views")
    # By when they were counted: an index by day would serve nobody else.
    ordering = ("-id",)
    search = Search(owner="video__user", ids=("video",))


@admin.register(ViewEvent)
class ViewEventAdmin(OfVideo):
    """Views of the last minute, which are not yet in the totals."""

    list_display = ("viewed_at", "of_video")
    ordering = ("-id",)
    search = Search(ids=("video",))


@admin.register(WatchHistory)
class WatchHistoryAdmin(OfVideo):
    """What people watched last, as they see it themselves."""

    list_display = ("watched_at", "owner", "of_video")
    list_select_related = ("user", "video")
    list_filter = (("user", AutocompleteSelectFilter), ("watched_at", DaysFilter))
    ordering = ("-watched_at", "-id")
    search = Search(owner="user", ids=("id", "user", "video"))


@admin.register(Notification)
class NotificationAdmin(EvidenceAdmin):
    """What Cloudinary told us in the last days, by digest."""

    list_display = ("received_at", "digest")
    list_filter = (("received_at", DaysFilter),)
    ordering = ("-received_at", "-pk")
    search = Search(ids=())

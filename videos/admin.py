"""Videos in Django admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from videos.models import Video
from videos.services.videos import set_published
from viztube.media.backends import disk


@admin.register(Video)
class VideoAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Videos: to find, to watch, to publish or hide. Their texts are their owners'."""

    list_display = (
        "title",
        "user",
        "is_published",
        "removed_at",
        "duration",
        "views",
        "created_at",
    )
    list_select_related = ("user",)
    list_filter = ("is_published", "processing_status", "created_at")
    search_fields = ("title", "user__username", "id")
    show_full_result_count = False
    ordering = ("-created_at",)
    fields = (
        "id",
        "title",
        "description",
        "user",
        "player",
        "duration",
        "width",
        "height",
        "views",
        "is_published",
        "removed_at",
        "processing_status",
        "processing_error",
        "stream_file",
        "created_at",
        "updated_at",
    )
    actions = ("publish", "hide")

    @admin.display(description="Video")
    def player(self, video: Video) -> str:
        """Show the video itself."""
        return format_html(
            '<video src="{}" poster="{}" controls preload="none" width="480"></video>',
            disk().url(video.video_path),
            disk().url(video.thumbnail_path),
        )

    @admin.action(description="Publish the chosen videos", permissions=["publish"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        """Publish; removed videos stay hidden."""
        self._set_published(request, queryset, published=True)

    @admin.action(description="Hide the chosen videos", permissions=["publish"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        """Unpublish; every address handed out before stops working."""
        self._set_published(request, queryset, published=False)

    def _set_published(
        self, request: HttpRequest, queryset: QuerySet[Video], *, published: bool
    ) -> None:
        videos = list(queryset.exclude(is_published=published))
        for video in videos:
            set_published(video=video, published=published)
        self.message_user(request, f"{len(videos)} videos changed.")

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Let those publish and hide who were given the change permission."""
        return bool(request.user.has_perm("videos.change_video"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: videos are uploaded through the API, which checks them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a row edited here would leave its files behind."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what breaks the rules is hidden, and stays as evidence."""
        return False

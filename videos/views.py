"""Videos over HTTP: ``/api/v2/videos``."""

from typing import ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from users.models import User
from videos.filters import VideoFilter
from videos.models import Video
from videos.pagination import VideoPagination
from videos.querysets import VideoQuerySet
from videos.serializers import (
    UpdateSerializer,
    UploadAnswerSerializer,
    UploadSerializer,
    VideoSerializer,
    VideoWithUserSerializer,
)
from videos.services import uploads, videos, views
from viztube.api.errors import not_found
from viztube.api.permissions import IsOwner
from viztube.api.responses import ok
from viztube.api.viewsets import ApiViewSet
from viztube.media.uploads import IMAGE_BYTES, VIDEO_BYTES


class VideoViewSet(ApiViewSet):
    """Uploading, finding, watching and managing videos."""

    serializer_class = VideoWithUserSerializer
    filterset_class = VideoFilter
    pagination_class = VideoPagination
    file_fields: ClassVar[dict[str, dict[str, int]]] = {
        "create": {"videoFile": VIDEO_BYTES, "thumbnail": IMAGE_BYTES},
        "partial_update": {"thumbnail": IMAGE_BYTES},
    }

    def get_permissions(self) -> list[BasePermission]:
        """Let anyone read what is public; the rest is its owner's."""
        if self.action in {"list", "retrieve"}:
            return [AllowAny()]
        return [IsOwner()]

    def get_queryset(self) -> VideoQuerySet:
        """Return what this call may touch."""
        videos: VideoQuerySet = Video.objects.all()
        if self.action == "list":
            return videos.published().with_details()
        return videos.visible_to(self.request.user).with_details()

    def list(self, request: Request) -> Response:
        """Find published videos."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        owner = request.query_params.get("userId", "").strip()
        if not page and owner:
            _require_channel(owner)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        request={"multipart/form-data": UploadSerializer}, responses={201: UploadAnswerSerializer}
    )
    def create(self, request: Request) -> Response:
        """Upload a video (multipart)."""
        form = UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        assert isinstance(request.user, User)
        video = uploads.upload_video(user=request.user, **form.validated_data)
        return ok({"video": VideoSerializer(video).data}, "Video uploaded.", status=201)

    def retrieve(self, request: Request, pk: str) -> Response:
        """Return a video and count the view; HEAD counts none."""
        video = self.get_object()
        if request.method == "GET":
            views.record_view(video=video, user=request.user)
            video.pending_views += 1
        return ok(self.get_serializer(video).data, "Video found.")

    @extend_schema(request=UpdateSerializer, responses={200: VideoSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change title, description, thumbnail or publication."""
        video = self.get_object()
        form = UpdateSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        thumbnail = changes.pop("thumbnail", None)
        video = videos.update_video(video=video, changes=changes, thumbnail=thumbnail)
        return ok(VideoSerializer(video).data, "Video updated.")

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a video and its files."""
        videos.delete_video(video=self.get_object())
        return ok(message="Video deleted.")

    @extend_schema(request=None, responses={200: VideoSerializer})
    @action(detail=False, methods=["patch"], url_path="toggle/publish/(?P<pk>[^/.]+)")
    def toggle_publish(self, request: Request, pk: str) -> Response:
        """Publish a hidden video, hide a published one."""
        video = videos.toggle_publish(video=self.get_object())
        message = "Video published." if video.is_published else "Video hidden."
        return ok(VideoSerializer(video).data, message)


def _require_channel(user_id: str) -> None:
    """Raise 404 for the list of someone who does not exist, or whom nobody may see."""
    if not User.objects.channels().filter(pk=user_id).exists():
        raise not_found()

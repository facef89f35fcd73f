"""Videos over HTTP: ``/api/v2/videos``."""

from contextlib import suppress
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from users.callers import caller
from users.models import User
from videos.cards import ask_for_card, cards_of, page_of
from videos.filters import VideoFilter, first_page, wanted
from videos.listings import VIDEOS, VIDEOS_OF, WATCHED, liked_among, with_likes
from videos.models import Video
from videos.pagination import VideoPagination
from videos.querysets import VideoQuerySet
from videos.serializers import (
    ProcessingSerializer,
    UpdateSerializer,
    UploadAnswerSerializer,
    UploadSerializer,
    VideoPageSerializer,
    VideoSerializer,
    VideoWithUserSerializer,
)
from videos.services import uploads, videos, views
from videos.services.notifications import take_notification
from viztube.api import shared
from viztube.api.caching import Asked
from viztube.api.errors import ApiError, not_found
from viztube.api.ids import id_or_404
from viztube.api.pagination import LongPagination
from viztube.api.permissions import IsOwner
from viztube.api.responses import ok
from viztube.api.throttling import READ, UPLOAD, WRITE
from viztube.api.viewsets import ApiViewSet
from viztube.media.uploads import IMAGE_BYTES, VIDEO_BYTES


class VideoViewSet(ApiViewSet):
    """Uploading, finding, watching and managing videos."""

    permission_classes = (IsOwner,)
    public_actions = frozenset({"list", "retrieve", "processing"})
    # Retrieving one counts a view.
    counted_actions = frozenset({"retrieve"})
    serializer_class = VideoWithUserSerializer
    filterset_class = VideoFilter
    pagination_class = VideoPagination
    file_fields: ClassVar[dict[str, dict[str, int]]] = {
        "create": {"videoFile": VIDEO_BYTES, "thumbnail": IMAGE_BYTES},
        "partial_update": {"thumbnail": IMAGE_BYTES},
    }
    scopes = {
        "list": (READ,),
        "create": (UPLOAD,),
        "retrieve": (READ,),
        "partial_update": (WRITE,),
        "destroy": (WRITE,),
        "toggle_publish": (WRITE,),
        "processing": (READ,),
    }

    def get_queryset(self) -> VideoQuerySet:
        """Return what this call may touch."""
        user = self.request.user
        videos: VideoQuerySet = Video.objects.all()
        videos = videos.visible_to(user)
        if self.action == "processing":
            return videos.select_related("transcoding")
        return videos

    _first_page: str | None = None
    _entry: Asked | None = None

    def ask_ahead(self, **kwargs: Any) -> None:
        """Ask for the shared part of one of the first pages, or of a video's page."""
        if self.action == "retrieve":
            with suppress(ApiError):
                self._entry = ask_for_card(id_or_404(kwargs["pk"]))
        if self.action == "list" and (page := first_page(self.request.query_params)):
            self._first_page = page
            self._entry = shared.ask(shared.VIDEO_LIST, page, of=VideoWithUserSerializer)

    def list(self, request: Request) -> Response:
        """Find published videos."""
        viewer, page = request.user, self._first_page
        if page is None:
            return self._page(viewer)

        def as_everyone_sees_it() -> Any:
            return self._page(AnonymousUser()).data["data"]

        found = shared.read_json(
            shared.VIDEO_LIST,
            page,
            as_everyone_sees_it,
            of=VideoWithUserSerializer,
            asked=self._entry,
        )
        return ok(with_likes(found, liked_among, viewer), "Videos found.")

    def _page(self, viewer: User | AnonymousUser) -> Response:
        """Return the page that the parameters ask for, as somebody sees it."""
        asked = wanted(self.request.query_params)
        videos = VIDEOS_OF if "owner" in asked else VIDEOS
        return self.answer_list(videos(viewer=viewer, **asked))

    @extend_schema(
        request={"multipart/form-data": UploadSerializer}, responses={201: UploadAnswerSerializer}
    )
    def create(self, request: Request) -> Response:
        """Upload a video (multipart)."""
        form = UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        video = uploads.upload_video(user=caller(request), **form.validated_data)
        return ok({"video": self._answer(video)}, "Video uploaded.", status=201)

    @extend_schema(responses={200: VideoPageSerializer})
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return a video and count the view; HEAD counts none."""
        read = views.watch if request.method == "GET" else views.look
        video = id_or_404(pk)
        shown = read(video=video, viewer=request.user)
        page = shown and page_of(video, shown, self._entry)
        if page is None:
            raise not_found()
        return ok(page, "Video found.")

    @extend_schema(request=UpdateSerializer, responses={200: VideoSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change title, description, thumbnail or publication."""
        video = self.get_object()
        form = UpdateSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        thumbnail = changes.pop("thumbnail", None)
        video = videos.update_video(video=video, changes=changes, thumbnail=thumbnail)
        return ok(self._answer(video), "Video updated.")

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
        return ok(self._answer(video), message)

    @extend_schema(responses={200: ProcessingSerializer})
    @action(detail=True, methods=["get"])
    def processing(self, request: Request, pk: str) -> Response:
        """Tell how far a video's streams are."""
        video = self.get_object()
        answer = ProcessingSerializer(video, context=self.get_serializer_context())
        return ok(answer.data, "Processing found.")

    def _answer(self, video: Video) -> Any:
        """Return a video of the caller's as this call left it, with its counts as they are now."""
        return VideoSerializer(Video.objects.add_details(video, self.request.user)).data


@extend_schema(exclude=True)
class CloudinaryNotificationViewSet(ApiViewSet):
    """Where Cloudinary tells what has become of a video; its signature is the permission."""

    authentication_classes = ()
    public_actions = frozenset({"create"})
    # All come from Cloudinary's few addresses, many at a time after many uploads; what is not
    # signed is refused before anything is done.
    scopes = {"create": ()}

    def create(self, request: Request) -> Response:
        """Take a notification; what it says of files that we do not know is ignored."""
        if settings.CLOUDINARY_ACCOUNT is None:
            raise not_found()
        take_notification(
            body=request._request.body,
            timestamp=request.headers.get("X-Cld-Timestamp", ""),
            signature=request.headers.get("X-Cld-Signature", ""),
        )
        return ok(message="Notification taken.")


class WatchHistoryViewSet(ApiViewSet):
    """What the caller has watched: ``/api/v2/user/watch-history``."""

    serializer_class = VideoWithUserSerializer
    filter_backends = ()
    pagination_class = LongPagination
    scopes = {
        "list": (READ,),
        "clear": (WRITE,),
        "destroy": (WRITE,),
    }

    def list(self, request: Request) -> Response:
        """List what one has watched, the latest first."""
        return self.answer_list(WATCHED(viewer=caller(request)), show=cards_of)

    @extend_schema(operation_id="user_watch_history_clear", responses={200: OpenApiTypes.OBJECT})
    def clear(self, request: Request) -> Response:
        """Forget everything one has watched."""
        caller(request).watch_history.all().delete()
        return ok(message="Watch history cleared.")

    @extend_schema(
        parameters=[OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Forget that one has watched a video; succeeds when it is not in the history, too."""
        caller(request).watch_history.filter(video=id_or_404(pk)).delete()
        return ok(message="Removed from the watch history.")

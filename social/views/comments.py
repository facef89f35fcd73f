"""Comments over HTTP: ``/api/v2/comments``."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import F
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from social.models import Comment
from social.querysets import CommentQuerySet, comments_liked_among
from social.serializers import (
    CommentFormSerializer,
    CommentSerializer,
    CommentWithUserSerializer,
)
from social.services.comments import add_comment, delete_comment, edit_comment
from social.views.parameters import ID, path_id
from users.callers import caller
from users.models import User
from videos.listings import with_likes
from videos.models import Video
from viztube.api import shared
from viztube.api.caching import Asked
from viztube.api.errors import ApiError
from viztube.api.ids import id_or_404
from viztube.api.listings import Listing
from viztube.api.pagination import first_page
from viztube.api.permissions import IsOwner
from viztube.api.responses import Answer, ok
from viztube.api.statements import Record
from viztube.api.throttling import READ, WRITE
from viztube.api.viewsets import ApiViewSet

VIDEO_ID = path_id("video_id")

COMMENTS = Listing(
    Record,
    (
        *("id", "content", "user_id", "video_id", "created_at", "updated_at"),
        *("likes_count", "is_liked"),
        *("user__id", "user__username", "user__fullname", "user__avatar"),
    ),
    lambda viewer, video: (
        Comment.objects.published().filter(video=video).with_details(viewer).newest_first()
    ),
    of=lambda viewer, video: Video.objects.visible_to(viewer).filter(pk=video),
)


class MayDelete(IsOwner):
    """Let people delete what they wrote and what others wrote under their videos."""

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Require the caller to own the comment or the video."""
        return request.user.pk in {obj.user_id, obj.video_owner_id}


class CommentViewSet(ApiViewSet):
    """What people say about videos."""

    public_actions = frozenset({"list"})
    permission_classes = (IsOwner,)
    serializer_class = CommentWithUserSerializer
    filter_backends = ()
    scopes = {
        "list": (READ,),
        "create": (WRITE,),
        "partial_update": (WRITE,),
        "destroy": (WRITE,),
    }

    def get_permissions(self) -> Sequence[Any]:
        """Let the owners of videos delete, too."""
        return [MayDelete()] if self.action == "destroy" else super().get_permissions()

    _first_page: str | None = None
    _entry: Asked | None = None

    def ask_ahead(self, **kwargs: Any) -> None:
        """Ask for one of the first pages of a list."""
        given: dict[str, Any] = self.request.query_params.dict()
        if self.action != "list" or (page := first_page(given)) is None or given:
            return
        with suppress(ApiError):
            video = id_or_404(kwargs["video_id"])
            self._first_page = "-".join(page)
            self._entry = shared.ask(
                shared.COMMENTS, video, of=CommentWithUserSerializer, page=self._first_page
            )

    def get_queryset(self) -> CommentQuerySet:
        """Return the comments that the caller may see, each with the owner of its video."""
        comments: CommentQuerySet = Comment.objects.annotate(video_owner_id=F("video__user_id"))
        return comments.visible_to(self.request.user)

    @extend_schema(parameters=[VIDEO_ID], responses={200: CommentWithUserSerializer(many=True)})
    def list(self, request: Request, video_id: str) -> Response:
        """List what was said about a video, the latest first."""
        viewer, video = request.user, id_or_404(video_id)
        if self._first_page is None:
            return self._page(viewer, video)

        def as_everyone_sees_it() -> Any:
            return self._page(AnonymousUser(), video).data

        try:
            found = shared.read_json(
                shared.COMMENTS,
                video,
                as_everyone_sees_it,
                of=CommentWithUserSerializer,
                page=self._first_page,
                asked=self._entry,
            )
        except ApiError as error:
            if error.status_code != 404:
                raise
            # Not everyone sees the video. Its owner may.
            return self._page(viewer, video)
        return Answer(with_likes(found, comments_liked_among, viewer))

    def _page(self, viewer: User | AnonymousUser, video: UUID) -> Response:
        """Return the page that the parameters ask for, as somebody sees it."""
        return self.answer_list(COMMENTS(viewer=viewer, video=video))

    @extend_schema(
        parameters=[VIDEO_ID], request=CommentFormSerializer, responses={201: CommentSerializer}
    )
    def create(self, request: Request, video_id: str) -> Response:
        """Say something about a video."""
        videos = Video.objects.visible_to(request.user).only("pk")
        video = get_object_or_404(videos, pk=video_id)
        form = CommentFormSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        comment = add_comment(user=caller(request), video=video, **form.validated_data)
        return ok(CommentSerializer(comment).data, "Comment added.", status=201)

    @extend_schema(
        parameters=[ID], request=CommentFormSerializer, responses={200: CommentSerializer}
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what one has said."""
        comment = self.get_object()
        form = CommentFormSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        edit_comment(comment, **form.validated_data)
        return ok(CommentSerializer(comment).data, "Comment changed.")

    @extend_schema(parameters=[ID], responses={200: OpenApiTypes.OBJECT})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete what one has said, or what somebody said under one's own video."""
        delete_comment(self.get_object())
        return ok(message="Comment deleted.")

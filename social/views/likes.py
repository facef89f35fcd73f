"""Likes over HTTP: ``/api/v2/likes``."""

from typing import Any

from django.db.models import BooleanField, Value
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from social.querysets import videos_liked_by
from social.serializers import LikedSerializer
from social.services.likes import set_like
from social.views.parameters import ID
from users.callers import caller
from videos.cards import CARD, CARD_COLUMNS, cards_of
from videos.models import Video
from videos.serializers import VideoWithUserSerializer
from viztube.api.listings import Listing
from viztube.api.pagination import LongPagination
from viztube.api.responses import ok
from viztube.api.statements import Record
from viztube.api.throttling import READ, WRITE
from viztube.api.viewsets import ApiViewSet

LIKED = Listing(
    Record,
    CARD_COLUMNS,
    # They all are: no need to look.
    lambda viewer: videos_liked_by(viewer).annotate(
        card=CARD, is_liked=Value(True, output_field=BooleanField())
    ),
    is_own=True,
)


class LikeViewSet(ApiViewSet):
    """Liking videos, comments or tweets: each address names the model in ``target``."""

    target: Any = Video
    filter_backends = ()
    scopes = {
        "toggle": (WRITE,),
        "update": (WRITE,),
        "destroy": (WRITE,),
    }

    @extend_schema(parameters=[ID], request=None, responses={200: LikedSerializer})
    def toggle(self, request: Request, pk: str) -> Response:
        """Like it, or no longer when the caller does."""
        return self._set(request, pk, None)

    @extend_schema(parameters=[ID], request=None, responses={200: LikedSerializer})
    def update(self, request: Request, pk: str) -> Response:
        """Like it; nothing changes when the caller does."""
        return self._set(request, pk, liked=True)

    @extend_schema(parameters=[ID], responses={200: LikedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """No longer like it; nothing changes when the caller does not."""
        return self._set(request, pk, liked=False)

    def _set(self, request: Request, pk: str, liked: bool | None) -> Response:
        user = caller(request)
        targets = self.target.objects.visible_to(user)
        now = set_like(user=user, targets=targets, pk=pk, liked=liked)
        return ok({"liked": now}, "Liked." if now else "Not liked.")


class LikedVideosViewSet(ApiViewSet):
    """What the caller likes: ``/api/v2/likes/videos``."""

    serializer_class = VideoWithUserSerializer
    pagination_class = LongPagination
    filter_backends = ()
    scopes = {"list": (READ,)}

    def list(self, request: Request) -> Response:
        """List the videos one likes, the one liked last first."""
        return self.answer_list(LIKED(viewer=caller(request)), show=cards_of)

"""Playlists over HTTP: ``/api/v2/playlist``."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from social.models import Playlist
from social.querysets import PlaylistQuerySet, videos_in
from social.serializers import (
    PlaylistChangesSerializer,
    PlaylistFormSerializer,
    PlaylistOrderSerializer,
    PlaylistPageSerializer,
    PlaylistSerializer,
    PlaylistSummarySerializer,
)
from social.services import changes, playlists
from social.views.parameters import ID, path_id
from users.callers import caller
from users.models import User
from viztube.api.ids import id_or_404
from viztube.api.pagination import LongPagination
from viztube.api.permissions import IsOwner
from viztube.api.responses import ok
from viztube.api.throttling import READ, WRITE
from viztube.api.viewsets import ApiViewSet

ENTRY = [ID, path_id("video_id")]


class PlaylistViewSet(ApiViewSet):
    """Videos that people put together."""

    public_actions = frozenset({"list", "retrieve"})
    permission_classes = (IsOwner,)
    serializer_class = PlaylistSummarySerializer
    pagination_class = LongPagination
    filter_backends = ()
    scopes = {
        "list": (READ,),
        "create": (WRITE,),
        "retrieve": (READ,),
        "partial_update": (WRITE,),
        "destroy": (WRITE,),
        "reorder": (WRITE,),
        "add_video": (WRITE,),
        "remove_video": (WRITE,),
    }

    def get_queryset(self) -> PlaylistQuerySet:
        """Return the playlists that the caller may see."""
        rows: PlaylistQuerySet = Playlist.objects.visible_to(self.request.user)
        return rows.select_related("user") if self.action == "retrieve" else rows

    @extend_schema(
        parameters=[path_id("user_id")], responses={200: PlaylistSummarySerializer(many=True)}
    )
    def list(self, request: Request, user_id: str) -> Response:
        """List somebody's playlists, the latest first."""
        owner = id_or_404(user_id)
        rows = Playlist.objects.filter(user=owner)
        return self.answer_list(
            rows.with_summary(request.user).newest_first(),
            of=User.objects.channels().filter(pk=owner),
        )

    @extend_schema(request=PlaylistFormSerializer, responses={201: PlaylistSerializer})
    def create(self, request: Request) -> Response:
        """Make an empty playlist."""
        form = PlaylistFormSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        playlist = Playlist.objects.create(user=caller(request), **form.validated_data)
        return ok(PlaylistSerializer(playlist).data, "Playlist made.", status=201)

    @extend_schema(parameters=[ID], responses={200: PlaylistPageSerializer})
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return a playlist with what the caller sees of its videos, in its order."""
        playlist = self.get_object()
        playlist.videos = list(videos_in(playlist, request.user).with_details(request.user))
        return ok(PlaylistPageSerializer(playlist).data, "Playlist found.")

    @extend_schema(
        parameters=[ID], request=PlaylistChangesSerializer, responses={200: PlaylistSerializer}
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name or description."""
        playlist = self.get_object()
        form = PlaylistChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changes.edit(playlist, **form.validated_data)
        return ok(PlaylistSerializer(playlist).data, "Playlist changed.")

    @extend_schema(parameters=[ID], responses={200: OpenApiTypes.OBJECT})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a playlist; its videos stay."""
        changes.delete(self.get_object())
        return ok(message="Playlist deleted.")

    @extend_schema(
        parameters=[ID], request=PlaylistOrderSerializer, responses={200: PlaylistSerializer}
    )
    def reorder(self, request: Request, pk: str) -> Response:
        """Put the videos into another order."""
        playlist = self.get_object()
        form = PlaylistOrderSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row = playlists.reorder(playlist=playlist, user=caller(request), **form.validated_data)
        return ok(PlaylistSerializer(row).data, "Playlist put in order.")

    @extend_schema(
        operation_id="playlist_add_video",
        parameters=ENTRY,
        request=None,
        responses={200: PlaylistSerializer},
    )
    def add_video(self, request: Request, pk: str, video_id: str) -> Response:
        """Append a video; nothing changes when it is in already."""
        row = playlists.add_video(playlist=self.get_object(), user=caller(request), pk=video_id)
        return ok(PlaylistSerializer(row).data, "The video is in the playlist.")

    @extend_schema(
        operation_id="playlist_remove_video",
        parameters=ENTRY,
        responses={200: OpenApiTypes.OBJECT},
    )
    def remove_video(self, request: Request, pk: str, video_id: str) -> Response:
        """Take a video out; nothing changes when it is not in."""
        playlists.remove_video(playlist=self.get_object(), video_id=id_or_404(video_id))
        return ok(message="The video is not in the playlist.")

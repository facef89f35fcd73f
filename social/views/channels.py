"""The page of a channel: ``/api/v2/user/c/{username}``."""

from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from social.querysets import channels_for
from social.serializers import ChannelSerializer
from viztube.api.errors import not_found
from viztube.api.responses import ok
from viztube.api.throttling import READ
from viztube.api.viewsets import ApiViewSet


class ChannelViewSet(ApiViewSet):
    """Channels by user name."""

    public_actions = frozenset({"retrieve"})
    serializer_class = ChannelSerializer
    filter_backends = ()
    scopes = {"retrieve": (READ,)}

    @extend_schema(responses={200: ChannelSerializer})
    def retrieve(self, request: Request, username: str) -> Response:
        """Return a channel with its counts, and whether the caller follows it."""
        if "\0" in username:
            raise not_found()
        channel = get_object_or_404(channels_for(request.user), username=username.lower())
        return ok(ChannelSerializer(channel).data, "Channel found.")

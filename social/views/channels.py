"""The page of a channel: ``/api/v2/user/c/{username}``."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from social.querysets import Viewer, channels_for, follows
from social.serializers import ChannelSerializer
from users.models import User
from viztube.api import shared
from viztube.api.caching import Asked
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

    _entry: Asked | None = None

    def ask_ahead(self, *, username: str) -> None:  # type: ignore[override] # what the address has
        """Ask for the shared part."""
        self._entry = shared.ask(shared.CHANNEL, username.lower(), of=ChannelSerializer)

    @extend_schema(responses={200: ChannelSerializer})
    def retrieve(self, request: Request, username: str) -> Response:
        """Return a channel with its counts, and whether the caller follows it."""
        if "\0" in username:
            raise not_found()
        return ok(self._page(username.lower(), request.user), "Channel found.")

    def _page(self, username: str, viewer: Viewer) -> Any:
        """Return a channel's page; raises Http404."""

        def as_everyone_sees_it() -> Any:
            return self._made(username, AnonymousUser())

        try:
            page = shared.read(
                shared.CHANNEL,
                username,
                as_everyone_sees_it,
                of=ChannelSerializer,
                asked=self._entry,
            )
        except Http404:
            if not isinstance(viewer, User):
                raise
            # Its owner and staff see what is hidden, too.
            return self._made(username, viewer)
        if isinstance(viewer, User):
            page["isSubscribed"] = follows(viewer, UUID(page["id"]))
        return page

    @staticmethod
    def _made(username: str, viewer: Viewer) -> Any:
        channel = get_object_or_404(channels_for(viewer), username=username)
        return ChannelSerializer(channel).data

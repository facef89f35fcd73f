"""Subscriptions over HTTP: ``/api/v2/subscriptions``."""

from collections.abc import Callable
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from social.querysets import subscribers_of, subscriptions_of
from social.serializers import SubscribedSerializer
from social.services.subscriptions import set_subscription
from social.views.parameters import ID
from users.callers import caller
from users.models import User
from users.serializers import PersonSerializer
from viztube.api.ids import id_or_404
from viztube.api.pagination import LongPagination
from viztube.api.responses import ok
from viztube.api.throttling import READ, WRITE
from viztube.api.viewsets import ApiViewSet


class SubscriptionViewSet(ApiViewSet):
    """Following channels, and who follows whom."""

    public_actions = frozenset({"list", "list_channels"})
    serializer_class = PersonSerializer
    pagination_class = LongPagination
    filter_backends = ()
    scopes = {
        "list": (READ,),
        "list_channels": (READ,),
        "toggle": (WRITE,),
        "update": (WRITE,),
        "destroy": (WRITE,),
    }

    @extend_schema(parameters=[ID], responses={200: PersonSerializer(many=True)})
    def list(self, request: Request, pk: str) -> Response:
        """List who follows a channel, the latest first."""
        return self._people(pk, subscribers_of)

    @extend_schema(parameters=[ID], responses={200: PersonSerializer(many=True)})
    def list_channels(self, request: Request, pk: str) -> Response:
        """List the channels that somebody follows, the latest first."""
        return self._people(pk, subscriptions_of)

    @extend_schema(parameters=[ID], request=None, responses={200: SubscribedSerializer})
    def toggle(self, request: Request, pk: str) -> Response:
        """Follow a channel, or no longer when the caller does."""
        return self._set(request, pk, None)

    @extend_schema(parameters=[ID], request=None, responses={200: SubscribedSerializer})
    def update(self, request: Request, pk: str) -> Response:
        """Follow a channel; nothing changes when the caller does."""
        return self._set(request, pk, subscribed=True)

    @extend_schema(parameters=[ID], responses={200: SubscribedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """No longer follow a channel; nothing changes when the caller does not."""
        return self._set(request, pk, subscribed=False)

    def _people(self, pk: str, people: Callable[[UUID], QuerySet[User]]) -> Response:
        person = id_or_404(pk)
        return self.answer_list(people(person), of=User.objects.channels().filter(pk=person))

    def _set(self, request: Request, pk: str, subscribed: bool | None) -> Response:
        now = set_subscription(user=caller(request), pk=pk, subscribed=subscribed)
        return ok({"subscribed": now}, "Subscribed." if now else "Not subscribed.")

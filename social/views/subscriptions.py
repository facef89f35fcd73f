"""Subscriptions over HTTP: ``/api/v2/subscriptions``."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from social.querysets import subscribers_of, subscriptions_of
from social.serializers import SubscribedSerializer
from social.services.subscriptions import set_subscription
from social.views.channels import channel_or_404
from social.views.parameters import ID
from users.callers import caller
from users.serializers import PersonSerializer
from viztube.api.pagination import LongPagination
from viztube.api.responses import ok
from viztube.api.viewsets import ApiViewSet


class SubscriptionViewSet(ApiViewSet):
    """Following channels, and who follows whom."""

    public_actions = frozenset({"list", "list_channels"})
    serializer_class = PersonSerializer
    pagination_class = LongPagination
    filter_backends = ()

    @extend_schema(parameters=[ID], responses={200: PersonSerializer(many=True)})
    def list(self, request: Request, pk: str) -> Response:
        """List who follows a channel, the latest first."""
        return self._people(subscribers_of(channel_or_404(pk)))

    @extend_schema(parameters=[ID], responses={200: PersonSerializer(many=True)})
    def list_channels(self, request: Request, pk: str) -> Response:
        """List the channels that somebody follows, the latest first."""
        return self._people(subscriptions_of(channel_or_404(pk)))

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

    def _people(self, people: QuerySet[Any]) -> Response:
        page = self.paginate_queryset(people) or []
        return self.get_paginated_response(PersonSerializer(page, many=True).data)

    def _set(self, request: Request, pk: str, subscribed: bool | None) -> Response:
        now = set_subscription(user=caller(request), pk=pk, subscribed=subscribed)
        return ok({"subscribed": now}, "Subscribed." if now else "Not subscribed.")

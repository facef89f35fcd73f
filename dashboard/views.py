"""A person's own channel in figures: ``/api/v2/dashboard``."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.pagination import OwnVideosPagination
from dashboard.querysets import OWN_VIDEOS, activity_of, totals_of
from dashboard.serializers import (
    AnalyticsSerializer,
    OwnVideoSerializer,
    PeriodsSerializer,
    StatsSerializer,
)
from users.authentication import claimed_caller
from users.callers import caller
from viztube.api import shared
from viztube.api.caching import Asked
from viztube.api.responses import ok
from viztube.api.throttling import READ
from viztube.api.viewsets import ApiViewSet


class DashboardViewSet(ApiViewSet):
    """What the caller's own channel has; nobody else's can be asked for."""

    filter_backends = ()
    scopes = {
        "stats": (READ,),
        "videos": (READ,),
        "analytics": (READ,),
    }
    serializer_class = OwnVideoSerializer
    pagination_class = OwnVideosPagination

    _claimed: UUID | None = None
    _entry: Asked | None = None

    def ask_ahead(self, **kwargs: Any) -> None:
        """Ask for the figures along with whether the caller is still signed in."""
        if self.action == "stats" and (owner := claimed_caller(self.request)):
            self._claimed = owner
            self._entry = shared.ask(shared.STATS, owner, of=StatsSerializer)

    @extend_schema(responses={200: StatsSerializer})
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        """Return the totals of one's channel."""
        owner = caller(request)

        def totals() -> Any:
            return StatsSerializer(get_object_or_404(totals_of(owner))).data

        # Nobody else's, whatever the token claimed.
        asked = self._entry if self._claimed == owner.pk else None
        figures = shared.read(shared.STATS, owner.pk, totals, of=StatsSerializer, asked=asked)
        return ok(figures, "Your channel's totals.")

    @extend_schema(responses={200: OwnVideoSerializer(many=True)})
    @action(detail=False)
    def videos(self, request: Request) -> Response:
        """List one's own videos, hidden ones too, the newest first."""
        return self.answer_list(OWN_VIDEOS(owner=caller(request)))

    @extend_schema(parameters=[PeriodsSerializer], responses={200: AnalyticsSerializer})
    @action(detail=False)
    def analytics(self, request: Request) -> Response:
        """Return what happened on one's channel by day, week or month."""
        query = PeriodsSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        points = activity_of(caller(request), **query.validated_data)
        return ok(AnalyticsSerializer({"points": points}).data, "Your channel's activity.")

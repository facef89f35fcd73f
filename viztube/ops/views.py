"""Health for machines and a landing page for people."""

from csp.decorators import csp
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from viztube import __version__
from viztube.api.errors import Unavailable
from viztube.api.responses import ok
from viztube.api.viewsets import ApiViewSet
from viztube.desk.policy import PAGE_POLICY
from viztube.ops.health import cache_answers, database_answers


class HealthViewSet(ApiViewSet):
    """Whether this service can work."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses={200: str})
    def list(self, request: Request) -> Response:
        """Answer 200, or 503 when the database is away."""
        if not database_answers():
            raise Unavailable("The database is away.")
        return ok("Health check passed!", "Health check passed!")


@require_safe
@csp(PAGE_POLICY)
def landing(request: HttpRequest) -> HttpResponse:
    """Show name, version, health and where the documentation is."""
    checks = {"Database": database_answers(), "Cache": cache_answers()}
    return render(request, "landing.html", {"version": __version__, "checks": checks})

"""Health for machines and a landing page for people."""

from csp.decorators import csp
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from videos.models import Video
from viztube import __version__
from viztube.api.errors import Unavailable
from viztube.api.responses import ok
from viztube.api.throttling import READ, limited
from viztube.api.viewsets import ApiViewSet
from viztube.desk.policy import page_policy
from viztube.media.backends import disk
from viztube.ops.health import cache_answers, database_answers

NEWEST = 12  # videos


class HealthViewSet(ApiViewSet):
    """Whether this service can work."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    # Docker, the release script and monitors ask for it, and it costs next to nothing.
    scopes = {"list": ()}

    @extend_schema(responses={200: str})
    def list(self, request: Request) -> Response:
        """Answer 200, or 503 when the database is away."""
        if not database_answers():
            raise Unavailable("The database is away.")
        return ok("Health check passed!", "Health check passed!")


@require_safe
@limited(READ)
def landing(request: HttpRequest) -> HttpResponseBase:
    """Show name, version, health, where the documentation is, and the newest videos."""
    checks = {"Database": database_answers(), "Cache": cache_answers()}
    videos = _newest() if checks["Database"] else []
    context = {"version": __version__, "checks": checks, "videos": videos}
    page = render(request, "landing.html", context)
    policy = page_policy(*(poster for _, poster in videos))
    return csp(policy)(lambda _: page)(request)


def _newest() -> list[tuple[Video, str]]:
    """Return the newest videos with the addresses of their posters; none when that fails."""
    try:
        published = Video.objects.published().select_related("user")
        newest = list(published.sorted_by("createdAt", descending=True)[:NEWEST])
    except DatabaseError:  # away since it was asked
        return []
    return [(video, disk().url(video.thumbnail_path)) for video in newest]

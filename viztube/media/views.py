"""Serving media in development. In production nginx serves the same folders, without Django."""

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from viztube.media.paths import PUBLISHED
from viztube.media.ranges import file_response


@require_safe
def serve_media(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer a file of a capability folder; its address is the permission."""
    try:
        response = file_response(request, Path(settings.MEDIA_ROOT) / path)
    except OSError as error:
        raise Http404 from error
    if path.startswith(f"{PUBLISHED}/"):
        response["Cache-Control"] = "public, max-age=3600"
    else:
        response["Cache-Control"] = "private, no-store"
    return response

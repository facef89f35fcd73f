"""Serving media in development. In production nginx serves the same folders, without Django.

Either way, what is not on the disk may have moved on to Cloudinary since its address was told.
"""

from pathlib import Path

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotFound,
    HttpResponseRedirect,
)
from django.views.decorators.http import require_safe

from viztube.media.backends import cloud
from viztube.media.paths import MASTER, PUBLISHED
from viztube.media.ranges import file_response

# Strangers made these files. Opened by itself, one runs nothing, submits nothing and loads nothing
# but the picture or video that the browser's own page around it shows. That page keeps our origin,
# without which Chromium refuses to load the video into it. Pages of other sites may embed it.
MEDIA_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "sandbox allow-same-origin; default-src 'none'; img-src 'self'; media-src 'self'; "
        "style-src 'unsafe-inline'"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
    # For players, which fetch a stream piece by piece.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Range, Accept-Ranges",
}
# A stream whose lower qualities are there already gets more.
MASTER_SECONDS = 10


def serve_media(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer a file of a capability folder; its address is the permission."""
    response = _answer(request, path)
    for name, value in MEDIA_HEADERS.items():
        response[name] = value
    return response


@require_safe
def _answer(request: HttpRequest, path: str) -> HttpResponseBase:
    try:
        response = file_response(request, Path(settings.MEDIA_ROOT) / path)
    except OSError:
        return _elsewhere(path)
    if path.startswith(f"{PUBLISHED}/"):
        seconds = MASTER_SECONDS if path.endswith(f"/{MASTER}") else 3600
        response["Cache-Control"] = f"public, max-age={seconds}"
    else:
        response["Cache-Control"] = "private, no-store"
    return response


def _elsewhere(path: str) -> HttpResponse:
    """Lead to where a file of ours is on Cloudinary; if it is not there either, that says so."""
    backend = cloud()
    if backend is None:
        return HttpResponseNotFound("There is nothing here.", content_type="text/plain")
    response = HttpResponseRedirect(backend.url(path))
    response["Cache-Control"] = "no-store"
    return response

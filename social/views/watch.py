"""The page to watch a video, for people: ``/watch/<id>``.

It is here because it shows comments. It reads no cookie: everyone gets what everyone may see.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from csp.constants import NONE, SELF
from csp.decorators import csp
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from social.models import Comment
from videos.cards import page_of
from videos.services import views
from viztube.api.throttling import READ, limited
from viztube.desk.cells import shorten
from viztube.desk.policy import origins_of
from viztube.media.backends import cloud

COMMENTS = 20
SUMMARY_LENGTH = 200  # characters

_ANYONE = AnonymousUser()


@require_safe
@limited(READ)
# A copy must be asked for again: each view counts, and what gets hidden is gone at once.
@cache_control(no_cache=True)
def watch(request: HttpRequest, pk: str) -> HttpResponseBase:
    """Show a video and count the view, as the API does; HEAD counts none."""
    video = _find(request, pk)
    if video is None:
        return _missing(request)
    comments = Comment.objects.published().filter(video=video["id"])
    context = {
        "video": video,
        "created_at": datetime.fromisoformat(video["createdAt"]),
        "comments": list(comments.with_details(_ANYONE).newest_first()[:COMMENTS]),
        "address": settings.PUBLIC_URL + reverse("watch", args=[video["id"]]),
        "summary": _summary(video),
    }
    return _page(request, "watch.html", context, video)


def _find(request: HttpRequest, pk: str) -> dict[str, Any] | None:
    """Return what the page of a video shows, None when there is none that everyone may see."""
    try:
        key = UUID(pk)
    except ValueError:
        return None
    read = views.watch if request.method == "GET" else views.look
    shown = read(video=key, viewer=_ANYONE)
    return page_of(key, shown) if shown else None


def _missing(request: HttpRequest) -> HttpResponseBase:
    """Answer for what is not there and for what is hidden, in the same words."""
    return _page(request, "watch_missing.html", {}, {}, status=404)


def _page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    video: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponseBase:
    page = render(request, template, context, status=status)
    return csp(_policy(video))(lambda _: page)(request)


def _summary(video: dict[str, Any]) -> str:
    """Return what other sites show below the title, on one line."""
    summary = shorten(video["description"], SUMMARY_LENGTH)
    return summary or f"A video by {video['user']['fullname']}"


def _policy(video: dict[str, Any]) -> dict[str, list[str]]:
    """Return what the page may load: its own files, and those of the video from where they are."""
    stream = origins_of(video.get("streamUrl"))
    pictures = origins_of(video.get("thumbnailUrl"), video.get("user", {}).get("avatar"))
    elsewhere = cloud()
    videos = origins_of(
        video.get("videoFileUrl"),
        video.get("streamUrl"),
        # Where the address leads once the file has moved on, while somebody has the page open.
        elsewhere.url("video") if elsewhere else None,
    )
    return {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *pictures],
        # hls.js hands the browser what it has fetched as a blob.
        "media-src": [SELF, "blob:", *videos],
        "connect-src": [SELF, *stream],
        "base-uri": [NONE],
        "form-action": [NONE],
        "frame-ancestors": [NONE],
    }

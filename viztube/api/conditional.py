"""Who may keep an answer, and answering 304 to who has it already (RFC 9110, RFC 9111).

What anyone gets who is signed out, and no call of which counts, may be kept, but is asked for again
before each use (``no-cache``): so a writer reads his own write, whatever is in between. Who is
signed in gets an answer of their own, which nobody keeps. Both have the same address, and ``Vary``
says what tells them apart; a cache that ignores it asks again anyway, and whoever is signed in is
never told 304.
"""

from hashlib import blake2b
from typing import Any

from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

PUBLIC = "no-cache"
PRIVATE = "private, no-store"
CALLER = ("Authorization", "Cookie")


def say_who_may_keep(response: Response, request: Request, *, is_public: bool) -> None:
    """Set Cache-Control and Vary, and what becomes of If-None-Match once there is a body.

    ``is_public`` is whether the call is a read that gives everyone who is signed out the same. An
    answer that has its Cache-Control keeps it.
    """
    if is_public and request.method in SAFE_METHODS:
        if "Vary" in response.headers:
            patch_vary_headers(response, CALLER)
        else:
            # Nearly always; the other takes apart what is there.
            response.headers["Vary"] = ", ".join(CALLER)
    if "Cache-Control" in response.headers:
        return
    # Only what succeeds has asked who calls.
    if not is_public or response.status_code != 200 or request.user.is_authenticated:
        response.headers["Cache-Control"] = PRIVATE
        return
    response.headers["Cache-Control"] = PUBLIC
    given = request.META.get("HTTP_IF_NONE_MATCH", "")

    def validate(rendered: Any) -> None:
        _validate(rendered, given)

    response.add_post_render_callback(validate)


def _validate(response: Any, given: str) -> None:
    """Name the body, and leave it out for who has it.

    Weakly, because nginx and Cloudflare pack it on the way, which makes other bytes of it.
    """
    digest = blake2b(response.content, digest_size=12).hexdigest()
    response.headers["ETag"] = f'W/"{digest}"'
    if not given:
        return
    known = [tag.removeprefix("W/") for tag in parse_etags(given)]
    if f'"{digest}"' in known or "*" in known:
        # The length is that of the body it stands for.
        response.headers["Content-Length"] = str(len(response.content))
        response.status_code, response.content = 304, b""
        del response.headers["Content-Type"]

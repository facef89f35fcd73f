"""The application as it ships, and beside it the yardstick that its speed is compared with.

The yardstick is what a DRF view costs at least: in the same gunicorn, without authentication and
middleware, it answers with data that is there already, byte for byte what a call of the API
answered. What a call costs on top of it is ours.
"""

# First: it sets Django up, which the others need.
from viztube.wsgi import application as viztube  # noqa: I001

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from viztube.api.renderers import JSONRenderer

PREFIX = "/yardstick/"

StartResponse = Callable[..., Any]


@cache
def _answer(name: str) -> Any:
    """Return what a call of the API answered; the benchmark leaves it in a folder."""
    return orjson.loads((Path(os.environ["BENCH_ANSWERS"]) / f"{name}.json").read_bytes())


class Yardstick(APIView):
    """A view without anything of ours but the renderer."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    renderer_classes = (JSONRenderer,)

    def get(self, request: Request, name: str) -> Response:
        """Answer what there is."""
        return Response(_answer(name))


class BareRequest(WSGIRequest):
    """A request that is resolved by the addresses of this module."""

    urlconf = __name__


class BareHandler(WSGIHandler):
    """Django's handler without middleware."""

    request_class = BareRequest

    def load_middleware(self, is_async: bool = False) -> None:
        """Load none."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._sized)

    def _sized(self, request: HttpRequest) -> HttpResponse:
        """Answer with a length, without which gunicorn sends chunks."""
        response: Any = self._get_response(request)  # type: ignore[attr-defined]
        response["Content-Length"] = str(len(response.content))
        return response  # type: ignore[no-any-return]


urlpatterns = [path("yardstick/<str:name>", Yardstick.as_view())]
_bare = BareHandler()


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer as VizTube, or as the yardstick."""
    handler = _bare if environ["PATH_INFO"].startswith(PREFIX) else viztube
    return handler(environ, start_response)

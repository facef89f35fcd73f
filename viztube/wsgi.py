"""The WSGI application that gunicorn serves."""

import os
from functools import lru_cache

import django
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.urls import ResolverMatch, get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "viztube.settings")
django.setup(set_prefix=False)

from viztube.api.requests import Utf8Request  # noqa: E402 - needs the settings


class Application(WSGIHandler):
    """Django's handler with our own request class, which finds views it has found before."""

    request_class = Utf8Request

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the view of an address, with its arguments; raises Resolver404."""
        request.resolver_match = match = _resolved(request.path_info)
        return match


@lru_cache(maxsize=1024)
def _resolved(path: str) -> ResolverMatch:
    return get_resolver().resolve(path)


application = Application()

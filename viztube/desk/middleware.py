"""Middleware of pages for people, which calls of the API pass by.

Sessions and their messages are for admin, and static files are no API: a call that has none of them
to expect need not pay for them.
"""

from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from viztube.api.middleware import API_PREFIX, unavailable_page
from viztube.desk.policy import DeskPolicyMiddleware


class _PagesOnly:
    """Leaves out what a middleware does where the address is the API's."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, as the middleware does for pages."""
        if request.path_info.startswith(API_PREFIX):
            response: HttpResponseBase = self.get_response(request)
            return response
        return super().__call__(request)  # type: ignore[misc,no-any-return]


class StaticFilesMiddleware(_PagesOnly, WhiteNoiseMiddleware):  # type: ignore[misc]
    """Static files."""


class PolicyMiddleware(_PagesOnly, DeskPolicyMiddleware):
    """What pages may load."""


class SessionMiddleware(_PagesOnly, sessions.SessionMiddleware):
    """Sessions of admin."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Keep the session; answer 503 where the database has gone since the page was made."""
        try:
            return super().process_response(request, response)
        except DatabaseError as error:
            page = unavailable_page(error)
            if page is None:
                raise
            return page


class AuthenticationMiddleware(_PagesOnly, auth.AuthenticationMiddleware):
    """Who is signed in to admin."""


class MessageMiddleware(_PagesOnly, messages.MessageMiddleware):
    """What admin says once."""

"""Middleware: request ids, optional trailing slashes, and errors that no API view answered."""

import logging
import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from viztube.api.errors import Unavailable, as_api_error, error_payload
from viztube.api.ids import uuid7
from viztube.api.renderers import dumps
from viztube.api.request_ids import request_id, set_request_id
from viztube.api.requests import content_length

API_PREFIX = "/api/"
logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

_STATUS_ERRORS = {
    400: ("invalid", "The request is not valid."),
    401: ("not_authenticated", "Sign in to do this."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("too_large", "The request body is too large."),
    503: ("unavailable", "The service is not available right now. Try again in a few seconds."),
}
_SERVER_ERROR = (
    "server_error",
    "Something went wrong on our side. Quote the requestId when you report it.",
)


class RequestIdMiddleware:
    """Give every request an id: the caller's X-Request-ID when it is sane, else a new one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the id in X-Request-ID."""
        given = request.headers.get("X-Request-ID", "")
        set_request_id(given if _SAFE_ID.fullmatch(given) else uuid7().hex)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id()
        return response


class ErrorEnvelopeMiddleware:
    """Give errors below ``/api/`` that no API view answered the same shape.

    Unknown addresses, refused hosts and faults in other middleware are answered by Django itself,
    as HTML and with a traceback while DEBUG is on. Clients of an API expect neither.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Replace the body of such an error; headers, of CORS for example, stay."""
        response = self.get_response(request)
        if response.status_code < 400 or not f"{request.path}/".startswith(API_PREFIX):
            return response
        if response.headers.get("Content-Type", "").startswith("application/json"):
            return response
        code, message = _STATUS_ERRORS.get(
            response.status_code, ("invalid", "The request is not valid.")
        )
        if response.status_code >= 500 and response.status_code != 503:
            code, message = _SERVER_ERROR
        response.content = dumps(error_payload(response.status_code, code, message))
        response["Content-Type"] = "application/json"
        response["Content-Length"] = str(len(response.content))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 when a view that is not the API's needs what is away: a page, or admin."""
        return unavailable_page(exception)


def unavailable_page(error: Exception) -> HttpResponse | None:
    """Return the 503 of a page that needed what is away; None where the error is another one."""
    failure = as_api_error(error)
    if not isinstance(failure, Unavailable):
        return None
    logger.warning("A dependency is away: %s", error)
    response = HttpResponse(
        failure.message,
        status=failure.status_code,
        headers=dict(failure.headers),
        content_type="text/plain; charset=utf-8",
    )
    response._has_been_logged = True  # type: ignore[attr-defined] # as by the API's handler
    return response


class BodySizeMiddleware:
    """Refuse large bodies for everything but the API, whose viewsets know their own limits.

    Otherwise whoever sends files to an admin address would have them received before any view
    could object.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 413 by Content-Length alone."""
        if (
            not request.path.startswith(API_PREFIX)
            and content_length(request) > settings.MAX_BODY_BYTES
        ):
            return HttpResponse("The request body is too large.", status=413)
        return self.get_response(request)


class TrailingSlashMiddleware:
    """Make ``/api/v2/videos/`` and ``/api/v2/videos`` one address, without a redirect."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer for the address without its slash."""
        if request.path_info.startswith(API_PREFIX) and request.path_info.endswith("/"):
            request.path_info = request.path_info[:-1]
            request.path = request.path[:-1]
        return self.get_response(request)

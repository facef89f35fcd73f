"""One log line a request: what was asked, what it cost, who asked."""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject

from viztube.api.database.base import this_connection

logger = logging.getLogger(__name__)

# What frames a transaction costs no plan and no row. BEGIN and COMMIT do not come by.
FRAMES = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")


class QueryCount:
    """Counts the statements that pass, as a wrapper of Django's ``execute_wrapper``."""

    def __init__(self) -> None:
        self.total = 0

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Run a statement and count it, whether it fails or not."""
        if not (isinstance(sql, str) and sql.startswith(FRAMES)):
            self.total += 1
        return execute(sql, params, many, context)


class AccessLogMiddleware:
    """Write the line when the answer is ready; a streamed body has still to be sent then.

    An address is a secret where it names a media file, and so may be a query: the line shows the
    URL pattern, null where none matched.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and write it down."""
        began = time.perf_counter()
        queries = QueryCount()
        # As ``connection.execute_wrapper`` of Django does it.
        wrappers = this_connection().execute_wrappers
        wrappers.append(queries)
        try:
            response = self.get_response(request)
        finally:
            wrappers.pop()
        match = request.resolver_match
        logger.info(
            "request",
            extra={
                "method": request.method,
                "route": readable_route(match.route) if match else None,
                "status": response.status_code,
                "duration_ms": round((time.perf_counter() - began) * 1000, 1),
                "queries": queries.total,
                "user_id": known_user_id(request),
                "bytes": body_bytes(request, response),
            },
        )
        return response


@cache
def readable_route(route: str) -> str:
    """Return a URL pattern as people write it: ``/api/v2/videos/<pk>``."""
    return str(simplify_regex(route))


def known_user_id(request: HttpRequest) -> str | None:
    """Return whose request it is as far as that is known by now, without asking the database.

    DRF leaves whom it authenticated in ``request.user``; until then it is Django's, which looks
    into the session when it is used.
    """
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject):
        user = request.__dict__.get("_cached_user")
    return None if user is None or user.pk is None else str(user.pk)


def body_bytes(request: HttpRequest, response: HttpResponseBase) -> int | None:
    """Return the size of what is answered, None where that is not known beforehand."""
    if request.method == "HEAD":
        return 0
    if isinstance(response, HttpResponse):
        return len(response.content)
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None

"""Errors and their codes; one handler gives every failure the same shape.

An error body is ``{statusCode, data: null, message, success: false, errors, code, details,
requestId}``: ``errors`` is a flat list of sentences for people, ``details`` the same by field for
programs. A library's own wording never reaches a client.
"""

import errno
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.core import exceptions as django_exceptions
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.signals import got_request_exception
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions, status
from rest_framework.exceptions import APIException, ErrorDetail
from rest_framework.response import Response

from viztube.api.names import camelize
from viztube.api.request_ids import request_id
from viztube.api.times import wire_time

logger = logging.getLogger(__name__)

# What a disk says that is gone, broken or read-only, or that we may no longer write to.
_DISK_AWAY = {
    *(errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN),
    *(errno.EACCES, errno.EPERM, errno.ENOTDIR),
}

Details = dict[str, list[dict[str, str]]]


class ApiError(APIException):
    """A failure that a client can act on: a status, a stable code, a sentence, extra headers."""

    status_code: int = status.HTTP_400_BAD_REQUEST
    default_code = "invalid"
    default_detail = "The request is not valid."
    headers: Mapping[str, str] = {}
    # The code beside a field in ``details``, where it is another than the answer's.
    field_code = ""

    def __init__(
        self, message: str | None = None, code: str | None = None, *, field: str | None = None
    ) -> None:
        """Take the sentence, and the field of the request that it is about when there is one."""
        text = str(message or self.default_detail)
        self.message = f"{field}: {text}" if field else text
        self.code = code or self.default_code
        self.details: Details = {}
        if field:
            self.details[field] = [{"code": self.field_code or self.code, "message": text}]
        super().__init__(self.message, self.code)


class FieldError(ApiError):
    """A failure that belongs to one field of the request."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, field=field)


class NotAuthenticated(ApiError):
    """No credentials, or ones that do not count; says which in its code."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "not_authenticated"
    default_detail = "Sign in to do this."
    headers = {"WWW-Authenticate": 'Bearer realm="api"'}


class Conflict(ApiError):
    """The request is valid but what it asks for is taken."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "This conflicts with something that already exists."
    field_code = "unique"


class TooLarge(ApiError):
    """The body, or a file in it, is over its limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The request body is too large."


class LengthRequired(ApiError):
    """A body without a Content-Length."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "Send the body with a Content-Length, not in chunks."


class UnsupportedMedia(ApiError):
    """A body or a file of a type that is not accepted."""

    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_code = "unsupported_media"
    default_detail = "This type of content is not accepted."


class TooManyRequests(ApiError):
    """More than somebody may ask for in a time."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "throttled"

    def __init__(self, seconds: int) -> None:
        """Take after how many seconds the same request is taken, at least 1."""
        unit = "second" if seconds == 1 else "seconds"
        super().__init__(f"Too many requests. Try again in {seconds} {unit}.")
        self.headers = {"Retry-After": str(seconds)}


class Unavailable(ApiError):
    """Something this service depends on is away for the moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The service is not available right now. Try again in a few seconds."
    headers = {"Retry-After": "5"}


class StorageAway(Unavailable):
    """The disk that files live on takes none: it is gone, broken or read-only."""

    default_detail = "Files cannot be stored right now. Try again later."


class ServerError(ApiError):
    """A fault of ours; the request id is what support needs."""

    status_code = status.HTTP_500_INTERNAL_SERVER_ERROR
    default_code = "server_error"
    default_detail = "Something went wrong on our side. Quote the requestId when you report it."


class CrossSite(ApiError):
    """A page of another site asks for what only our own pages may."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "cross_site"
    default_detail = "A page of another site may not do this."


class Suspended(ApiError):
    """The account may not sign in, for a while or for good; told only to who knows the password."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "suspended"
    default_detail = "This account is suspended."

    def __init__(self, until: datetime | None, reason: str = "") -> None:
        """Take the end of the suspension, None for a ban, and, when one was given, why."""
        sentence = "This account is banned"
        if until is not None:
            sentence = f"This account is suspended until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        super().__init__(f"{sentence}: {reason}" if reason else f"{sentence}.")
        told = {"until": wire_time(until) if until else "", "reason": reason}
        self.details = {
            field: [{"code": self.code, "message": text}] for field, text in told.items() if text
        }


def error_payload(
    status_code: int, code: str, message: str, details: Details | None = None
) -> dict[str, Any]:
    """Return the body of an error answer."""
    details = details or {}
    return {
        "statusCode": status_code,
        "data": None,
        "message": message,
        "success": False,
        "errors": [
            item["message"] if field == "nonFieldErrors" else f"{field}: {item['message']}"
            for field, items in details.items()
            for item in items
        ],
        "code": code,
        "details": details,
        "requestId": request_id(),
    }


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answer any exception of an API view in the envelope (DRF's ``EXCEPTION_HANDLER``)."""
    failure = as_api_error(error)
    if isinstance(failure, ServerError | StorageAway):
        # A disk does not come back by itself: somebody should hear of it.
        logger.error("Unhandled error in an API view", exc_info=error)
        got_request_exception.send(sender=None, request=context.get("request"))
    elif isinstance(failure, Unavailable):
        logger.warning("A dependency is away: %s", error)
    response = Response(
        error_payload(failure.status_code, failure.code, failure.message, failure.details),
        status=failure.status_code,
    )
    for name, value in failure.headers.items():
        response[name] = value
    if isinstance(failure, Unavailable):
        # Else Django writes an error as well, and Sentry gets one, for each request of an outage.
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def as_api_error(error: Exception) -> ApiError:  # noqa: PLR0911, PLR0912 - a line a kind of failure
    """Map any exception to what a client is told about it."""
    match error:
        case ApiError():
            return error
        case exceptions.ValidationError():
            return _validation_error(error)
        case exceptions.ParseError():
            return ApiError("The body could not be read: check its format and Content-Type.")
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return NotAuthenticated()
        case exceptions.PermissionDenied() | django_exceptions.PermissionDenied():
            return _simple(403, "permission_denied", "You may not do this.")
        case exceptions.NotFound() | Http404():
            return not_found()
        case exceptions.MethodNotAllowed():
            return _simple(405, "method_not_allowed", "This address does not take that method.")
        case exceptions.UnsupportedMediaType():
            return UnsupportedMedia("Send JSON, a form or multipart form data.")
        case RequestDataTooBig() | TooManyFieldsSent() | TooManyFilesSent():
            return TooLarge()
        case UnreadablePostError() | django_exceptions.SuspiciousOperation() | DataError():
            return ApiError()
        case IntegrityError():
            return _integrity_error(error)
        case OperationalError() | InterfaceError():
            return Unavailable()
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return Unavailable("There is no room for this right now. Try again later.")
        case OSError(errno=code) if code in _DISK_AWAY:
            return StorageAway()
        case _:
            return ServerError()


def not_found(message: str = "There is nothing here, or you may not see it.") -> ApiError:
    """Return the 404 that also stands for what the caller may not know exists."""
    return _simple(404, "not_found", message)


def _simple(status_code: int, code: str, message: str) -> ApiError:
    error = ApiError(message, code)
    error.status_code = status_code
    return error


def _validation_error(error: exceptions.ValidationError) -> ApiError:
    """Flatten DRF's nested detail; only-unique failures are a conflict (409), not a mistake."""
    details: Details = {}
    _collect(error.detail, "", details)
    codes = {item["code"] for items in details.values() for item in items}
    failure: ApiError = Conflict() if codes == {"unique"} else ApiError()
    failure.details = details
    lines = error_payload(0, "", "", details)["errors"]
    failure.message = lines[0] if lines else failure.message
    return failure


def _collect(detail: Any, field: str, into: Details) -> None:
    if isinstance(detail, Mapping):
        for name, value in detail.items():
            _collect(value, f"{field}.{name}" if field else str(name), into)
    elif isinstance(detail, (list, tuple)):
        for value in detail:
            _collect(value, field, into)
    else:
        code = detail.code if isinstance(detail, ErrorDetail) else "invalid"
        into.setdefault(field or "nonFieldErrors", []).append(
            {"code": str(code), "message": str(detail)}
        )


def _integrity_error(error: IntegrityError) -> ApiError:
    """Say what a constraint refused: the last word when two requests race past the serializers.

    SQLSTATE: 23505 unique, 23503 foreign key, the others (check, not null) are bad input.
    """
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None)
    if state == "23505":
        found = re.search(r"Key \((\w+)\)=", getattr(cause.diag, "message_detail", "") or "")  # type: ignore[union-attr]
        return Conflict("is already taken", field=camelize(found[1])) if found else Conflict()
    if state == "23503":
        return not_found()
    logger.warning("A constraint refused a write that validation let through: %s", error)
    return ApiError()

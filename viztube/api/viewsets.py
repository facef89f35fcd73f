"""The base of every API viewset: bounds on bodies, checked before anything is read."""

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from rest_framework import viewsets
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response

from viztube.api.errors import LengthRequired, TooLarge
from viztube.api.requests import content_length


class ApiViewSet(viewsets.GenericViewSet[Any]):
    """A viewset that refuses a body over its limit by Content-Length alone.

    ``multipart_limits`` gives, for each action that takes files, how many bytes its whole multipart
    body may have. All other bodies may have ``settings.MAX_BODY_BYTES``.
    """

    multipart_limits: ClassVar[dict[str, int]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what is not taken at all, or too large, before even authentication runs."""
        method = str(request.method).lower()
        if method == "options":
            return
        if method not in self.action_map:
            raise MethodNotAllowed(method)
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            # Django reads as much as Content-Length says: of a chunked body nothing.
            raise LengthRequired
        limit = settings.MAX_BODY_BYTES
        if (request.content_type or "").lower().startswith("multipart/"):
            limit = self.multipart_limits.get(str(self.action), limit)
        if content_length(request) > limit:
            raise TooLarge(f"The request body may have at most {limit:,} bytes.")
        super().initial(request, *args, **kwargs)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Answer with the Allow header alone (RFC 9110, section 9.3.7)."""
        return Response(status=204)

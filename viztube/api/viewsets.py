"""The base of every API viewset: bounds on bodies, checked before anything is read."""

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import viewsets
from rest_framework.request import Request

from viztube.api.errors import TooLarge


class ApiViewSet(viewsets.GenericViewSet[Any]):
    """A viewset that refuses a body over its limit by Content-Length alone.

    ``multipart_limits`` gives, for each action that takes files, how many bytes its whole multipart
    body may have. All other bodies may have ``settings.MAX_BODY_BYTES``.
    """

    multipart_limits: ClassVar[dict[str, int]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the announced length first: not even authentication runs for what is too large."""
        limit = settings.MAX_BODY_BYTES
        if (request.content_type or "").lower().startswith("multipart/"):
            limit = self.multipart_limits.get(str(self.action), limit)
        if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
            raise TooLarge(f"The request body may have at most {limit:,} bytes.")
        super().initial(request, *args, **kwargs)

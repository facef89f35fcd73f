"""Permissions shared by the apps."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class IsOwner(BasePermission):
    """Let a signed-in person change only what is theirs (objects with a ``user_id``).

    What someone may not see is filtered out before and answers 404; what they see but do not own
    answers 403.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Require a signed-in caller."""
        return bool(request.user and request.user.is_authenticated)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        """Require the caller to own the object."""
        return bool(obj.user_id == request.user.pk)

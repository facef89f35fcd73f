"""Who calls."""

from rest_framework.request import Request

from users.models import User


def caller(request: Request) -> User:
    """Return the caller of a call that requires one, with only id and flags loaded."""
    assert isinstance(request.user, User)
    return request.user

"""Who may sign in to Django admin."""

from typing import Any

from django.contrib.auth.backends import ModelBackend


class AccountBackend(ModelBackend):
    """Django's backend, for which a suspended person counts no more than an inactive one.

    It is asked at every request, so a suspension ends a running admin session too.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        """Tell whether sessions of this person count."""
        return bool(user is not None and user.may_sign_in)

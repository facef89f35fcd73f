"""Who may sign in to Django admin."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from users.devices import device_of
from users.limits import LOGIN_ADDRESS, give_back_guess, take_guess
from users.models import SecurityEventKind, User
from users.services.audit import record
from viztube.api.errors import TooManyRequests


class StaffBackend(ModelBackend):
    """Django's backend, which only admin uses: for staff in good standing, leaving a trail.

    It is asked at every request, so a suspension ends a running admin session too.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return who may come in, else None; raises ValidationError after too many attempts."""
        account = (username or "").lower()
        if request:
            try:
                LOGIN_ADDRESS.take(request)
                take_guess(request, account)
            except TooManyRequests as error:
                # Shown where the form says what is wrong with it.
                raise ValidationError(error.message) from error
        user = super().authenticate(request, username, password, **kwargs)
        device = device_of(request) if request else None
        if user is None:
            tried = User.objects.filter(username=account).first()
            record(SecurityEventKind.ADMIN_SIGN_IN_FAILED, user=tried, device=device)
        else:
            give_back_guess(account)
            record(SecurityEventKind.ADMIN_SIGN_IN, user=user, device=device)
        return user

    def user_can_authenticate(self, user: Any) -> bool:
        """Tell whether sessions of this person count."""
        return bool(user is not None and user.is_staff and user.may_sign_in)

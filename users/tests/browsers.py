"""Browsers of staff, for tests of admin."""

from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client, TestCase

from users.models import User
from users.tests.factories import UserFactory


class Browser(Client):
    """A browser whose requests run what their commit would start, like the API's test client."""

    def request(self, **request: Any) -> Any:
        """Send a request."""
        with TestCase.captureOnCommitCallbacks(execute=True):
            return super().request(**request)


def browser_of(user: User) -> Browser:
    """Return a browser in which a person is signed in to admin."""
    browser = Browser()
    browser.force_login(user)
    return browser


def superuser() -> User:
    """Return who may do everything."""
    return UserFactory.create(is_staff=True, is_superuser=True)


def staff(*permissions: str) -> User:
    """Return a member of staff with some permissions, like ``view_video``."""
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def run_action(browser: Browser, address: str, action: str, *rows: Any) -> Any:
    """Choose rows of a list and run an action on them."""
    body = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return browser.post(address, body, follow=True)


def change_form(user: User, **changes: Any) -> dict[str, Any]:
    """Return what the form of an account sends."""
    fields = {
        "username": user.username,
        "email": user.email,
        "fullname": user.fullname,
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}

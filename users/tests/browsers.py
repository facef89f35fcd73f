"""Browsers of staff, for tests of admin."""

from django.contrib.auth.models import Permission
from django.test import Client as Browser

from users.models import User
from users.tests.factories import UserFactory


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

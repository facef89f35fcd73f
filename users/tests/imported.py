"""People whose passwords the service before this one hashed."""

import bcrypt

from users.models import User
from users.tests.factories import UserFactory


def old_hash(password: str) -> str:
    """Return what that service stored for a password: bcrypt with cost 10, as Node writes it."""
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(10)).decode()


def imported_user(password: str) -> User:
    """Return a person who was imported and has not signed in since."""
    user = UserFactory.create(password=None)
    User.objects.filter(pk=user.pk).update(password=f"bcrypt${old_hash(password)}")
    user.refresh_from_db()
    return user

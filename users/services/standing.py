"""Whether a person may sign in, which is for moderation to decide."""

from datetime import datetime

from users.models import User
from users.services.sessions import revoke_sessions
from viztube.api import shared


def change(*, user: User, is_active: bool, suspended_until: datetime | None, reason: str) -> None:
    """Give a locked person another standing, in the caller's transaction.

    Who may not sign in any more is signed out everywhere once it commits. The reason is what the
    person is told at the login.
    """
    user.is_active = is_active
    user.suspended_until = suspended_until
    user.suspension_reason = reason
    user.save(update_fields=["is_active", "suspended_until", "suspension_reason", "updated_at"])
    shared.forget_everything_on_commit()
    if not user.may_sign_in:
        revoke_sessions(user=user)

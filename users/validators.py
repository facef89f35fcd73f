"""What Django does whenever somebody sets a password."""

from users.models import SecurityEventKind, User
from users.services.audit import record
from users.services.sessions import revoke_sessions
from users.services.shown import forget_person_on_commit


class EndSessionsValidator:
    """Refuses no password; a new one ends every session.

    ``User.save`` tells validators of a password that ``set_password`` has set: by the forms of
    admin, by ``manage.py changepassword``, in a shell. Who assigns a hash instead looks after the
    sessions: a new account has none, and a change over the API keeps the caller's.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        """Accept any password."""

    def get_help_text(self) -> str:
        """Say it to whoever is about to set a password."""
        return "A new password signs the person out of the API on every device."

    def password_changed(self, password: str, user: User) -> None:
        """Revoke the sessions, tell the audit trail, and forget when the account changed last."""
        revoke_sessions(user=user)
        forget_person_on_commit(user.username)
        record(SecurityEventKind.PASSWORD_CHANGED, user=user)

"""Opening, rotating and revoking sessions."""

import hmac
import logging
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from rest_framework_simplejwt.tokens import RefreshToken

from users.models import RefreshSession, User
from users.querysets import in_good_standing
from users.tokens import (
    access_token,
    refresh_token,
    session_of,
    token_digest,
    token_ids,
    token_invalid,
)
from viztube.api.errors import NotAuthenticated, Suspended

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenPair:
    """What a client gets: both tokens, encoded."""

    access: str
    refresh: str


def check_credentials(
    *, password: str, username: str | None = None, email: str | None = None
) -> User:
    """Return who signs in. Raises NotAuthenticated (``invalid_credentials``) or Suspended.

    An unknown account costs as much as a wrong password, so neither answer nor time tells which
    accounts exist; that an account is suspended is told only to who knows its password.
    """
    lookup = {"email": email.lower()} if email else {"username": (username or "").lower()}
    user: User | None = User.objects.filter(**lookup).first()
    if user is None:
        make_password(password)
    if user is None or not user.check_password(password) or not user.is_active:
        raise _invalid_credentials()
    if user.is_suspended:
        assert user.suspended_until is not None
        raise Suspended(user.suspended_until)
    return user


def sign_in(*, user: User, device: str, address: str | None) -> TokenPair:
    """Open a session for whose password was just checked; raises NotAuthenticated.

    Hashing takes a while: a password that was changed meanwhile has ended every other session, and
    the old one must not open another after it.
    """
    with transaction.atomic():
        rows = User.objects.select_for_update(of=("self",), no_key=True)
        if not rows.filter(in_good_standing(), pk=user.pk, password=user.password):
            raise _invalid_credentials()
        return open_session(user=user, device=device, address=address)


def open_session(*, user: User, device: str, address: str | None) -> TokenPair:
    """Sign a device in."""
    now = timezone.now()
    session = RefreshSession(
        user=user,
        device=device[:300],
        address=address,
        used_at=now,
        expires_at=now + settings.REFRESH_TOKEN_LIFETIME,
    )
    refresh = refresh_token(session)
    session.digest = token_digest(refresh)
    session.save(force_insert=True)
    return TokenPair(access_token(session), str(refresh))


def rotate(*, presented: RefreshToken) -> TokenPair:
    """Exchange a refresh token for a new pair; raises NotAuthenticated (401).

    A token that was already exchanged is in two hands: the session is revoked, and that stays
    although the answer is an error. Source: RFC 9700, section 4.14.2.
    """
    user_id, session_id = token_ids(presented)
    with transaction.atomic():
        # Two refreshes at once: the second waits here and then finds its token exchanged.
        session = (
            RefreshSession.objects.select_for_update(of=("self",))
            .select_related("user")
            .filter(pk=session_id, user_id=user_id)
            .first()
        )
        if session is None or not session.is_live or not session.user.may_sign_in:
            raise token_invalid()
        if hmac.compare_digest(session.digest, token_digest(presented)):
            refresh = refresh_token(session)
            session.digest = token_digest(refresh)
            session.used_at = timezone.now()
            session.expires_at = session.used_at + settings.REFRESH_TOKEN_LIFETIME
            session.save(update_fields=["digest", "used_at", "expires_at"])
            return TokenPair(access_token(session), str(refresh))
        session.revoked_at = timezone.now()
        session.save(update_fields=["revoked_at"])
    logger.warning("A used refresh token came again: session %s is revoked", session_id)
    raise token_invalid()


def revoke_sessions(*, user: User, keep: UUID | None = None) -> int:
    """Revoke a person's sessions, all but ``keep``; return how many."""
    sessions = user.sessions.filter(revoked_at=None)
    if keep is not None:
        sessions = sessions.exclude(pk=keep)
    return sessions.update(revoked_at=Now())


def end_session(*, raw: str) -> None:
    """Revoke the session of a token of ours, access or refresh, expired or not; else do nothing."""
    ids = session_of(raw)
    if ids is not None:
        user_id, session_id = ids
        RefreshSession.objects.filter(pk=session_id, user_id=user_id, revoked_at=None).update(
            revoked_at=Now()
        )


def _invalid_credentials() -> NotAuthenticated:
    return NotAuthenticated("The account or the password is not right.", "invalid_credentials")

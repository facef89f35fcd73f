"""Opening, rotating and revoking sessions."""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.sessions.models import Session
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from users.devices import Device
from users.hashers import even_out
from users.models import RefreshSession, SecurityEventKind, User
from users.principals import forget
from users.querysets import in_good_standing
from users.services.audit import record
from users.tokens import (
    RefreshToken,
    access_token,
    jti_digest,
    refresh_token,
    session_of,
    successors_of,
    token_ids,
    token_invalid,
)
from viztube.api.errors import NotAuthenticated, Suspended
from viztube.api.statements import Statement

logger = logging.getLogger(__name__)


# Devices a person may be signed in on; the one that was used longest ago makes room for another.
MAX_SESSIONS = 20
# How long an ended session stays visible to staff.
KEEP_ENDED = timedelta(days=30)
# Two tabs refresh at once, or an answer is lost: for so long an exchange may be repeated.
REPEAT_WITHIN = timedelta(seconds=10)


_COLUMNS = tuple(field.attname for field in User._meta.concrete_fields)
_ACCOUNTS = {
    "username": Statement(lambda name: User.objects.filter(username=name).values(*_COLUMNS)),
    "email": Statement(lambda name: User.objects.filter(email=name).values(*_COLUMNS)),
}
_PASSWORD = Statement(
    lambda user: User.objects.locked().filter(in_good_standing(), pk=user.pk).values("password")
)
_SURPLUS = Statement(lambda user: user.sessions.live().latest_first().values("pk")[MAX_SESSIONS:])


@dataclass(frozen=True)
class TokenPair:
    """What a client gets: both tokens, encoded, and how long the refresh token lasts."""

    access: str
    refresh: str
    lifetime: timedelta


def check_credentials(
    *, device: Device, password: str, username: str | None = None, email: str | None = None
) -> User:
    """Return who signs in. Raises NotAuthenticated (``invalid_credentials``) or Suspended.

    An unknown account costs as much as a wrong password, so neither answer nor time tells which
    accounts exist; that an account is suspended or banned is told only to who knows its password.
    The trail does not keep what was typed for an account that is none: people type passwords there.
    """
    lookup = {"email": email.lower()} if email else {"username": (username or "").lower()}
    user = _account(**lookup)
    if user is None or not user.check_password(password) or user.is_closed:
        even_out(password, user.password if user else None)
        record(SecurityEventKind.SIGN_IN_FAILED, user=user, device=device)
        raise _invalid_credentials()
    if not user.may_sign_in:
        record(SecurityEventKind.SIGN_IN_FAILED, user=user, device=device)
        raise Suspended(user.suspended_until if user.is_active else None, user.suspension_reason)
    return user


def sign_in(*, user: User, password: str, device: Device) -> TokenPair:
    """Open a session for whose password was just checked; raises NotAuthenticated.

    Hashing takes a while: a password that was changed meanwhile has ended every other session, and
    the old one must not open another after it. Another login may have renewed the hash of the same
    password meanwhile, which is why it is checked once more before it is refused.
    """
    with transaction.atomic():
        current = _PASSWORD.rows(user=user)
        if not current or (
            current != [(user.password,)] and not check_password(password, current[0][0])
        ):
            raise _invalid_credentials()
        record(SecurityEventKind.SIGN_IN, user=user, device=device)
        return open_session(user=user, device=device)


def open_session(*, user: User, device: Device) -> TokenPair:
    """Sign a device in; beyond ``MAX_SESSIONS`` another one is signed out."""
    now = timezone.now()
    jti = secrets.token_hex(32)
    session = RefreshSession(
        user=user,
        digest=jti_digest(jti),
        device=device.name,
        address=device.address,
        used_at=now,
        expires_at=now + settings.REFRESH_TOKEN_LIFETIME,
    )
    session.save(force_insert=True)
    if surplus := _SURPLUS.rows(user=user):
        revoke(RefreshSession.objects.filter(pk__in=[pk for (pk,) in surplus]))
    return _pair(session, jti)


def rotate(*, presented: RefreshToken, device: Device) -> TokenPair:
    """Exchange a refresh token for a new pair; raises NotAuthenticated (401).

    The same exchange repeated within ``REPEAT_WITHIN`` gives the same successor, as long as that
    one was not used. Any other token that comes again is in two hands: the session is revoked, and
    that stays although the answer is an error. Source: RFC 9700, section 4.14.2.
    """
    user_id, session_id = token_ids(presented)
    successors = successors_of(str(presented["jti"]))
    with transaction.atomic():
        # Two refreshes at once: the second waits here and then finds its token exchanged.
        session = (
            RefreshSession.objects.select_for_update(of=("self",), no_key=True)
            .select_related("user")
            .filter(pk=session_id, user_id=user_id)
            .first()
        )
        if session is None or not session.is_live or not session.user.may_sign_in:
            raise token_invalid()
        now = timezone.now()
        ends_at = session.created_at + settings.SIGN_IN_LIFETIME
        if now >= ends_at:
            raise token_invalid()
        if session.digest == jti_digest(str(presented["jti"])):
            session.digest = jti_digest(successors[0])
            session.device, session.address = device.name, device.address
            session.used_at = now
            session.expires_at = min(now + settings.REFRESH_TOKEN_LIFETIME, ends_at)
            session.save(update_fields=["digest", "device", "address", "used_at", "expires_at"])
            return _pair(session, successors[0])
        made = next((one for one in successors if session.digest == jti_digest(one)), None)
        if made is not None and now - session.used_at <= REPEAT_WITHIN:
            return _pair(session, made)
        revoke(RefreshSession.objects.filter(pk=session_id))
        record(SecurityEventKind.TOKEN_REUSED, user=session.user, device=device)
    logger.warning("A used refresh token came again: session %s is revoked", session_id)
    raise token_invalid()


def revoke(sessions: QuerySet[RefreshSession]) -> int:
    """Revoke those of the sessions that are not yet; return how many. Their tokens stop at once."""
    with transaction.atomic():
        # In one order, so that two who revoke the same sessions cannot wait for each other.
        locked = sessions.filter(revoked_at=None).order_by("pk")
        ids = list(locked.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
        if ids:
            RefreshSession.objects.filter(pk__in=ids).update(revoked_at=Now())
            transaction.on_commit(lambda: forget(ids))
    return len(ids)


def revoke_sessions(*, user: User, keep: UUID | None = None) -> int:
    """Revoke a person's sessions, all but ``keep``; return how many."""
    sessions = user.sessions.all()
    return revoke(sessions if keep is None else sessions.exclude(pk=keep))


def end_sessions(*, tokens: Iterable[str]) -> None:
    """Revoke the sessions of those tokens that are ours, access or refresh, expired or not."""
    ids = [sid for raw in tokens if (sid := session_of(raw))]
    if ids:
        revoke(RefreshSession.objects.filter(pk__in=ids))


def delete_ended_sessions(*, dry_run: bool = False) -> int:
    """Delete sessions that ended long ago; return how many."""
    horizon = timezone.now() - KEEP_ENDED
    ended = RefreshSession.objects.filter(Q(expires_at__lt=horizon) | Q(revoked_at__lt=horizon))
    return ended.count() if dry_run else int(ended.delete()[0])


def delete_expired_admin_sessions(*, dry_run: bool = False) -> int:
    """Delete sessions of the admin site that have expired; return how many."""
    expired = Session.objects.filter(expire_date__lt=timezone.now())
    return expired.count() if dry_run else expired.delete()[0]


def _account(**lookup: str) -> User | None:
    """Return the account that has this user name or e-mail address."""
    ((column, name),) = lookup.items()
    for row in _ACCOUNTS[column].rows(name=name):
        return User.from_db(DEFAULT_DB_ALIAS, _COLUMNS, row)
    return None


def _pair(session: RefreshSession, jti: str) -> TokenPair:
    lifetime = session.expires_at - session.used_at
    return TokenPair(access_token(session), refresh_token(session, jti), lifetime)


def _invalid_credentials() -> NotAuthenticated:
    return NotAuthenticated("The account or the password is not right.", "invalid_credentials")

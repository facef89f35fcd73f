"""Access and refresh tokens: SimpleJWT's, with the session they belong to in ``sid``."""

import time
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenBackendError, TokenError

from users.keys import KeyRing, key_ring
from users.models import RefreshSession
from viztube.api.errors import NotAuthenticated

# The longest time after its end that a token still tells its session.
TEN_YEARS = timedelta(days=3650)


class AccessToken(tokens.AccessToken):
    """SimpleJWT's, with our keys: its own backend knows only one."""

    @property
    def token_backend(self) -> KeyRing:
        """The keys."""
        return key_ring()


class RefreshToken(tokens.RefreshToken):
    """SimpleJWT's, with our keys."""

    @property
    def token_backend(self) -> KeyRing:
        """The keys."""
        return key_ring()


TokenT = TypeVar("TokenT", AccessToken, RefreshToken)


def token_invalid(message: str = "This token does not count. Sign in again.") -> NotAuthenticated:
    """Return the 401 for a token that is malformed, foreign, revoked or used up."""
    return NotAuthenticated(message, "token_invalid")


def token_expired() -> NotAuthenticated:
    """Return the 401 that tells a client to refresh."""
    return NotAuthenticated("This token has expired. Refresh it or sign in again.", "token_expired")


def access_token(session: RefreshSession) -> str:
    """Return a new access token for a session, which ends with the session at the latest."""
    token = _token_of(session, AccessToken)
    left = session.expires_at - timezone.now()
    token.set_exp(lifetime=min(settings.ACCESS_TOKEN_LIFETIME, left))
    return str(token)


def refresh_token(session: RefreshSession, jti: str) -> str:
    """Return the refresh token of a session that has an id: the same one however often asked."""
    token = _token_of(session, RefreshToken)
    token["jti"] = jti
    token.set_iat(at_time=session.used_at)
    token["exp"] = int(session.expires_at.timestamp())
    return str(token)


def jti_digest(jti: str) -> str:
    """Return what a session keeps of its refresh token: SHA-256 of the token's id."""
    return sha256(jti.encode()).hexdigest()


def successors_of(jti: str) -> list[str]:
    """Return the ids of the refresh tokens that one may have been exchanged for, by each key.

    The first is for an exchange that is made now. Derived, so that an exchange repeated gives the
    same successor although nothing but a digest of it is stored; with a key, so that who has a used
    token cannot make the next one. With every key, because another process may have made the
    exchange before the keys were rotated, or after.
    """
    return [
        salted_hmac("users.tokens.successor", jti, secret=key, algorithm="sha256").hexdigest()
        for key in settings.JWT_VERIFYING_KEYS
    ]


def verify_token(kind: type[TokenT], raw: str) -> TokenT:
    """Return a verified token; raises NotAuthenticated (401).

    Only an access token is ``token_expired``: that code tells a client to refresh.
    """
    try:
        return kind(raw)  # type: ignore[arg-type]
    except ExpiredTokenError as error:
        raise (token_expired() if kind is AccessToken else token_invalid()) from error
    except TokenError as error:
        raise token_invalid() from error


def token_ids(token: AccessToken | RefreshToken) -> tuple[UUID, UUID]:
    """Return the (user id, session id) of a verified token; raises NotAuthenticated (401)."""
    try:
        return UUID(token["sub"]), UUID(token["sid"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise token_invalid() from error


def access_ids(raw: str) -> tuple[UUID, UUID]:
    """Return the (user id, session id) of an access token; raises NotAuthenticated (401).

    A client sends the same one for a quarter of an hour, so its signature is looked at once. Not so
    whether it has expired, nor, elsewhere, whether its session has ended.
    """
    ends, user_id, session_id = _verified(raw, settings.JWT_VERIFYING_KEYS)
    if ends <= time.time():
        raise token_expired()
    return user_id, session_id


@lru_cache(maxsize=2000)
def _verified(raw: str, keys: Any) -> tuple[float, UUID, UUID]:
    """Return when a token ends, and its ids; raises NotAuthenticated, which is not remembered."""
    token = verify_token(AccessToken, raw)
    return token["exp"], *token_ids(token)


def _token_of(session: RefreshSession, kind: type[TokenT]) -> TokenT:
    token = kind()
    token["sub"] = str(session.user_id)
    token["sid"] = str(session.pk)
    return token


def session_of(raw: str) -> UUID | None:
    """Return the session id of a token of ours even when it has expired, else None."""
    try:
        payload = key_ring(leeway=TEN_YEARS).decode(raw)  # type: ignore[arg-type]
        return UUID(payload["sid"])
    except (TokenBackendError, KeyError, ValueError, TypeError, AttributeError):
        return None

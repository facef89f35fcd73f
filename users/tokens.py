"""Access and refresh tokens: SimpleJWT's, with the session they belong to in ``sid``."""

from datetime import timedelta
from hashlib import sha256
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenBackendError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from users.models import RefreshSession
from viztube.api.errors import NotAuthenticated

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


def successor_of(jti: str) -> str:
    """Return the id of the refresh token that one is exchanged for.

    Derived, so that an exchange repeated gives the same successor although nothing but a digest of
    it is stored; with a key, so that who has a used token cannot make the next one.
    """
    return salted_hmac(
        "users.tokens.successor", jti, secret=settings.JWT_SIGNING_KEY, algorithm="sha256"
    ).hexdigest()


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


def _token_of(session: RefreshSession, kind: type[TokenT]) -> TokenT:
    token = kind()
    token["sub"] = str(session.user_id)
    token["sid"] = str(session.pk)
    return token


def session_of(raw: str) -> UUID | None:
    """Return the session id of a token of ours even when it has expired, else None."""
    backend = TokenBackend(
        "HS256",
        api_settings.SIGNING_KEY,
        audience=api_settings.AUDIENCE,
        issuer=api_settings.ISSUER,
        leeway=timedelta(days=3650),
    )
    try:
        payload = backend.decode(raw)  # type: ignore[arg-type]
        return UUID(payload["sid"])
    except (TokenBackendError, KeyError, ValueError, TypeError, AttributeError):
        return None

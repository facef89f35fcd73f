"""The keys that tokens are signed with: one signs, and those before and after it count as well."""

from datetime import timedelta
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

import jwt
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

ALGORITHM = "HS256"


class KeyRing(TokenBackend):
    """Signs with the first key, and names it in the header ``kid``; verifies with any of them."""

    def __init__(self, keys: tuple[str, ...], leeway: timedelta) -> None:
        super().__init__(
            ALGORITHM,
            keys[0],
            audience=api_settings.AUDIENCE,
            issuer=api_settings.ISSUER,
            leeway=leeway,
        )
        self._keys = {key_id(key): self._prepare_key(key) for key in keys}

    @cached_property
    def _signing_kid(self) -> str:
        return next(iter(self._keys))

    def encode(self, payload: dict[str, Any]) -> str:
        """Return a signed token."""
        return jwt.encode(
            {**payload, "aud": self.audience, "iss": self.issuer},
            self.prepared_signing_key,
            algorithm=self.algorithm,
            headers={"kid": self._signing_kid},
        )

    def get_verifying_key(self, token: Token) -> Any:
        """Return the key that a token names; for one that names none, the key that signed it.

        Raises what ``decode``, its only caller, makes a TokenBackendError of.
        """
        raw: Any = token
        kid = jwt.get_unverified_header(raw).get("kid")
        candidates = self._keys.values() if kid is None else [self._keys.get(kid)]
        for key in candidates:
            if key is not None and _has_signed(key, raw):
                return key
        raise TokenBackendError("Token is invalid")


def key_id(key: str) -> str:
    """Return the name of a key in tokens, which tells nothing about the key."""
    return sha256(f"viztube.kid {key}".encode()).hexdigest()[:16]


def key_ring(leeway: timedelta = timedelta(0)) -> KeyRing:
    """Return this process's keys, for tokens that ended no longer than ``leeway`` ago."""
    return _ring(settings.JWT_VERIFYING_KEYS, leeway)


@cache
def _ring(keys: tuple[str, ...], leeway: timedelta) -> KeyRing:
    return KeyRing(keys, leeway)


def _has_signed(key: Any, raw: str) -> bool:
    try:
        jwt.PyJWS().decode_complete(raw, key, algorithms=[ALGORITHM])
    except jwt.InvalidSignatureError:
        return False
    return True

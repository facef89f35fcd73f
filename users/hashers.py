"""Password hashing that fits a small machine."""

import os
from threading import BoundedSemaphore

import bcrypt
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BCryptPasswordHasher,
    get_hasher,
    get_hashers,
)

BCRYPT_BYTES = 72

# gunicorn has two processes.
_TURNS = BoundedSemaphore(max(1, (os.cpu_count() or 1) // 2))


class SmallArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with OWASP's small parameters: 19 MiB, two passes, one lane.

    Django's default takes 100 MB a hash: a handful of logins at once would exhaust a 1 GB machine.
    Nor are more made at once than there are cores for: each would take longer for want of cache,
    and the memory would be there as often. Source: OWASP Password Storage Cheat Sheet.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Return the hash, in turn."""
        with _TURNS:
            return str(super().encode(password, salt))

    def verify(self, password: str, encoded: str) -> bool:
        """Tell whether a password is right, in turn."""
        with _TURNS:
            return bool(super().verify(password, encoded))


class ImportedBcryptPasswordHasher(BCryptPasswordHasher):
    """Checks what the service before this one stored; the next login renews it with Argon2.

    That service looked at the first 72 bytes of a password, as bcrypt does; the library refuses
    longer ones.
    """

    rounds = 10

    def encode(self, password: str, salt: str | bytes) -> str:
        """Return the hash of the bytes that count."""
        salt = salt.encode() if isinstance(salt, str) else salt
        return f"{self.algorithm}${bcrypt.hashpw(password.encode()[:BCRYPT_BYTES], salt).decode()}"

    def verify(self, password: str, encoded: str) -> bool:
        """Tell whether a password is right; it never is for a hash that is none."""
        try:
            return bool(super().verify(password, encoded))
        except ValueError:
            return False


def even_out(password: str, encoded: str | None) -> None:
    """Spend on a sign-in that failed what the other kinds of hashes would have cost.

    ``encoded`` is what the password was compared with, None when there was no account. Each failure
    then costs one hash of every kind, so its time does not tell whose password is still hashed the
    old way, and with it that there is an account.
    """
    hashers = {hasher.algorithm: hasher for hasher in get_hashers()}
    if encoded is not None:
        # Django spends one of the preferred kind on what is no hash.
        hashers.pop(encoded.partition("$")[0], None) or hashers.pop(get_hasher().algorithm)
    for hasher in hashers.values():
        hasher.encode(password, hasher.salt())

"""Password hashing that fits a small machine."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class SmallArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with OWASP's small parameters: 19 MiB, two passes, one lane.

    Django's default takes 100 MB a hash: a handful of logins at once would exhaust a 1 GB machine.
    Source: OWASP Password Storage Cheat Sheet.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

"""Field names on the wire: camelCase outside, snake_case inside."""

from functools import lru_cache


@lru_cache(maxsize=1024)
def camelize(name: str) -> str:
    """Return ``created_at`` as ``createdAt``."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)

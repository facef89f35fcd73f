"""Field names on the wire: camelCase outside, snake_case inside."""

from functools import lru_cache


@lru_cache(maxsize=1024)
def camelize(name: str) -> str:
    """Return ``created_at`` as ``createdAt``; an underscore in front stays."""
    start = len(name) - len(name.lstrip("_"))
    head, *rest = name[start:].split("_")
    return name[:start] + head + "".join(part[:1].upper() + part[1:] for part in rest)

"""What Valkey was not told to forget because it was away, until it is told."""

from collections.abc import Iterable
from contextlib import suppress

from django.core.cache import cache

from viztube.api.caching import CACHE_AWAY, is_away

# So many names at most, in each process; what is more ends with its lifetime.
MOST = 10_000

_names: set[str] = set()


def keep(names: Iterable[str]) -> None:
    """Remember, in this process, what could not be deleted."""
    if len(_names) < MOST:
        _names.update(names)


def settle() -> None:
    """Delete what could not be deleted before, once the cache is back.

    Whether it is, another call finds out: this one is made for every read, and there may be many.
    """
    if not _names or is_away():
        return
    names = []
    with suppress(KeyError):
        while True:
            names.append(_names.pop())
    try:
        cache.delete_many(names)
    except CACHE_AWAY:
        keep(names)

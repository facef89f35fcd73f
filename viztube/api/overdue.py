"""What Valkey was not told to forget because it was away, until it is told."""

from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from django.core.cache import cache

from viztube.api.caching import CACHE_AWAY

# The oldest make room: by then the lifetimes of most entries have ended them.
MOST = 10_000

_names: deque[str] = deque(maxlen=MOST)


def keep(names: Iterable[str]) -> None:
    """Remember, in this process, what could not be deleted."""
    _names.extend(names)


def settle() -> None:
    """Delete what could not be deleted before, as soon as the cache is back."""
    if not _names:
        return
    names = []
    with suppress(IndexError):
        while True:
            names.append(_names.popleft())
    try:
        cache.delete_many(names)
    except CACHE_AWAY:
        keep(names)

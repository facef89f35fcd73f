"""Asking Valkey past Django's cache: several things at once, in one round trip."""

import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from django.core.cache import cache

from viztube.api.caching import Asked, CacheClient, Commands


def ask(*command: Any) -> Asked | None:
    """Let a command go along with the next one that reads, see ``Commands.ask``.

    None too where settings have another cache than this one.
    """
    commands = _commands()
    return commands.ask(*command) if commands else None


def forget_asked() -> None:
    """Do not send what nobody asked to be answered."""
    if commands := _commands():
        commands.forget_asked()


_known = threading.local()


def _commands() -> Commands | None:
    """Return this thread's commands that read; None where settings have another cache.

    Kept, because each look at ``django.core.cache.cache`` finds out anew which cache that is.
    """
    known: tuple[Any, Commands | None] | None = _known.__dict__.get("commands")
    if known is not None and known[0] is settings.CACHES:
        return known[1]
    client = getattr(cache, "_cache", None)
    commands = client.get_client() if isinstance(client, CacheClient) else None
    _known.commands = settings.CACHES, commands
    return commands


@lru_cache(maxsize=4000)
def key_of(name: str) -> str:
    """Return how Valkey knows what the cache knows by a name."""
    return str(cache.make_key(name))


def add_many(values: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
    """Add what the cache has not, in one round trip; return what it has then, by key.

    For this cache alone: where ``ask`` does not return None. Raises CACHE_AWAY.
    """
    client = cache._cache.get_client(write=True)  # type: ignore[attr-defined]
    keys = list(map(cache.make_key, values))
    pipeline = client.pipeline(transaction=False)
    for key, value in zip(keys, values.values(), strict=True):
        pipeline.set(key, orjson.dumps(value), nx=True, px=int(timeout * 1000))
    pipeline.mget(keys)
    *_, there = pipeline.execute()
    pairs = zip(values.items(), there, strict=True)
    return {name: value if text is None else orjson.loads(text) for (name, value), text in pairs}

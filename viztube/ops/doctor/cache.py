"""Valkey: whether it answers, and whether what it holds has room."""

import secrets
from typing import Any

import redis
from django.conf import settings
from django.core.cache import cache

from viztube.api.caching import CACHE_AWAY
from viztube.ops.doctor.findings import Finding, failed, first_line, ok, warning

TIMEOUT = 2  # seconds
# Of its memory: above, what was evicted was evicted for want of room, and goes on being.
FULL = 0.9


def answers() -> Finding:
    """Tell whether it keeps what it is given."""
    token = secrets.token_hex(8)
    try:
        cache.set("doctor", token, timeout=10)
        kept = cache.get("doctor")
    except CACHE_AWAY as error:
        return failed(
            f"The cache is away: {first_line(error)}. The service works without it, more slowly "
            "and without limits.",
            "Look whether Valkey runs and whether REDIS_URL is right.",
        )
    if kept != token:
        return failed("The cache does not keep what it is given.", "Restart Valkey.")
    return ok("The cache answers.")


def has_room() -> Finding:
    """Tell how full it is; being full is fine until it has to drop what still counts."""
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT
    ) as client:
        facts: Any = client.info()
    used, limit, evicted = facts["used_memory"], facts["maxmemory"], facts["evicted_keys"]
    of = f"of {limit / 1e6:.0f} MB" if limit else "without a limit"
    says = f"The cache uses {used / 1e6:.1f} MB {of}"
    if evicted and limit and used >= limit * FULL:
        return warning(
            f"{says} and has dropped {evicted} entries since it started, for want of room.",
            "Give Valkey more memory (maxmemory): rate limits are forgotten with what it drops.",
        )
    return ok(f"{says}; {evicted} entries were dropped for want of room since it started.")

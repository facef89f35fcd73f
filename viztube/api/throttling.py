"""How often who may ask for what.

A scope is what is counted together: reads, say, or sign-ins. Its rate (``settings.RATE_LIMITS``) is
a number and a time: so many may come at once, and then one each time that its part of the time is
over (the generic cell rate algorithm, of throttled-py). One script in Valkey decides and counts in
one step, so that a limit is exact however many ask at once, in whichever process. While Valkey is
away each process counts for itself.

Keys hold addresses, and ids of people and sessions; what was typed goes through ``digest``.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache, wraps
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from redis.exceptions import NoScriptError
from rest_framework.throttling import BaseThrottle
from throttled import MemoryStoreBackend
from throttled.rate_limiter.gcra import MemoryLimitAtomicAction, RedisLimitAtomicAction

from viztube.api.asking import ask
from viztube.api.caching import CACHE_AWAY, Asked
from viztube.api.errors import TooManyRequests
from viztube.api.requests import client_address

# What a process remembers at most while Valkey is away: of some 300 bytes each, the latest used.
OWN_KEYS = 10_000

_SCRIPT = RedisLimitAtomicAction.SCRIPTS
_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

Answer = tuple[int, int, float, float]
View = Callable[..., HttpResponseBase]


class Scope:
    """What is counted together, and by what callers are told apart when a view only names it."""

    def __init__(
        self, name: str, by: Callable[[Any], str] | None = None, *, is_told: bool = True
    ) -> None:
        """Take the name that the rate has; ``is_told``: answers say how much is left."""
        self.name = name
        self.by = by
        self._is_told = is_told

    def ask(self, request: Any) -> None:
        """Let a request by an address be counted along with what else Valkey is asked about it."""
        if self.by is by_address:
            command = _command(self.name, settings.RATE_LIMITS[self.name], self.by(request), 1)
            request._request.asked_limit = self.name, ask("EVALSHA", _SHA, *command)

    def take(self, request: Any, who: str | None = None) -> None:
        """Count a request of somebody, told apart by ``who`` or else as the scope does.

        Raises TooManyRequests (429) for one too many, which is not counted itself.
        """
        asked = None
        if who is None:
            assert self.by is not None
            who = self.by(request)
            plain = getattr(request, "_request", request)
            # Once: another look is another count.
            name, asked = vars(plain).pop("asked_limit", (None, None))
            asked = asked if name == self.name else None
        rate = settings.RATE_LIMITS[self.name]
        limited, left, until_full, wait = _count(self.name, rate, who, 1, asked)
        if limited:
            seconds = max(ceil(wait), 1)
            _tell(request, self.name, rate, 0, seconds)
            raise TooManyRequests(seconds)
        if self._is_told:
            _tell(request, self.name, rate, left, ceil(until_full))

    def give_back(self, who: str) -> None:
        """Take one off what was counted of somebody; the last one runs out by itself."""
        _count(self.name, settings.RATE_LIMITS[self.name], who, -1)


class ScopeThrottle(BaseThrottle):
    """Counts each request in the scopes that its view names for its action (DRF's throttle)."""

    def allow_request(self, request: Any, view: Any) -> bool:
        """Return True; raises TooManyRequests for one too many."""
        for scope in view.scopes[view.action]:
            scope.take(request)
        return True


def limited(scope: Scope) -> Callable[[View], View]:
    """Return what makes a page for people count in a scope."""

    def decorate(view: View) -> View:
        @wraps(view)
        def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                scope.take(request)
            except TooManyRequests as error:
                response: HttpResponseBase = HttpResponse(
                    error.message,
                    status=error.status_code,
                    content_type="text/plain",
                    headers=dict(error.headers),
                )
            else:
                response = view(request, *args, **kwargs)
            for name, value in headers_of(request).items():
                response.headers[name] = value
            return response

        return counted

    return decorate


def headers_of(request: Any) -> dict[str, str]:
    """Return what an answer says of the limit that a request came closest to.

    Source: draft-ietf-httpapi-ratelimit-headers-11. The time is that until all is there again, or,
    of a refusal, that of Retry-After.
    """
    told = getattr(request, "rate_limit", None)
    if told is None:
        return {}
    name, (most, seconds), left, time = told
    return {
        "RateLimit-Policy": f'"{name}";q={most};w={seconds}',
        "RateLimit": f'"{name}";r={left};t={time}',
    }


def by_address(request: Any) -> str:
    """Tell callers apart by their address; of IPv6 each has a whole network, so by that."""
    return network_of(client_address(request) or "")


def by_person(request: Any) -> str:
    """Tell callers apart by who they are; for what one must be signed in for."""
    return str(request.user.pk)


READ = Scope("read", by_address)
WRITE = Scope("write", by_person)
UPLOAD = Scope("upload", by_person)


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return an IPv4 address as it is, of an IPv6 address its first 64 bits."""
    if not address:
        return "unknown"
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed)


def digest(typed: str) -> str:
    """Return what stands in a key for what was typed: people type passwords where names belong."""
    text, key = typed.encode(), settings.SECRET_KEY.encode()[:64]
    return hashlib.blake2b(text, key=key, digest_size=16).hexdigest()


def _tell(request: Any, name: str, rate: tuple[int, int], left: int, seconds: int) -> None:
    """Leave for the answer what the tightest limit says: the one with the least left."""
    plain = getattr(request, "_request", request)
    told = getattr(plain, "rate_limit", None)
    if told is None or left < told[2]:
        plain.rate_limit = (name, rate, left, seconds)


def _command(name: str, rate: tuple[int, int], who: str, cost: int) -> tuple[Any, ...]:
    """Return how the script is asked: the number of keys, the key, its arguments."""
    most, seconds = rate
    # A changed rate starts anew: what is stored is a time that only makes sense with its rate.
    return 1, f"viztube:limit:{name}:{most}/{seconds}:{who}", seconds / most, most, cost


def _count(
    name: str, rate: tuple[int, int], who: str, cost: int, asked: Asked | None = None
) -> Answer:
    """Return (1 when too many, how many are left, seconds until all are back, seconds to wait)."""
    command = _command(name, rate, who, cost)
    try:
        try:
            answer = asked.answer() if asked else _run("EVALSHA", _SHA, *command)
        except NoScriptError:  # it has started anew
            answer = _run("EVAL", _SCRIPT, *command)
        limited, left, until_full, wait = answer
        return limited, left, float(until_full), float(wait)
    except CACHE_AWAY:
        return _own.do(command[1:2], command[2:])  # type: ignore[return-value]


def _run(*command: Any) -> Any:
    # Of this thread, as the cache has it: with its connection, time-outs and circuit breaker.
    client: Any = cache._cache.get_client(write=True)  # type: ignore[attr-defined]
    return client.run(*command, wrote=_has_written)


def _has_written(answer: Any) -> bool:
    """Tell whether the script wrote: not for one too many, nor where all is there already."""
    limited, _, until_full, _ = answer
    return not limited and float(until_full) > 0


_own = MemoryLimitAtomicAction(MemoryStoreBackend(options={"MAX_SIZE": OWN_KEYS}))

"""Every endpoint names the limits that it counts in."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from users import limits
from viztube.api.rates import RATES
from viztube.api.throttling import ScopeThrottle
from viztube.api.viewsets import Limited

# Everybody may ask for these as often as they like, and why.
UNLIMITED = {
    "GET api/v2/healthcheck": "monitors ask often, and it costs next to nothing",
    "POST api/v2/media/cloudinary/notify": "signed, and from a few addresses",
}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        address = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, address)
        else:
            yield address, pattern


def api_calls() -> dict[str, tuple[Any, str]]:
    """Return the view and the action behind every method of every address of the API."""
    calls = {}
    for address, pattern in patterns(get_resolver()):
        view = getattr(pattern.callback, "cls", None)
        if address.startswith("api/"):
            assert view is not None, f"{address} is no view of the API"
            actions = getattr(pattern.callback, "actions", None) or {"get": "get"}
            for method, action in actions.items():
                calls[f"{method.upper()} {address}"] = view, action
    return calls


CALLS = api_calls()


def test_there_are_calls_to_look_at() -> None:
    assert len(CALLS) > 50


@pytest.mark.parametrize("call", CALLS)
def test_a_call_names_its_limits(call: str) -> None:
    view, action = CALLS[call]

    assert issubclass(view, Limited)
    assert list(view.throttle_classes) == [ScopeThrottle]
    assert action in view.scopes, f"{view.__name__} names no scope for {action}"
    assert bool(view.scopes[action]) != (call in UNLIMITED)
    assert {scope.name for scope in view.scopes[action]} <= settings.RATE_LIMITS.keys()


def test_every_exception_is_a_call() -> None:
    assert UNLIMITED.keys() <= CALLS.keys()


def test_every_rate_is_of_something() -> None:
    named = {scope.name for view, action in CALLS.values() for scope in view.scopes[action]}
    asked = {limits.REFRESH.name, limits._LOGIN.name, limits._LOGIN_ACCOUNT.name}

    assert named | asked == RATES.keys()

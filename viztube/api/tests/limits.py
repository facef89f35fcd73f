"""Limits as tests set them, and callers whom nobody has counted yet."""

import re
import secrets
from ipaddress import IPv4Address
from typing import Any

from django.conf import settings as project_settings

from viztube.api.tests.fixtures import Answer, Client

HOUR = 3600  # seconds


def limit(settings: Any, **rates: int) -> None:
    """Let so many of each of these scopes through in an hour."""
    changes = {scope.replace("_", "-"): (most, HOUR) for scope, most in rates.items()}
    assert changes.keys() <= project_settings.RATE_LIMITS.keys()
    settings.RATE_LIMITS = {**project_settings.RATE_LIMITS, **changes}
    # On a busy machine Valkey may take longer than the service waits, which then counts elsewhere.
    default = settings.CACHES["default"]
    patient = {**default["OPTIONS"], "socket_timeout": 10, "socket_connect_timeout": 10}
    settings.CACHES = {"default": {**default, "OPTIONS": patient}}


def new_address() -> str:
    """Return an address set aside for tests (RFC 2544), another each time."""
    return str(IPv4Address("198.18.0.0") + secrets.randbelow(2**17))


def from_address(client: Client, address: str | None = None) -> Client:
    """Return the client, which calls from an address from now on."""
    client.http.defaults["REMOTE_ADDR"] = address or new_address()
    return client


def told(answer: Answer) -> tuple[str, int, int, int, int]:
    """Return what an answer says of a limit: its name, number and time, what is left and for how
    long."""
    policy = re.fullmatch(r'"([a-z-]+)";q=(\d+);w=(\d+)', answer.response["RateLimit-Policy"])
    state = re.fullmatch(r'"([a-z-]+)";r=(\d+);t=(\d+)', answer.response["RateLimit"])
    assert policy is not None
    assert state is not None
    assert policy[1] == state[1]
    return policy[1], int(policy[2]), int(policy[3]), int(state[2]), int(state[3])


def assert_refused(answer: Answer, scope: str) -> None:
    """Fail unless an answer is a whole 429 of a scope."""
    assert (answer.status, answer.code) == (429, "throttled")
    name, _, window, left, seconds = told(answer)
    assert (name, left) == (scope, 0)
    assert 1 <= seconds <= window
    assert answer.response["Retry-After"] == str(seconds)

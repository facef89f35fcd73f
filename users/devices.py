"""The device a request comes from, as sessions and the audit trail remember it."""

from dataclasses import dataclass

from django.http import HttpRequest
from rest_framework.request import Request

from viztube.api.requests import client_address

# Characters of a User-Agent that are kept; what follows tells devices apart no better.
NAME_LENGTH = 300


@dataclass(frozen=True)
class Device:
    """What a client says it is, and its IP address when that is known."""

    name: str = ""
    address: str | None = None


def device_of(request: Request | HttpRequest) -> Device:
    """Return the device of a request."""
    return Device(request.headers.get("User-Agent", "")[:NAME_LENGTH], client_address(request))

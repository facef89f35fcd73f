"""Getting files from wherever an address leads, as a player does."""

from dataclasses import dataclass

import requests
from django.conf import settings

from viztube.api.tests.fixtures import Client


@dataclass(frozen=True)
class Fetched:
    """What an address answered in the end."""

    status: int
    content: bytes
    content_type: str


def fetch(address: str, **headers: str) -> Fetched:
    """Get a file; redirects are followed."""
    if address.startswith(settings.PUBLIC_URL):
        response = Client().get(address, **headers).response
        if response.status_code != 302:
            content = response.getvalue() if response.streaming else response.content
            return Fetched(response.status_code, content, response["Content-Type"])
        address = response["Location"]
    answer = requests.get(address, headers=headers, timeout=30)
    return Fetched(answer.status_code, answer.content, answer.headers["Content-Type"])

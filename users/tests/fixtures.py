"""Fixtures of tests that need people; loaded as a pytest plugin."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from viztube.api.tests.fixtures import Client

if TYPE_CHECKING:
    from users.models import User


@pytest.fixture
def user(db: None) -> "User":
    """Return a person."""
    from users.tests.factories import UserFactory

    return UserFactory.create()


@pytest.fixture
def client_for(db: None) -> Callable[["User"], Client]:
    """Return a way to get a client with an access token of a new session."""

    def make(user: "User") -> Client:
        from users.devices import Device
        from users.services.sessions import open_session

        return Client(open_session(user=user, device=Device("pytest", "127.0.0.1")).access)

    return make


@pytest.fixture
def user_client(user: "User", client_for: Callable[["User"], Client]) -> Client:
    """Return a client of ``user``."""
    return client_for(user)

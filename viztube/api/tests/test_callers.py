"""Who is calling, from where, and what they may touch."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.test import APIRequestFactory

from viztube.api.permissions import IsOwner
from viztube.api.requests import client_address


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (1, None, "127.0.0.1"),
        (1, "junk", None),
        (1, "203.0.113.9:55", None),
        (1, "2001:DB8::1", "2001:db8::1"),
    ],
)
def test_a_client_may_not_invent_its_address(
    monkeypatch: pytest.MonkeyPatch, proxies: int, forwarded: str | None, address: str | None
) -> None:
    from rest_framework.settings import api_settings

    monkeypatch.setattr(api_settings, "NUM_PROXIES", proxies)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    assert client_address(APIRequestFactory().get("/", headers=headers)) == address


def test_a_request_from_a_socket_has_no_address() -> None:
    assert client_address(APIRequestFactory().get("/", REMOTE_ADDR="")) is None


def test_an_owner_may_touch_what_is_theirs_and_nothing_else() -> None:
    request: Any = SimpleNamespace(user=SimpleNamespace(pk=7, is_authenticated=True))
    view: Any = None

    assert IsOwner().has_permission(request, view)
    assert IsOwner().has_object_permission(request, view, SimpleNamespace(user_id=7))
    assert not IsOwner().has_object_permission(request, view, SimpleNamespace(user_id=8))


@pytest.mark.parametrize("user", [AnonymousUser(), None])
def test_who_is_signed_out_owns_nothing(user: Any) -> None:
    request: Any = SimpleNamespace(user=user)
    view: Any = None

    assert not IsOwner().has_permission(request, view)

"""Signing out."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from users.models import RefreshSession, User
from users.tests.queries import captured_queries
from users.tests.signing_in import Device, expired, forged, log_in, with_cookie
from viztube.api.tests.fixtures import Answer, Client

pytestmark = pytest.mark.django_db

BY: dict[str, Callable[[Device], Answer]] = {
    "header": lambda device: Client(device.access).post("user/logout"),
    "expired header": lambda device: Client(expired(device.access)).post("user/logout"),
    "refresh token in the body": lambda device: Client().post(
        "user/logout", {"refreshToken": device.refresh}
    ),
    "refresh token in a form": lambda device: Client().post(
        "user/logout",
        f"refreshToken={device.refresh}".encode(),
        content_type="application/x-www-form-urlencoded",
    ),
    "refresh cookie": lambda device: with_cookie("refreshToken", device.refresh).post(
        "user/logout"
    ),
    "expired refresh cookie": lambda device: with_cookie(
        "refreshToken", expired(device.refresh)
    ).post("user/logout"),
    "access cookie": lambda device: with_cookie("accessToken", device.access).post("user/logout"),
    "expired access cookie": lambda device: with_cookie("accessToken", expired(device.access)).post(
        "user/logout"
    ),
    "cookies beside a broken body": lambda device: device.client.post("user/logout", b"{"),
    "cookies beside junk in the header": lambda device: device.client.post(
        "user/logout", Authorization="Bearer junk"
    ),
}


@pytest.mark.parametrize("way", BY)
def test_the_session_ends_and_its_access_token_stops_at_once(user: User, way: str) -> None:
    device, other = log_in(user), log_in(user)

    answer = BY[way](device)

    assert answer.status == 200
    assert answer.data == {}
    assert not device.works()
    assert not device.can_refresh()
    assert other.works()
    assert other.can_refresh()


NOTHING: dict[str, Callable[[], Answer]] = {
    "nothing": lambda: Client().post("user/logout"),
    "junk in the header": lambda: Client("junk").post("user/logout"),
    "another scheme": lambda: Client().post("user/logout", Authorization="Basic YTpi"),
    "half a header": lambda: Client().post("user/logout", Authorization="Bearer"),
    "brackets": lambda: Client("W1tb" * 600 + ".e30.AA").post("user/logout"),
    "junk in the cookies": lambda: with_cookie("refreshToken", "junk").post("user/logout"),
    "junk in the body": lambda: Client().post("user/logout", {"refreshToken": "junk"}),
    "a list in the body": lambda: Client().post("user/logout", b"[]"),
    "null": lambda: Client().post("user/logout", b"null"),
    "broken JSON": lambda: Client().post("user/logout", b"{"),
    "a broken form": lambda: Client().post(
        "user/logout", b"x", content_type="multipart/form-data; boundary=y"
    ),
    "too many fields": lambda: Client().post(
        "user/logout", b"a=1&" * 200, content_type="application/x-www-form-urlencoded"
    ),
    "XML": lambda: Client().post("user/logout", b"<a/>", content_type="application/xml"),
}


@pytest.mark.parametrize("what", NOTHING)
def test_signing_out_always_succeeds_and_clears_both_cookies(db: None, what: str) -> None:
    answer = NOTHING[what]()

    assert answer.status == 200
    assert answer.data == {}
    cookies = answer.response.cookies
    assert {name: (one.value, one["max-age"], one["path"]) for name, one in cookies.items()} == {
        "accessToken": ("", 0, "/"),
        "refreshToken": ("", 0, "/api/v2/user"),
    }
    assert {one["samesite"] for one in cookies.values()} == {"Strict"}


def test_signing_out_twice_is_fine_and_keeps_the_first_time(user: User) -> None:
    device = log_in(user)
    device.client.post("user/logout")
    ended = device.session.revoked_at

    assert Client(device.access).post("user/logout").status == 200
    assert device.session.revoked_at == ended


def test_a_token_that_is_not_ours_ends_nothing(user: User) -> None:
    device = log_in(user)

    Client(forged(device.access, key="x" * 48)).post("user/logout")
    Client(forged(device.access, aud="elsewhere")).post("user/logout")
    Client(forged(device.access, iss="elsewhere")).post("user/logout")
    Client(forged(device.access, sid=None)).post("user/logout")

    assert device.works()


def test_every_token_that_is_sent_ends_its_session(user: User) -> None:
    first, second, third = log_in(user), log_in(user), log_in(user)
    first.client.token = second.access

    first.client.post("user/logout", {"refreshToken": third.refresh})

    assert not RefreshSession.objects.filter(revoked_at=None).exists()


def test_a_suspended_person_can_sign_out(user: User) -> None:
    device = log_in(user)
    User.objects.update(suspended_until=timezone.now() + timedelta(days=1))

    device.client.post("user/logout")

    assert device.session.revoked_at is not None


def test_signing_out_costs_two_queries(user: User) -> None:
    device = log_in(user)

    # SELECT the sessions of all tokens FOR UPDATE, UPDATE them.
    with captured_queries() as queries:
        device.client.post("user/logout")

    assert len(queries) <= 2, queries

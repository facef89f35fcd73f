"""Exchanging a refresh token."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from django.conf import settings
from django.utils import timezone

from users.models import RefreshSession, User
from users.tests.queries import captured_queries
from users.tests.signing_in import (
    HOUR,
    Device,
    claims,
    expired,
    forged,
    log_in,
    refresh_with,
    with_cookie,
)
from viztube.api.tests.fixtures import Answer, Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(user: User) -> Device:
    """Return a device that is signed in."""
    return log_in(user)


def cleared(answer: Answer) -> set[str]:
    """Return the names of the cookies an answer removes."""
    return {name for name, cookie in answer.response.cookies.items() if cookie["max-age"] == 0}


def test_the_cookie_is_exchanged_for_a_new_pair(device: Device) -> None:
    answer = device.client.post("user/refresh-token")

    assert answer.status == 200
    assert set(answer.data) == {"accessToken", "refreshToken"}
    assert answer.data["refreshToken"] != device.refresh
    cookies = answer.response.cookies
    assert cookies["accessToken"].value == answer.data["accessToken"]
    assert cookies["refreshToken"].value == answer.data["refreshToken"]
    assert Client(answer.data["accessToken"]).get("user/current-user-details").status == 200


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data"])
def test_a_token_in_the_body_is_exchanged_too(device: Device, content_type: str) -> None:
    answer = Client().post(
        "user/refresh-token", {"refreshToken": device.refresh}, content_type=content_type
    )

    assert answer.status == 200
    assert set(answer.response.cookies) == {"accessToken", "refreshToken"}


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_token_in_the_body_leaves_it_to_the_cookie(
    device: Device, empty: str | None
) -> None:
    assert device.client.post("user/refresh-token", {"refreshToken": empty}).status == 200


def test_the_session_stays_the_same_and_lasts_a_week_from_now(device: Device) -> None:
    RefreshSession.objects.update(
        used_at=timezone.now() - timedelta(days=6), expires_at=timezone.now() + timedelta(days=1)
    )

    answer = refresh_with(device.refresh)

    session = RefreshSession.objects.get()
    assert claims(answer.data["accessToken"])["sid"] == str(session.pk)
    assert session.used_at > timezone.now() - HOUR
    assert session.expires_at - session.used_at == timedelta(days=7)


def test_tokens_can_be_exchanged_again_and_again(device: Device) -> None:
    token = device.refresh
    for _ in range(3):
        token = refresh_with(token).data["refreshToken"]

    assert device.works()


def test_a_refresh_costs_two_queries(device: Device) -> None:
    # SELECT FOR UPDATE of the session with its person, UPDATE of the session.
    with captured_queries() as queries:
        refresh_with(device.refresh)

    assert len(queries) <= 2, queries


def unsigned(token: str) -> str:
    """Return a token that claims to need no signature."""
    return jwt.encode(claims(token), None, algorithm="none")


def tampered(token: str) -> str:
    """Return a token whose last character is another."""
    return token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]


WRONG: dict[str, Callable[[Device], str]] = {
    "malformed": lambda device: "junk",
    "three dots": lambda device: "a.b.c",
    "deep header": lambda device: jwt.utils.base64url_encode(b"[" * 2000).decode() + ".e30.AA",
    "tampered": lambda device: tampered(device.refresh),
    "foreign key": lambda device: forged(device.refresh, key="x" * 48),
    "Django's own key": lambda device: forged(device.refresh, key=settings.SECRET_KEY),
    "another algorithm": lambda device: forged(device.refresh, algorithm="HS384"),
    "no signature": lambda device: unsigned(device.refresh),
    "foreign issuer": lambda device: forged(device.refresh, iss="elsewhere"),
    "no issuer": lambda device: forged(device.refresh, iss=None),
    "foreign audience": lambda device: forged(device.refresh, aud="elsewhere"),
    "no audience": lambda device: forged(device.refresh, aud=None),
    "no end": lambda device: forged(device.refresh, exp=None),
    "no id": lambda device: forged(device.refresh, jti=None),
    "no kind": lambda device: forged(device.refresh, token_type=None),
    "access token": lambda device: device.access,
    "no session": lambda device: forged(device.refresh, sid=None),
    "no person": lambda device: forged(device.refresh, sub=None),
    "odd session": lambda device: forged(device.refresh, sid="1 OR 1=1"),
    "number as session": lambda device: forged(device.refresh, sid=7),
    "unknown session": lambda device: forged(device.refresh, sid=str(uuid4())),
    "another person": lambda device: forged(device.refresh, sub=str(uuid4())),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_token_of_ours_is_refused(device: Device, wrong: str) -> None:
    token = WRONG[wrong](device)

    answer = refresh_with(token)

    assert (answer.status, answer.code) == (401, "token_invalid")
    assert not answer.response.cookies
    assert answer.response["WWW-Authenticate"].startswith("Bearer")
    assert device.works()
    assert device.can_refresh()


def test_an_expired_token_is_refused(device: Device) -> None:
    answer = refresh_with(expired(device.refresh))

    assert (answer.status, answer.code) == (401, "token_invalid")
    assert device.works()


def test_without_any_token_there_is_nothing_to_refresh(api: Client) -> None:
    answer = api.post("user/refresh-token")

    assert (answer.status, answer.code) == (401, "token_invalid")


def set_user(**values: Any) -> Callable[[Device], None]:
    """Return what changes the person of a device."""
    return lambda device: User.objects.filter(sessions=device.session).update(**values) and None


ENDED: dict[str, Callable[[Device], Any]] = {
    "deleted": lambda device: device.session.user.delete(),
    "inactive": set_user(is_active=False),
    "suspended": set_user(suspended_until=timezone.now() + timedelta(days=1)),
    "revoked": lambda device: RefreshSession.objects.update(revoked_at=timezone.now()),
    "session expired": lambda device: RefreshSession.objects.update(
        created_at=timezone.now() - timedelta(days=9), expires_at=timezone.now() - HOUR
    ),
}


@pytest.mark.parametrize("ended", ENDED)
def test_a_session_that_ended_is_not_refreshed(device: Device, ended: str) -> None:
    ENDED[ended](device)
    before = list(RefreshSession.objects.values())

    answer = device.client.post("user/refresh-token")

    assert (answer.status, answer.code) == (401, "token_invalid")
    assert cleared(answer) == {"accessToken", "refreshToken"}
    assert list(RefreshSession.objects.values()) == before


def test_after_a_failure_by_cookie_the_browser_is_signed_out(device: Device) -> None:
    RefreshSession.objects.update(revoked_at=timezone.now())
    device.client.http.cookies["accessToken"] = expired(device.access)
    assert device.client.get("videos").status == 401

    device.client.post("user/refresh-token")

    assert device.client.get("videos").status == 200


def test_after_a_failure_by_body_the_cookies_stay(device: Device) -> None:
    answer = device.client.post("user/refresh-token", {"refreshToken": "junk"})

    assert answer.status == 401
    assert not answer.response.cookies
    assert device.client.post("user/refresh-token").status == 200


def test_an_expired_access_token_beside_it_is_no_hindrance(device: Device) -> None:
    device.client.http.cookies["accessToken"] = expired(device.access)
    device.client.token = expired(device.access)

    assert device.client.post("user/refresh-token").status == 200


def test_a_refresh_token_is_taken_from_no_other_place(device: Device) -> None:
    query = {"refreshToken": device.refresh}

    assert Client(device.refresh).post("user/refresh-token").status == 401
    assert Client().post("user/refresh-token", query=query).status == 401
    assert with_cookie("accessToken", device.refresh).post("user/refresh-token").status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"refreshToken": ["x"]}',
        b'{"refreshToken": 7}',
        b'{"refreshToken": "' + b"x" * 4001 + b'"}',
        b'{"refreshToken": "a\\u0000b"}',
    ],
)
def test_a_broken_body_is_refused(device: Device, body: bytes) -> None:
    answer = device.client.post("user/refresh-token", body)

    assert (answer.status, answer.code) == (400, "invalid")
    assert device.works()

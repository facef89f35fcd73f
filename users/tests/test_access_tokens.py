"""Who is calling: access tokens in headers and cookies."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import jwt
import pytest
from django.conf import settings
from django.test import TestCase
from django.utils import timezone

from users import tokens
from users.models import User
from users.services import standing
from users.tests.browsers import browser_of, change_form, run_action, superuser
from users.tests.factories import PASSWORD, UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import (
    Device,
    claims,
    expired,
    forged,
    log_in,
    refresh_with,
    who_am_i,
    with_cookie,
)
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

ME = "user/current-user-details"
# A call that anyone may make, and that knows its caller.
PUBLIC = "videos"


@pytest.fixture
def device(user: User) -> Device:
    """Return a device that is signed in."""
    return log_in(user)


def test_a_header_and_a_cookie_both_sign_in(device: Device, user: User) -> None:
    assert Client(device.access).get(ME).data["id"] == str(user.pk)
    assert with_cookie("accessToken", device.access).get(ME).data["id"] == str(user.pk)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_may_be_written_in_any_case(device: Device, scheme: str) -> None:
    assert who_am_i(Authorization=f"{scheme} {device.access}").status == 200


def test_a_header_wins_over_a_cookie(device: Device) -> None:
    other = UserFactory.create()
    client = log_in(other).client

    assert client.get(ME, Authorization=f"Bearer {device.access}").data["id"] != str(other.pk)
    assert client.get(ME, Authorization="Bearer junk").status == 401
    assert client.get(PUBLIC, Authorization="Bearer junk").status == 401


@pytest.mark.parametrize("header", ["", "Basic dXNlcjpwYXNz", "Token abc", "junk"])
def test_a_header_of_another_scheme_leaves_it_to_the_cookie(device: Device, header: str) -> None:
    assert device.client.get(ME, Authorization=header).status == 200
    assert who_am_i(Authorization=header).code == "not_authenticated"


def test_without_a_token_private_calls_are_401_and_public_ones_are_open(api: Client) -> None:
    answer = api.get(ME)

    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert api.get(PUBLIC).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ME),
        ("POST", "user/change-password"),
        ("PATCH", "user/update-account"),
        ("PATCH", "user/update-avatar"),
        ("PATCH", "user/update-cover-image"),
    ],
)
def test_private_calls_are_closed_before_their_body_is_looked_at(
    api: Client, method: str, path: str
) -> None:
    answer = api.request(method, path, None if method == "GET" else {"nonsense": True})

    assert (answer.status, answer.code) == (401, "not_authenticated")


def test_an_expired_token_asks_for_a_refresh_everywhere(device: Device) -> None:
    token = expired(device.access)

    for client in (Client(token), with_cookie("accessToken", token)):
        for path in (ME, PUBLIC):
            answer = client.get(path)
            assert (answer.status, answer.code) == (401, "token_expired")


def test_an_expired_token_does_not_stop_health_checks(device: Device) -> None:
    token = expired(device.access)

    assert Client(token).get("healthcheck").status == 200
    assert with_cookie("accessToken", token).get("healthcheck").status == 200


def test_a_token_stops_after_fifteen_minutes(device: Device) -> None:
    now = timezone.now()

    assert Client(forged(device.access, exp=now + timedelta(minutes=1))).get(ME).status == 200
    assert claims(device.access)["exp"] <= (now + timedelta(minutes=15)).timestamp() + 1


WRONG: dict[str, Callable[[Device], str]] = {
    "empty": lambda device: "",
    "malformed": lambda device: "junk",
    "two words": lambda device: f"{device.access} {device.access}",
    "three dots": lambda device: "a.b.c",
    "not ASCII": lambda device: "é.é.é",
    "deep header": lambda device: jwt.utils.base64url_encode(b"[" * 2000).decode() + ".e30.AA",
    "foreign key": lambda device: forged(device.access, key="x" * 48),
    "Django's own key": lambda device: forged(device.access, key=settings.SECRET_KEY),
    "empty key": lambda device: _signed_with_nothing(device.access),
    "another algorithm": lambda device: forged(device.access, algorithm="HS384"),
    "no signature": lambda device: jwt.encode(claims(device.access), None, algorithm="none"),
    "signature cut off": lambda device: device.access.rpartition(".")[0] + ".",
    "foreign issuer": lambda device: forged(device.access, iss="elsewhere"),
    "foreign audience": lambda device: forged(device.access, aud="elsewhere"),
    "no end": lambda device: forged(device.access, exp=None),
    "no id": lambda device: forged(device.access, jti=None),
    "no kind": lambda device: forged(device.access, token_type=None),
    "another kind": lambda device: forged(device.access, token_type="sliding"),
    "refresh token": lambda device: device.refresh,
    "not yet valid": lambda device: forged(
        device.access, nbf=timezone.now() + timedelta(minutes=5)
    ),
    "no session": lambda device: forged(device.access, sid=None),
    "no person": lambda device: forged(device.access, sub=None),
    "odd person": lambda device: forged(device.access, sub="me"),
    "list as session": lambda device: forged(device.access, sid=["x"]),
    "unknown session": lambda device: forged(device.access, sid=str(uuid4())),
    "unknown person": lambda device: forged(device.access, sub=str(uuid4())),
    "another person": lambda device: forged(device.access, sub=str(UserFactory.create().pk)),
    "another's session": lambda device: forged(
        device.access, sid=str(log_in(UserFactory.create()).session.pk)
    ),
}


def _signed_with_nothing(token: str) -> str:
    """Return a token signed by hand with the empty key, which libraries refuse to use."""
    from base64 import urlsafe_b64encode
    from hashlib import sha256
    from hmac import digest

    signed = token.rpartition(".")[0]
    signature = urlsafe_b64encode(digest(b"", signed.encode(), sha256)).rstrip(b"=")
    return f"{signed}.{signature.decode()}"


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_token_is_401_in_a_header_and_signed_out_in_a_cookie(
    device: Device, wrong: str
) -> None:
    token = WRONG[wrong](device)
    by_header, by_cookie = Client(), with_cookie("accessToken", token)

    for path in (ME, PUBLIC):
        answer = by_header.get(path, Authorization=f"Bearer {token}")
        assert (answer.status, answer.code) == (401, "token_invalid")
    assert by_cookie.get(ME).code == "not_authenticated"
    assert by_cookie.get(PUBLIC).status == 200


def change_in_admin(user: User, **changes: Any) -> Any:
    """Save an account in admin."""
    browser = browser_of(superuser())
    return browser.post(f"/admin/users/user/{user.pk}/change/", change_form(user, **changes))


def put_out(user: User, **changes: Any) -> None:
    """Give a person another standing, as a decision does."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        standing.change(user=user, reason="Spam.", **changes)


IN_A_YEAR = timezone.now() + timedelta(days=365)
ENDED: dict[str, Callable[[Device, User], Any]] = {
    "signed out": lambda device, user: device.client.post("user/logout"),
    "signed out everywhere": lambda device, user: log_in(user).client.post("user/logout-all"),
    "signed out from elsewhere": lambda device, user: log_in(user).client.delete(
        f"user/sessions/{device.session.pk}"
    ),
    "signed out by staff": lambda device, user: run_action(
        browser_of(superuser()), "/admin/users/refreshsession/", "revoke", device.session
    ),
    "new password": lambda device, user: log_in(user).client.post(
        "user/change-password", {"oldPassword": PASSWORD, "newPassword": "another long one"}
    ),
    "banned": lambda device, user: put_out(user, is_active=False, suspended_until=None),
    "suspended": lambda device, user: put_out(user, is_active=True, suspended_until=IN_A_YEAR),
    "no longer staff": lambda device, user: (
        change_in_admin(user, is_staff="on"),
        User.objects.get(pk=user.pk).sessions.update(revoked_at=None),
        device.works(),
        change_in_admin(user),
    ),
    "used token came again": lambda device, user: (
        refresh_with(refresh_with(device.refresh).data["refreshToken"]),
        refresh_with(device.refresh),
    ),
}


@pytest.mark.parametrize("ended", ENDED)
def test_a_session_that_ended_stops_its_access_token_at_once(
    device: Device, user: User, ended: str
) -> None:
    assert device.works()

    ENDED[ended](device, user)

    answer = Client(device.access).get(ME)
    assert (answer.status, answer.code) == (401, "token_invalid")
    assert with_cookie("accessToken", device.access).get(PUBLIC).status == 200
    assert with_cookie("accessToken", device.access).get(ME).code == "not_authenticated"


@pytest.mark.parametrize("fields", [{"is_active": False}, {"suspended_until": IN_A_YEAR}])
def test_who_was_put_out_past_our_services_loses_the_account_at_once(
    device: Device, fields: dict[str, Any]
) -> None:
    assert device.works()

    User.objects.update(**fields)

    assert who_am_i(Authorization=f"Bearer {device.access}").code == "token_invalid"


def test_after_a_suspension_the_session_goes_on(device: Device) -> None:
    User.objects.update(suspended_until=timezone.now() - timedelta(seconds=1))

    assert device.works()


def test_who_calls_costs_one_query_and_then_none(device: Device) -> None:
    # SELECT the person, joined with their session; then SELECT the account that is shown.
    counts = []
    for client in (Client(device.access), with_cookie("accessToken", device.access)):
        with captured_queries() as queries:
            assert client.get(ME).status == 200
        counts.append(len(queries))

    assert counts == [2, 1]


def test_a_token_that_does_not_verify_costs_no_query(device: Device) -> None:
    for token in ("junk", expired(device.access), forged(device.access, key="x" * 48)):
        with captured_queries() as queries:
            Client(token).get(ME)
        assert queries == []


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets each token whose signature is looked at."""
    looked_at: list[str] = []
    original = tokens.verify_token

    def look(kind: Any, raw: str) -> Any:
        looked_at.append(raw)
        return original(kind, raw)

    monkeypatch.setattr(tokens, "verify_token", look)
    return looked_at


def test_the_signature_of_a_token_is_looked_at_once(device: Device, verified: list[str]) -> None:
    other = forged(device.access)
    for _ in range(3):
        assert device.works()
        assert Client(other).get(ME).status == 200

    assert verified == [device.access, other]


def test_what_does_not_verify_is_looked_at_each_time(device: Device, verified: list[str]) -> None:
    assert device.works()
    # The same but for the signature.
    wrong = forged(device.access, key="x" * 48)
    for _ in range(2):
        assert Client(wrong).get(ME).code == "token_invalid"

    assert verified == [device.access, wrong, wrong]


def test_a_token_that_was_verified_before_expires_in_time(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert device.works()
    end = claims(device.access)["exp"]
    for seconds, answered in ((-1, 200), (1, 401), (10**6, 401)):
        clock = SimpleNamespace(time=lambda now=end + seconds: now)
        monkeypatch.setattr(tokens, "time", clock)

        for client in (Client(device.access), with_cookie("accessToken", device.access)):
            answer = client.get(ME)
            assert answer.status == answered
            assert answered == 200 or answer.code == "token_expired"


def test_only_so_many_tokens_are_known(device: Device, settings: Any) -> None:
    most = tokens._verified.cache_info().maxsize
    assert most is not None
    for number in range(most + 5):
        tokens.access_ids(forged(device.access, jti=str(number)))

    assert tokens._verified.cache_info().currsize == most
    assert device.works()


@pytest.mark.parametrize("name", ["token", "access_token", "accessToken"])
def test_a_token_in_the_address_does_not_count(device: Device, name: str) -> None:
    assert who_am_i(query={name: device.access}).status == 401


def test_the_refresh_cookie_is_no_access_cookie(device: Device) -> None:
    assert with_cookie("refreshToken", device.refresh).get(ME).code == "not_authenticated"
    assert with_cookie("refreshToken", device.access).get(ME).code == "not_authenticated"


def test_a_login_to_admin_is_no_login_to_the_api(api: Client) -> None:
    staff = UserFactory.create(is_staff=True, is_superuser=True)
    api.http.force_login(staff)

    assert api.get(ME).code == "not_authenticated"

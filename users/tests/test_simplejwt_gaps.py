"""What SimpleJWT 5.5 leaves open, each closed here.

Its own views and models are not used; these tests fail when they, or their habits, come back.
"""

from datetime import timedelta
from threading import Barrier
from typing import Any

import jwt
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver

from users.models import User
from users.services import sessions
from users.tests.factories import PASSWORD, UserFactory
from users.tests.signing_in import claims, forged, log_in, refresh_with
from viztube.api.tests.fixtures import Client
from viztube.api.tests.threads import at_once

pytestmark = pytest.mark.django_db


def test_a_refresh_for_someone_who_was_deleted_is_401_and_no_fault(user: User) -> None:
    device = log_in(user)
    user.delete()

    answer = refresh_with(device.refresh)

    assert (answer.status, answer.code) == (401, "token_invalid")


def test_when_a_used_token_comes_again_its_descendants_die(user: User) -> None:
    device = log_in(user)
    child = refresh_with(device.refresh).data["refreshToken"]
    grandchild = refresh_with(child).data

    assert refresh_with(device.refresh).status == 401

    assert refresh_with(grandchild["refreshToken"]).status == 401
    assert Client(grandchild["accessToken"]).get("user/current-user-details").status == 401


def test_after_a_password_change_no_older_token_refreshes(user: User) -> None:
    device, other = log_in(user), log_in(user)
    body = {"oldPassword": PASSWORD, "newPassword": "another long one"}

    assert device.client.post("user/change-password", body).status == 200

    assert refresh_with(other.refresh).status == 401
    assert not other.works()
    assert refresh_with(device.refresh).status == 200


def test_no_table_holds_a_token_or_its_id(user: User) -> None:
    device = log_in(user)
    refreshed = refresh_with(device.refresh).data
    tokens = [device.access, device.refresh, refreshed["accessToken"], refreshed["refreshToken"]]
    secrets = [*tokens, *(claims(token)["jti"] for token in tokens)]

    rows = ""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += repr(cursor.fetchall())

    assert str(device.session.pk) in rows
    assert not [secret for secret in secrets if secret in rows]
    assert not apps.is_installed("rest_framework_simplejwt.token_blacklist")


@pytest.mark.django_db(transaction=True)
def test_a_rotation_is_not_checked_first_and_done_later(monkeypatch: pytest.MonkeyPatch) -> None:
    device = log_in(UserFactory.create())
    rotate = sessions.rotate
    both_verified = Barrier(2, timeout=20)

    def wait_and_rotate(**kwargs: Any) -> sessions.TokenPair:
        both_verified.wait()
        return rotate(**kwargs)

    monkeypatch.setattr(sessions, "rotate", wait_and_rotate)
    # Without the time for repetitions, one of the two must find the token used.
    monkeypatch.setattr(sessions, "REPEAT_WITHIN", timedelta(0))

    answers = at_once([lambda: refresh_with(device.refresh)] * 2)

    assert sorted(answer.status for answer in answers) == [200, 401]
    assert device.session.revoked_at is not None


@pytest.mark.parametrize("path", ["user/login", "user/refresh-token", "user/logout"])
def test_calls_without_authentication_still_ask_where_they_come_from(user: User, path: str) -> None:
    device = log_in(user)

    answer = device.client.post(
        path,
        {"username": user.username, "password": PASSWORD, "refreshToken": device.refresh},
        Origin="https://evil.example",
    )

    assert (answer.status, answer.code) == (403, "cross_site")
    assert device.works()


def views(resolver: URLResolver) -> set[str]:
    """Return the modules of all views that have an address."""
    found: set[str] = set()
    for one in resolver.url_patterns:
        if isinstance(one, URLPattern):
            found.add(one.callback.__module__)
        else:
            found |= views(one)
    return found


def test_none_of_its_own_views_has_an_address() -> None:
    modules = views(get_resolver())

    assert "users.views" in modules
    assert not [module for module in modules if module.startswith("rest_framework_simplejwt")]


def test_tokens_have_a_key_of_their_own_an_issuer_and_an_audience(user: User) -> None:
    device = log_in(user)

    assert settings.JWT_SIGNING_KEY != settings.SECRET_KEY
    assert len(settings.JWT_SIGNING_KEY.encode()) >= 32
    for token in (device.access, device.refresh):
        checked = jwt.decode(
            token,
            settings.JWT_SIGNING_KEY,
            algorithms=["HS256"],
            issuer="viztube",
            audience="viztube-api",
        )
        assert checked["sid"] == str(device.session.pk)
    for wrong in ({"iss": "elsewhere"}, {"aud": "elsewhere"}, {"key": settings.SECRET_KEY}):
        token = forged(device.access, **wrong)
        assert Client(token).get("user/current-user-details").code == "token_invalid"

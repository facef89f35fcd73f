"""A refresh token that comes a second time."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from users.models import RefreshSession, SecurityEvent, SecurityEventKind, User
from users.tests.signing_in import Device, claims, log_in, refresh_with
from users.tokens import jti_digest, successors_of
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(user: User) -> Device:
    """Return a device that is signed in."""
    return log_in(user)


def seconds_pass(seconds: float) -> None:
    """Let every exchange be so long ago."""
    RefreshSession.objects.update(used_at=timezone.now() - timedelta(seconds=seconds))


def test_the_same_exchange_within_ten_seconds_gives_the_same_token(device: Device) -> None:
    first = refresh_with(device.refresh).data
    session = device.session

    again = refresh_with(device.refresh).data

    assert again["refreshToken"] == first["refreshToken"]
    assert Client(again["accessToken"]).get("user/current-user-details").status == 200
    assert device.session.used_at == session.used_at
    assert refresh_with(first["refreshToken"]).status == 200


def test_a_lost_answer_may_be_asked_for_again_until_ten_seconds_are_over(device: Device) -> None:
    first = refresh_with(device.refresh).data["refreshToken"]

    for seconds in (3, 6, 9):
        seconds_pass(seconds)
        assert (
            claims(refresh_with(device.refresh).data["refreshToken"])["jti"]
            == (claims(first)["jti"])
        )

    # Asking again does not make the ten seconds begin again.
    seconds_pass(10.1)
    assert refresh_with(device.refresh).status == 401


def test_both_browser_tabs_get_cookies(device: Device) -> None:
    other_tab = Client()
    other_tab.http.cookies["refreshToken"] = device.refresh

    answers = [device.client.post("user/refresh-token"), other_tab.post("user/refresh-token")]

    cookies = [answer.response.cookies["refreshToken"].value for answer in answers]
    assert cookies[0] == cookies[1]
    assert device.client.post("user/refresh-token").status == 200


@pytest.mark.parametrize("seconds", [0, 11])
def test_a_used_token_ends_the_session_for_both_who_have_it(device: Device, seconds: int) -> None:
    successor = refresh_with(device.refresh).data["refreshToken"]
    if seconds == 0:
        # Used, so the repetition is over at once.
        successor = refresh_with(successor).data["refreshToken"]
    seconds_pass(seconds)
    assert device.works()

    answer = refresh_with(device.refresh)

    assert (answer.status, answer.code) == (401, "token_invalid")
    assert device.session.revoked_at is not None
    assert refresh_with(successor).status == 401
    assert not device.works()


def test_the_grandparent_of_a_token_is_no_repetition(device: Device) -> None:
    parent = refresh_with(device.refresh).data["refreshToken"]
    refresh_with(parent)

    assert refresh_with(device.refresh).status == 401
    assert refresh_with(parent).status == 401


def test_a_successor_follows_from_a_token_and_our_key_alone(settings: Any) -> None:
    ids = [successors_of("a")[0], successors_of("a")[0], successors_of("b")[0]]
    settings.JWT_VERIFYING_KEYS = ("another" * 8, *settings.JWT_VERIFYING_KEYS)
    ids.append(successors_of("a")[0])

    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    # 256 bits, and not what the database keeps of either.
    assert len(ids[0]) == 64
    assert jti_digest("a") not in ids


@pytest.mark.django_db(transaction=True)
def test_that_a_reuse_ended_the_session_is_committed(user: User) -> None:
    device = log_in(user)
    refresh_with(device.refresh)
    seconds_pass(11)

    assert refresh_with(device.refresh).status == 401

    # Nothing but a commit can have stored it: this test runs without a transaction of its own.
    assert device.session.revoked_at is not None
    assert SecurityEvent.objects.filter(kind=SecurityEventKind.TOKEN_REUSED).count() == 1


def test_a_reuse_is_logged_without_the_token(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    refresh_with(device.refresh)
    seconds_pass(11)
    refresh_with(device.refresh)

    assert str(device.session.pk) in caplog.text
    assert device.refresh not in caplog.text


def test_a_reuse_ends_no_other_session(user: User, device: Device) -> None:
    other = log_in(user)
    refresh_with(device.refresh)
    RefreshSession.objects.filter(pk=device.session.pk).update(
        used_at=timezone.now() - timedelta(seconds=11)
    )
    refresh_with(device.refresh)

    assert other.works()
    assert other.can_refresh()


def test_nothing_is_stored_that_a_token_could_be_made_of(device: Device) -> None:
    successor = refresh_with(device.refresh).data["refreshToken"]

    row = str(RefreshSession.objects.values().get())
    for token in (device.refresh, successor):
        assert token not in row
        assert claims(token)["jti"] not in row

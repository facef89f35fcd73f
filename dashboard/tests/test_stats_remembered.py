"""Figures of one's channel that are remembered: asked for before it is known who calls."""

from collections.abc import Callable
from typing import Any

import pytest

from social.tests.factories import SubscriptionFactory
from users.models import User
from users.services.sessions import revoke_sessions
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import Device, expired, forged, log_in, with_cookie
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Answer, Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_entries")]

STATS = "dashboard/stats"
ME = "user/current-user-details"


@pytest.fixture
def ann(db: None) -> Device:
    """Return a device of somebody with 7 views and one subscriber, whose figures are remembered."""
    return device_of(views=7, subscribers=1)


@pytest.fixture
def bob(db: None) -> Device:
    """Return the same of somebody with 20 views and two subscribers."""
    return device_of(views=20, subscribers=2)


def device_of(*, views: int, subscribers: int) -> Device:
    user = UserFactory.create()
    VideoFactory.create(user=user, views=views)
    SubscriptionFactory.create_batch(subscribers, channel=user)
    device = log_in(user)
    assert figures(Client(device.access).get(STATS)) == (views, subscribers)
    # So that the caller is remembered, too.
    with captured_queries() as statements:
        assert figures(Client(device.access).get(STATS)) == (views, subscribers)
    assert statements == []
    return device


def figures(answer: Answer) -> tuple[int, int]:
    """Return the views and the subscribers that somebody is told."""
    assert answer.status == 200, answer.body
    return answer.data["totalViews"], answer.data["totalSubscribers"]


def test_everybody_gets_their_own_however_they_sign_in(ann: Device, bob: Device) -> None:
    for _ in range(2):
        for device, own in ((ann, (7, 1)), (bob, (20, 2))):
            assert figures(Client(device.access).get(STATS)) == own
            assert figures(with_cookie("accessToken", device.access).get(STATS)) == own
            assert figures(device.client.get(STATS)) == own


def test_of_two_tokens_the_one_that_counts_decides(ann: Device, bob: Device) -> None:
    browser = with_cookie("accessToken", ann.access)

    assert figures(browser.get(STATS, Authorization=f"bearer  {bob.access} ")) == (20, 2)
    assert figures(browser.get(STATS, Authorization="Basic dXNlcjpwYXNz")) == (7, 1)
    # Whatever the cookie says.
    for header in ("Bearer", "Bearer ", "Bearer junk"):
        answer = browser.get(STATS, Authorization=header)
        assert (answer.status, answer.code) == (401, "token_invalid")


def test_a_token_for_the_session_of_another_tells_nothing(ann: Device, bob: Device) -> None:
    for one, other in ((ann, bob), (bob, ann)):
        token = forged(one.access, sid=str(other.session.pk))
        answer = Client(token).get(STATS)

        assert (answer.status, answer.code) == (401, "token_invalid")


ENDS: dict[str, Callable[[Device], object]] = {
    "signed out": lambda device: device.client.post("user/logout"),
    "ended elsewhere": lambda device: log_in(device.session.user).client.delete(
        f"user/sessions/{device.session.pk}"
    ),
}


@pytest.mark.parametrize("way", ENDS)
def test_a_session_that_has_ended_is_401_though_its_figures_are_remembered(
    ann: Device, way: str
) -> None:
    other = log_in(ann.session.user)
    ENDS[way](ann)

    for client in (Client(ann.access), with_cookie("accessToken", ann.access)):
        answer = client.get(STATS)
        assert (answer.status, answer.body.get("data")) == (401, None)
    assert figures(Client(other.access).get(STATS)) == (7, 1)


def test_who_was_signed_out_by_others_is_401(
    ann: Device, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        revoke_sessions(user=ann.session.user)

    assert Client(ann.access).get(STATS).status == 401


GARBAGE: dict[str, Callable[[str], str]] = {
    "junk": lambda token: "junk",
    "parts": lambda token: "a.b.c",
    "long": lambda token: "x" * 5000,
    "beyond ASCII": lambda token: "\xe9\xff",
    "cut off": lambda token: token[:-3],
    "no signature": lambda token: f"{token.rpartition('.')[0]}.",
    "of another key": lambda token: forged(token, key="k" * 64),
    "without a session": lambda token: forged(token, sid=None),
    "of no person": lambda token: forged(token, sub="x"),
    "expired": expired,
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_what_is_no_token_fails_as_it_does_anywhere(ann: Device, kind: str) -> None:
    token = GARBAGE[kind](ann.access)
    code = "token_expired" if kind == "expired" else "token_invalid"
    for client, expected in (
        (Client(token), code),
        (with_cookie("accessToken", token), code if kind == "expired" else "not_authenticated"),
    ):
        for path in (STATS, ME):
            answer = client.get(path)
            assert (answer.status, answer.code) == (401, expected)


def test_signed_out_is_401(api: Client, user: User) -> None:
    answer = api.get(STATS)

    assert (answer.status, answer.code) == (401, "not_authenticated")

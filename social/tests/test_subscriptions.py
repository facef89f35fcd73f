"""Subscriptions through HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from social.models import Subscription
from social.tests.factories import SubscriptionFactory
from social.tests.hidden import person_away
from users.models import User
from users.tests.factories import UserFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def channel(db: None) -> User:
    return UserFactory.create(password=None)


def test_a_toggle_goes_to_and_fro(user_client: Client, channel: User) -> None:
    for turn in range(4):
        answer = user_client.post(f"subscriptions/c/{channel.pk}")

        subscribed = turn % 2 == 0
        assert (answer.status, answer.data) == (200, {"subscribed": subscribed})
        assert answer.body["message"] == ("Subscribed." if subscribed else "Not subscribed.")
        page = user_client.get(f"user/c/{channel.username}").data
        assert (page["subscriberCount"], page["isSubscribed"]) == (int(subscribed), subscribed)


def test_put_and_delete_may_be_repeated(user: User, user_client: Client, channel: User) -> None:
    for _ in range(3):
        assert user_client.put(f"subscriptions/c/{channel.pk}").data == {"subscribed": True}
    row = Subscription.objects.get()
    assert (row.subscriber, row.channel) == (user, channel)

    for _ in range(2):
        assert user_client.delete(f"subscriptions/c/{channel.pk}").data == {"subscribed": False}
    assert not Subscription.objects.exists()


def test_the_other_way_round_is_another_subscription(
    user: User, user_client: Client, channel: User
) -> None:
    theirs = SubscriptionFactory.create(subscriber=channel, channel=user)

    assert user_client.post(f"subscriptions/c/{channel.pk}").data == {"subscribed": True}
    assert user_client.post(f"subscriptions/c/{channel.pk}").data == {"subscribed": False}
    assert list(Subscription.objects.all()) == [theirs]


def test_nobody_follows_himself(user: User, user_client: Client) -> None:
    for answer in (
        user_client.post(f"subscriptions/c/{user.pk}"),
        user_client.put(f"subscriptions/c/{user.pk}"),
    ):
        assert (answer.status, answer.code) == (400, "invalid")
        assert answer.body["message"] == "You cannot subscribe to your own channel."
    # One who does not follow himself has nothing to end.
    assert user_client.delete(f"subscriptions/c/{user.pk}").data == {"subscribed": False}
    assert not Subscription.objects.exists()


def test_signed_out_one_can_only_read(api: Client, channel: User) -> None:
    for answer in (
        api.post(f"subscriptions/c/{channel.pk}"),
        api.put(f"subscriptions/c/{channel.pk}"),
        api.delete(f"subscriptions/c/{channel.pk}"),
    ):
        assert (answer.status, answer.code) == (401, "not_authenticated")

    assert api.get(f"subscriptions/c/{channel.pk}").data == []
    assert api.get(f"subscriptions/u/{channel.pk}").data == []


@pytest.mark.parametrize("key", ["01890000-0000-7000-8000-000000000000", "not-an-id", "%00"])
def test_what_is_not_there_is_404(user_client: Client, key: str) -> None:
    for answer in (
        user_client.post(f"subscriptions/c/{key}"),
        user_client.put(f"subscriptions/c/{key}"),
        user_client.get(f"subscriptions/c/{key}"),
        user_client.get(f"subscriptions/u/{key}"),
    ):
        assert (answer.status, answer.code) == (404, "not_found")


def test_what_is_hidden_by_now_can_be_left(user: User, user_client: Client) -> None:
    row = SubscriptionFactory.create(subscriber=user, channel=person_away("owner suspended"))
    unknown = "01890000-0000-7000-8000-000000000000"

    for key in (row.channel_id, unknown):
        assert user_client.delete(f"subscriptions/c/{key}").data == {"subscribed": False}
    assert user_client.delete("subscriptions/c/not-an-id").code == "not_found"
    assert not Subscription.objects.exists()


def test_a_body_changes_nothing(user: User, user_client: Client, channel: User) -> None:
    other = UserFactory.create(password=None)
    body = {"subscriberId": str(other.pk), "channelId": str(other.pk), "subscribed": False}

    assert user_client.put(f"subscriptions/c/{channel.pk}", body).data == {"subscribed": True}
    row = Subscription.objects.get()
    assert (row.subscriber, row.channel) == (user, channel)


@pytest.mark.parametrize("side", ["c", "u"])
def test_the_lists_the_latest_first(api: Client, channel: User, side: str) -> None:
    for number in range(7):
        person = UserFactory.create(password=None)
        pair = {"subscriber": person, "channel": channel}
        if side == "u":
            pair = {"subscriber": channel, "channel": person}
        row = SubscriptionFactory.create(**pair)
        time = NOON + timedelta(seconds=number // 2)
        Subscription.objects.filter(pk=row.pk).update(created_at=time)
    SubscriptionFactory.create()
    SubscriptionFactory.create(**{"channel" if side == "u" else "subscriber": channel})
    mine = channel.subscribers if side == "c" else channel.subscriptions
    other = "subscriber" if side == "c" else "channel"
    expected = [
        {
            "id": str(person.pk),
            "username": person.username,
            "fullname": person.fullname,
            "avatar": "",
        }
        for person in (getattr(row, other) for row in mine.order_by("-created_at", "-pk"))
    ]
    answer = api.get(f"subscriptions/{side}/{channel.pk}")

    assert answer.data == expected
    assert answer.body["pagination"]["totalDocs"] == 7
    assert answer.body["pagination"]["limit"] == 50
    found, query = [], "limit=2"
    while query:
        answer = api.get(f"subscriptions/{side}/{channel.pk}?{query}")
        found += answer.data
        cursor = answer.body["pagination"]["nextCursor"]
        query = f"limit=2&cursor={cursor}" if cursor else ""
    assert found == expected


@pytest.mark.parametrize("side", ["c", "u"])
@pytest.mark.parametrize("query", ["page=0", "limit=x", "cursor=none"])
def test_a_bad_page_is_refused(api: Client, channel: User, side: str, query: str) -> None:
    SubscriptionFactory.create(channel=channel)
    SubscriptionFactory.create(subscriber=channel)

    assert api.get(f"subscriptions/{side}/{channel.pk}?{query}").code == "invalid"

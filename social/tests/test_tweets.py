"""Tweets through HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from social.models import TWEET_LENGTH, Like, Tweet
from social.tests.factories import LikeFactory, TweetFactory
from social.tests.texts import REFUSED, TAKEN
from users.models import User
from users.tests.factories import UserFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_tweet_comes_back_as_it_was_stored(user: User, user_client: Client) -> None:
    answer = user_client.post("tweets", {"content": "New video tomorrow."})

    assert (answer.status, answer.body["message"]) == (201, "Tweet added.")
    row = Tweet.objects.get()
    assert (row.user, row.content) == (user, "New video tomorrow.")
    data = dict(answer.data)
    assert data.pop("createdAt") == data.pop("updatedAt")
    assert data == {"id": str(row.pk), "content": row.content, "userId": str(user.pk)}


@pytest.mark.parametrize("sent", TAKEN, ids=range(len(TAKEN)))
def test_any_text_is_kept_but_for_white_space_around_it(user_client: Client, sent: str) -> None:
    created = user_client.post("tweets", {"content": sent})
    changed = user_client.patch(f"tweets/{created.data['id']}", {"content": sent * 2})

    assert created.data["content"] == TAKEN[sent]
    assert changed.data["content"] == Tweet.objects.get().content == (sent * 2).strip()


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_text_is_refused(user: User, user_client: Client, kind: str) -> None:
    tweet = TweetFactory.create(user=user, content="Before")
    for answer in (
        user_client.post("tweets", REFUSED[kind]),
        user_client.patch(f"tweets/{tweet.pk}", REFUSED[kind]),
    ):
        assert (answer.status, answer.code) == (400, "invalid")
        assert list(answer.body["details"]) == ["content"]

    assert Tweet.objects.get().content == "Before"


def test_the_limit_counts_characters_after_trimming(user_client: Client) -> None:
    longest = "\U0001f600" * TWEET_LENGTH
    assert user_client.post("tweets", {"content": f" {longest} "}).status == 201
    answer = user_client.post("tweets", {"content": longest + "."})

    assert (answer.status, list(answer.body["details"])) == (400, ["content"])
    assert Tweet.objects.get().content == longest


def test_a_body_sets_the_text_alone(user: User, user_client: Client) -> None:
    other = UserFactory.create(password=None)
    body: dict[str, Any] = {
        "id": str(uuid4()),
        "userId": str(other.pk),
        "user": str(other.pk),
        "likesCount": 99,
        "_count": {"likes": 99},
        "createdAt": "2001-01-01T00:00:00.000Z",
        "removedAt": "2001-01-01T00:00:00.000Z",
    }
    created = user_client.post("tweets", {"content": "Mine", **body})
    changed = user_client.patch(f"tweets/{created.data['id']}", {"content": "Still", **body})

    assert changed.status == 200
    row = Tweet.objects.get()
    assert (str(row.pk), row.user, row.removed_at) == (created.data["id"], user, None)
    assert row.created_at.year > 2001


def test_a_row_of_the_list(user: User, user_client: Client, api: Client) -> None:
    tweet = TweetFactory.create(content="Seen twice.")
    LikeFactory.create(tweet=tweet)
    LikeFactory.create(tweet=tweet, user=user)
    (row,) = user_client.get(f"tweets/user/{tweet.user_id}").data

    assert row == {
        "id": str(tweet.pk),
        "content": "Seen twice.",
        "userId": str(tweet.user_id),
        "createdAt": row["createdAt"],
        "updatedAt": row["updatedAt"],
        "user": {
            "id": str(tweet.user_id),
            "username": tweet.user.username,
            "fullname": tweet.user.fullname,
            "avatar": "",
        },
        "likesCount": 2,
        "isLiked": True,
        "_count": {"likes": 2},
    }
    assert api.get(f"tweets/user/{tweet.user_id}").data[0]["isLiked"] is None


def test_the_latest_come_first_by_page_and_by_cursor(user: User, api: Client) -> None:
    for number, tweet in enumerate(TweetFactory.create_batch(7, user=user)):
        time = NOON + timedelta(seconds=number // 2)
        Tweet.objects.filter(pk=tweet.pk).update(created_at=time)
    TweetFactory.create()
    expected = [str(tweet.pk) for tweet in user.tweets.order_by("-created_at", "-pk")]
    answer = api.get(f"tweets/user/{user.pk}")

    assert [row["id"] for row in answer.data] == expected
    assert answer.body["pagination"]["limit"] == 50
    found, query = [], "limit=3"
    while query:
        answer = api.get(f"tweets/user/{user.pk}?{query}")
        found += [row["id"] for row in answer.data]
        cursor = answer.body["pagination"]["nextCursor"]
        query = f"limit=3&cursor={cursor}" if cursor else ""
    assert found == expected
    second = api.get(f"tweets/user/{user.pk}?limit=3&page=2")
    assert [row["id"] for row in second.data] == expected[3:6]


@pytest.mark.parametrize("query", ["page=0", "limit=x", "cursor=none"])
def test_a_bad_page_is_refused(api: Client, query: str) -> None:
    tweet = TweetFactory.create()

    assert api.get(f"tweets/user/{tweet.user_id}?{query}").code == "invalid"


def test_who_says_nothing_has_an_empty_list(api: Client, user: User) -> None:
    assert api.get(f"tweets/user/{user.pk}").data == []


@pytest.mark.parametrize("key", ["01890000-0000-7000-8000-000000000000", "not-an-id", "%00"])
def test_what_is_not_there_is_404(user_client: Client, key: str) -> None:
    for answer in (
        user_client.get(f"tweets/user/{key}"),
        user_client.patch(f"tweets/{key}", {"content": "Nothing"}),
        user_client.delete(f"tweets/{key}"),
    ):
        assert (answer.status, answer.code) == (404, "not_found")


def test_an_edit_changes_text_and_time_alone(user: User, user_client: Client) -> None:
    tweet = TweetFactory.create(user=user)
    Tweet.objects.update(created_at=NOON, updated_at=NOON, removed_at=NOON)
    answer = user_client.patch(f"tweets/{tweet.pk}", {"content": "After"})

    assert (answer.status, answer.body["message"]) == (200, "Tweet changed.")
    row = Tweet.objects.get()
    assert (row.content, row.created_at, row.removed_at) == ("After", NOON, NOON)
    assert row.updated_at > NOON


def test_deleting_takes_the_likes_along(user: User, user_client: Client) -> None:
    tweet, other = TweetFactory.create_batch(2, user=user)
    for one in (tweet, other):
        LikeFactory.create(tweet=one)
    answer = user_client.delete(f"tweets/{tweet.pk}")

    assert (answer.status, answer.data, answer.body["message"]) == (200, {}, "Tweet deleted.")
    assert [like.tweet for like in Like.objects.all()] == [other]
    assert user_client.delete(f"tweets/{tweet.pk}").status == 404


@pytest.mark.parametrize("is_staff", [False, True])
def test_nobody_else_may_edit_or_delete(
    client_for: Callable[[User], Client], is_staff: bool
) -> None:
    tweet = TweetFactory.create(content="Mine")
    client = client_for(UserFactory.create(is_staff=is_staff, password=None))
    for answer in (
        client.patch(f"tweets/{tweet.pk}", {"content": "Yours"}),
        client.delete(f"tweets/{tweet.pk}"),
    ):
        assert (answer.status, answer.code) == (403, "permission_denied")

    assert Tweet.objects.get().content == "Mine"


def test_signed_out_one_can_only_read(api: Client) -> None:
    tweet = TweetFactory.create()
    for answer in (
        api.post("tweets", {"content": "x"}),
        api.patch(f"tweets/{tweet.pk}", {"content": "x"}),
        api.delete(f"tweets/{tweet.pk}"),
    ):
        assert (answer.status, answer.code) == (401, "not_authenticated")

    assert len(api.get(f"tweets/user/{tweet.user_id}").data) == 1

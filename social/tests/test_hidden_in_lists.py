"""What lists and counts show of hidden things: to whom, in every list and every count."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    SubscriptionFactory,
    TweetFactory,
)
from social.tests.hidden import AWAY, THINGS, person_away
from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video, WatchHistory
from videos.tests.factories import VideoFactory
from videos.tests.hidden import HIDDEN, HIDDEN_WITH_OWNER
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

# Caller -> whether hidden videos are there for them.
CALLERS = {"signed out": False, "stranger": False, "owner": True, "staff": True}
OF_COMMENTS = ("removed", *AWAY)


def video_cases(*callers: str) -> list[tuple[str, str]]:
    """Return every kind of hidden video with those of the callers who can exist beside it."""
    return [
        (kind, caller)
        for kind in HIDDEN
        for caller in callers
        if caller != "owner" or kind in HIDDEN_WITH_OWNER
    ]


def person_of(caller: str, owner: User) -> User:
    if caller == "owner":
        return owner
    return UserFactory.create(password=None, is_staff=caller == "staff")


@pytest.fixture
def client_of(client_for: Callable[[User], Client]) -> Callable[[str, User], Client]:
    def make(caller: str, owner: User) -> Client:
        return Client() if caller == "signed out" else client_for(person_of(caller, owner))

    return make


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize(("kind", "caller"), video_cases("stranger", "owner", "staff"))
def test_the_videos_one_likes(client_for: Callable[[User], Client], kind: str, caller: str) -> None:
    hidden, shown = HIDDEN[kind](), VideoFactory.create()
    person = person_of(caller, hidden.user)
    for video in (shown, hidden):
        LikeFactory.create(user=person, video=video)
    answer = client_for(person).get("likes/videos")

    expected = [hidden, shown] if CALLERS[caller] else [shown]
    assert ids(answer.data) == [str(video.pk) for video in expected]
    assert answer.body["pagination"]["totalDocs"] == len(expected)


@pytest.mark.parametrize(("kind", "caller"), video_cases("stranger", "owner", "staff"))
def test_the_videos_one_has_watched(
    client_for: Callable[[User], Client], kind: str, caller: str
) -> None:
    hidden, shown = HIDDEN[kind](), VideoFactory.create()
    person = person_of(caller, hidden.user)
    for video in (shown, hidden):
        WatchHistory.objects.create(user=person, video=video, watched_at=timezone.now())
    answer = client_for(person).get("user/watch-history")

    expected = [hidden, shown] if CALLERS[caller] else [shown]
    assert ids(answer.data) == [str(video.pk) for video in expected]
    assert answer.body["pagination"]["totalDocs"] == len(expected)


@pytest.mark.parametrize(("kind", "caller"), video_cases(*CALLERS))
def test_the_videos_of_a_playlist(
    client_of: Callable[[str, User], Client], kind: str, caller: str
) -> None:
    playlist = PlaylistFactory.create()
    hidden = HIDDEN[kind](views=100, thumbnail_file="first.jpg")
    shown = VideoFactory.create(views=1)
    for video in (hidden, shown):
        PlaylistVideoFactory.create(playlist=playlist, video=video)
    client = client_of(caller, hidden.user)
    page = client.get(f"playlist/{playlist.pk}").data
    (row,) = client.get(f"playlist/user/{playlist.user_id}").data

    expected = [hidden, shown] if CALLERS[caller] else [shown]
    assert ids(page["videos"]) == [str(video.pk) for video in expected]
    assert page["totalVideos"] == row["totalVideos"] == len(expected)
    assert page["totalViews"] == sum(video.views for video in expected)
    assert row["thumbnail"] == page["videos"][0]["thumbnailUrl"]


@pytest.mark.parametrize("kind", HIDDEN)
def test_a_playlist_of_hidden_videos_has_no_thumbnail(api: Client, kind: str) -> None:
    entry = PlaylistVideoFactory.create(video=HIDDEN[kind]())
    (row,) = api.get(f"playlist/user/{entry.playlist.user_id}").data

    assert (row["totalVideos"], row["thumbnail"]) == (0, None)


@pytest.mark.parametrize(("kind", "caller"), video_cases(*CALLERS))
def test_a_channel_counts_the_videos_that_everyone_sees(
    client_of: Callable[[str, User], Client], kind: str, caller: str
) -> None:
    hidden = HIDDEN[kind]()
    answer = client_of(caller, hidden.user).get(f"user/c/{hidden.user.username}")

    if kind in HIDDEN_WITH_OWNER or caller == "staff":
        assert answer.data["videosCount"] == 0
    else:
        assert answer.status == 404


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("kind", OF_COMMENTS)
def test_comments_are_neither_shown_nor_counted(
    client_of: Callable[[str, User], Client], kind: str, caller: str
) -> None:
    hidden = THINGS["comment"][kind]()
    video = hidden.thing.video
    shown = CommentFactory.create(video=video)
    if caller == "owner" and not hidden.owner.may_sign_in:
        # The owner of the video stands in for who cannot sign in.
        client = client_of(caller, video.user)
    else:
        client = client_of(caller, hidden.owner)
    answer = client.get(f"comments/{video.pk}")

    assert ids(answer.data) == [str(shown.pk)]
    assert answer.body["pagination"]["totalDocs"] == 1
    assert client.get(f"videos/{video.pk}").data["commentsCount"] == 1
    assert client.get("videos").data["docs"][0]["commentsCount"] == 1


@pytest.mark.parametrize("caller", CALLERS)
def test_a_removed_tweet_is_in_no_list(
    client_of: Callable[[str, User], Client], caller: str
) -> None:
    hidden = TweetFactory.create(removed_at=timezone.now())
    shown = TweetFactory.create(user=hidden.user)
    answer = client_of(caller, hidden.user).get(f"tweets/user/{hidden.user_id}")

    assert ids(answer.data) == [str(shown.pk)]
    assert answer.body["pagination"]["totalDocs"] == 1


@pytest.mark.parametrize("caller", ["signed out", "stranger", "staff"])
@pytest.mark.parametrize("kind", AWAY)
def test_people_who_are_away_are_in_no_list_of_people(
    client_of: Callable[[str, User], Client], kind: str, caller: str
) -> None:
    away, person, shown = person_away(kind), *UserFactory.create_batch(2, password=None)
    for other in (away, shown):
        SubscriptionFactory.create(subscriber=person, channel=other)
        SubscriptionFactory.create(subscriber=other, channel=person)
    client = client_of(caller, person)

    for address in (f"subscriptions/c/{person.pk}", f"subscriptions/u/{person.pk}"):
        answer = client.get(address)
        assert ids(answer.data) == [str(shown.pk)]
        assert answer.body["pagination"]["totalDocs"] == 1
    # Rows are counted, so that a suspension does not take a channel's followers away.
    channel = client.get(f"user/c/{person.username}").data
    assert (channel["subscriberCount"], channel["channelsSubscribedToCount"]) == (2, 2)


def test_a_suspension_that_is_over_hides_nothing(api: Client) -> None:
    person = UserFactory.create(suspended_until=timezone.now(), password=None)
    comment = CommentFactory.create(user=person)
    tweet = TweetFactory.create(user=person)
    playlist = PlaylistFactory.create(user=person)
    SubscriptionFactory.create(subscriber=person, channel=comment.video.user)

    assert ids(api.get(f"comments/{comment.video_id}").data) == [str(comment.pk)]
    assert ids(api.get(f"tweets/user/{person.pk}").data) == [str(tweet.pk)]
    assert ids(api.get(f"playlist/user/{person.pk}").data) == [str(playlist.pk)]
    assert ids(api.get(f"subscriptions/c/{comment.video.user_id}").data) == [str(person.pk)]
    assert api.get(f"user/c/{person.username}").status == 200


def test_counts_do_not_multiply(api: Client) -> None:
    video: Video = VideoFactory.create()
    CommentFactory.create_batch(3, video=video)
    for _ in range(2):
        LikeFactory.create(video=video)
    SubscriptionFactory.create_batch(4, channel=video.user)
    page = api.get(f"videos/{video.pk}").data

    assert (page["commentsCount"], page["likesCount"], page["views"]) == (3, 2, 1)
    assert page["user"]["subscribersCount"] == 4
    channel = api.get(f"user/c/{video.user.username}").data
    assert (channel["subscriberCount"], channel["videosCount"]) == (4, 1)

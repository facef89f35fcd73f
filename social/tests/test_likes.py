"""Likes through HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from social.models import Like
from social.tests.factories import CommentFactory, LikeFactory, TweetFactory
from users.models import User
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

MAKE: dict[str, Callable[[], Any]] = {
    "v": VideoFactory.create,
    "c": CommentFactory.create,
    "t": TweetFactory.create,
}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def count_of(client: Client, letter: str, thing: Any) -> tuple[int, bool | None]:
    """Return how many like a thing and whether the caller does, as the API shows it."""
    if letter == "v":
        (row,) = [row for row in client.get("videos").data["docs"] if row["id"] == str(thing.pk)]
    elif letter == "c":
        (row,) = client.get(f"comments/{thing.video_id}").data
    else:
        (row,) = client.get(f"tweets/user/{thing.user_id}").data
    return row["likesCount"], row["isLiked"]


@pytest.mark.parametrize("letter", MAKE)
def test_a_toggle_goes_to_and_fro(user_client: Client, letter: str) -> None:
    thing = MAKE[letter]()
    for turn in range(4):
        answer = user_client.post(f"likes/toggle/{letter}/{thing.pk}")

        liked = turn % 2 == 0
        assert (answer.status, answer.data) == (200, {"liked": liked})
        assert answer.body["message"] == ("Liked." if liked else "Not liked.")
        assert count_of(user_client, letter, thing) == (int(liked), liked)


@pytest.mark.parametrize("letter", MAKE)
def test_put_and_delete_may_be_repeated(user: User, user_client: Client, letter: str) -> None:
    thing = MAKE[letter]()
    for _ in range(2):
        assert user_client.put(f"likes/{letter}/{thing.pk}").data == {"liked": True}
    like = Like.objects.get()
    assert (like.user, like.video or like.comment or like.tweet) == (user, thing)
    assert user_client.put(f"likes/{letter}/{thing.pk}").status == 200
    assert Like.objects.get().created_at == like.created_at

    for _ in range(2):
        assert user_client.delete(f"likes/{letter}/{thing.pk}").data == {"liked": False}
    assert not Like.objects.exists()


@pytest.mark.parametrize("letter", MAKE)
def test_people_and_things_do_not_get_mixed_up(
    user: User, user_client: Client, letter: str
) -> None:
    thing, other = MAKE[letter](), MAKE[letter]()
    column = {"v": "video", "c": "comment", "t": "tweet"}[letter]
    theirs = LikeFactory.create(**{column: thing})
    mine = LikeFactory.create(**{column: other}, user=user)

    assert count_of(user_client, letter, thing) == (1, False)
    assert user_client.delete(f"likes/{letter}/{thing.pk}").data == {"liked": False}
    assert user_client.post(f"likes/toggle/{letter}/{thing.pk}").data == {"liked": True}
    assert count_of(user_client, letter, thing) == (2, True)
    assert user_client.post(f"likes/toggle/{letter}/{thing.pk}").data == {"liked": False}
    assert set(Like.objects.all()) == {theirs, mine}


@pytest.mark.parametrize("letter", MAKE)
def test_signed_out_one_sees_counts_alone(api: Client, letter: str) -> None:
    thing = MAKE[letter]()
    column = {"v": "video", "c": "comment", "t": "tweet"}[letter]
    LikeFactory.create(**{column: thing})

    assert count_of(api, letter, thing) == (1, None)
    for answer in (
        api.post(f"likes/toggle/{letter}/{thing.pk}"),
        api.put(f"likes/{letter}/{thing.pk}"),
        api.delete(f"likes/{letter}/{thing.pk}"),
        api.get("likes/videos"),
    ):
        assert (answer.status, answer.code) == (401, "not_authenticated")
    assert Like.objects.count() == 1


UNKNOWN = "01890000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("key", [UNKNOWN, "not-an-id", "%00"])
@pytest.mark.parametrize("letter", MAKE)
def test_what_is_not_there_cannot_be_liked(user_client: Client, letter: str, key: str) -> None:
    for answer in (
        user_client.post(f"likes/toggle/{letter}/{key}"),
        user_client.put(f"likes/{letter}/{key}"),
    ):
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("letter", MAKE)
def test_not_liking_succeeds_whatever_it_is(user_client: Client, letter: str) -> None:
    assert user_client.delete(f"likes/{letter}/{UNKNOWN}").data == {"liked": False}
    for key in ("not-an-id", "%00"):
        assert user_client.delete(f"likes/{letter}/{key}").code == "not_found"


def test_what_is_hidden_by_now_can_be_liked_no_longer(user: User, user_client: Client) -> None:
    video = VideoFactory.create(is_published=False)
    LikeFactory.create(user=user, video=video)

    assert user_client.put(f"likes/v/{video.pk}").status == 404
    assert user_client.delete(f"likes/v/{video.pk}").data == {"liked": False}
    assert not Like.objects.exists()


def test_an_id_of_another_kind_is_404(user_client: Client) -> None:
    things = {letter: make() for letter, make in MAKE.items()}
    for letter in MAKE:
        for other, thing in things.items():
            if other != letter:
                assert user_client.put(f"likes/{letter}/{thing.pk}").status == 404

    assert not Like.objects.exists()


def test_one_may_like_what_is_ones_own(user: User, user_client: Client) -> None:
    video = VideoFactory.create(user=user, is_published=False)

    assert user_client.put(f"likes/v/{video.pk}").data == {"liked": True}
    assert user_client.get(f"videos/{video.pk}").data["isLiked"] is True


def test_a_body_changes_nothing(user: User, user_client: Client) -> None:
    video, other = VideoFactory.create_batch(2)
    body = {"liked": False, "userId": str(other.user_id), "videoId": str(other.pk)}

    assert user_client.put(f"likes/v/{video.pk}", body).data == {"liked": True}
    like = Like.objects.get()
    assert (like.user, like.video) == (user, video)


def test_the_videos_one_likes_the_latest_first(user: User, user_client: Client) -> None:
    videos = VideoFactory.create_batch(7)
    for number, video in enumerate(videos):
        like = LikeFactory.create(user=user, video=video)
        # Several at the same moment: then the id of the like decides.
        time = NOON + timedelta(seconds=number // 2)
        Like.objects.filter(pk=like.pk).update(created_at=time)
    LikeFactory.create(user=user, comment=CommentFactory.create())
    LikeFactory.create(video=videos[0])
    LikeFactory.create(video=VideoFactory.create())
    expected = [
        str(like.video_id) for like in user.likes.exclude(video=None).order_by("-created_at", "-pk")
    ]
    answer = user_client.get("likes/videos")

    assert [row["id"] for row in answer.data] == expected
    assert answer.body["pagination"]["limit"] == 50
    assert answer.body["pagination"]["totalDocs"] == 7
    oldest = answer.data[-1]
    assert (oldest["isLiked"], oldest["likesCount"]) == (
        True,
        2 if oldest["id"] == str(videos[0].pk) else 1,
    )
    assert oldest["user"]["username"]
    found, query = [], "limit=2"
    while query:
        answer = user_client.get(f"likes/videos?{query}")
        found += [row["id"] for row in answer.data]
        cursor = answer.body["pagination"]["nextCursor"]
        query = f"limit=2&cursor={cursor}" if cursor else ""
    assert found == expected


def test_who_likes_nothing_has_an_empty_list(user_client: Client) -> None:
    LikeFactory.create(video=VideoFactory.create())
    answer = user_client.get("likes/videos")

    assert (answer.status, answer.data) == (200, [])


@pytest.mark.parametrize("query", ["page=0", "limit=x", "cursor=none", "page=-1"])
def test_a_bad_page_is_refused(user: User, user_client: Client, query: str) -> None:
    LikeFactory.create(user=user, video=VideoFactory.create())

    assert user_client.get(f"likes/videos?{query}").code == "invalid"


def test_a_cursor_of_another_list_is_refused(user: User, user_client: Client) -> None:
    for video in VideoFactory.create_batch(2):
        LikeFactory.create(user=user, video=video)
    foreign = user_client.get("videos?limit=1").data["nextCursor"]

    answer = user_client.get(f"likes/videos?cursor={foreign}")
    assert (answer.status, list(answer.body["details"])) == (400, ["cursor"])

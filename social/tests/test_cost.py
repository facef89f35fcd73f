"""What calls about people cost in statements, whatever the number of rows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from social.models import Comment
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import ViewEvent
from videos.tests.factories import VideoFactory
from viztube.api import shared
from viztube.api.ids import uuid7
from viztube.api.tests.counting import count_up_to
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def statements_of_the_test(db: None) -> Iterator[None]:
    """Fail when one reads the search column: nobody needs it, and it is as long as the texts."""
    with captured_queries() as statements:
        yield
    # What inserts a video reads back what the database made of it.
    read = [text for text in statements if text.startswith("SELECT")]
    assert not [text for text in read if '"search"' in text]


def comments(user: User, rows: int) -> str:
    """Make a video with comments that people like; return where they are listed."""
    video = VideoFactory.create()
    for comment in CommentFactory.create_batch(rows, video=video):
        LikeFactory.create(comment=comment, user=user)
    return f"comments/{video.pk}"


def tweets(user: User, rows: int) -> str:
    """Make a person with tweets that people like; return where they are listed."""
    writer = UserFactory.create(password=None)
    for tweet in TweetFactory.create_batch(rows, user=writer):
        LikeFactory.create(tweet=tweet, user=user)
    return f"tweets/user/{writer.pk}"


def playlists(user: User, rows: int) -> str:
    """Make a person with playlists of two videos; return where they are listed."""
    owner = UserFactory.create(password=None)
    videos = VideoFactory.create_batch(2)
    for playlist in PlaylistFactory.create_batch(rows, user=owner):
        for video in videos:
            PlaylistVideoFactory.create(playlist=playlist, video=video)
    return f"playlist/user/{owner.pk}"


def subscribers(user: User, rows: int) -> str:
    """Make a channel with subscribers; return where they are listed."""
    channel = UserFactory.create(password=None)
    SubscriptionFactory.create_batch(rows, channel=channel)
    return f"subscriptions/c/{channel.pk}"


def subscriptions(user: User, rows: int) -> str:
    """Make a person who follows channels; return where they are listed."""
    subscriber = UserFactory.create(password=None)
    SubscriptionFactory.create_batch(rows, subscriber=subscriber)
    return f"subscriptions/u/{subscriber.pk}"


def liked_videos(user: User, rows: int) -> str:
    """Make videos that somebody likes; return where they are listed."""
    for video in VideoFactory.create_batch(rows):
        LikeFactory.create(video=video, user=user)
        ViewEvent.objects.create(video=video)
    return "likes/videos"


Make = Callable[[User, int], str]
PUBLIC = [comments, tweets, playlists, subscribers, subscriptions]
# These count what they list in the statement that reads the page.
COUNTED_ALONG = (comments,)


def cost_of(make: Make) -> int:
    """Return what a page costs: the rows, and for some lists, before them, how many there are."""
    return 1 if make in COUNTED_ALONG else 2


@pytest.mark.parametrize("rows", [1, 50])
@pytest.mark.parametrize("make", PUBLIC)
class TestAList:
    def test_costs_the_page_and_mostly_the_count(
        self, api: Client, user: User, make: Make, rows: int
    ) -> None:
        path = make(user, rows)
        with captured_queries() as statements:
            page = api.get(f"{path}?limit=100").data

        # Each asks for what the list belongs to along.
        assert len(page) == rows
        assert len(statements) == cost_of(make), statements

    def test_costs_no_more_for_a_later_page(
        self, api: Client, user: User, make: Make, rows: int
    ) -> None:
        path = make(user, rows + 1)
        with captured_queries() as statements:
            page = api.get(f"{path}?limit={rows}&page=2").data

        assert len(page) == 1
        assert len(statements) == cost_of(make), statements

    def test_costs_no_more_by_cursor(self, api: Client, user: User, make: Make, rows: int) -> None:
        path = make(user, rows + 1)
        cursor = api.get(f"{path}?limit=1").body["pagination"]["nextCursor"]
        with captured_queries() as statements:
            page = api.get(f"{path}?limit=100&cursor={cursor}").data

        assert len(page) == rows
        assert len(statements) == cost_of(make), statements

    def test_costs_one_more_for_somebody_signed_in(
        self, user_client: Client, user: User, make: Make, rows: int
    ) -> None:
        path = make(user, rows)
        with captured_queries() as statements:
            page = user_client.get(f"{path}?limit=100").data

        # The caller with the session.
        assert len(page) == rows
        assert len(statements) == cost_of(make) + 1, statements

    def test_costs_an_estimate_when_it_is_too_long_to_count(
        self, api: Client, user: User, monkeypatch: pytest.MonkeyPatch, make: Make, rows: int
    ) -> None:
        path = make(user, rows + 1)
        count_up_to(rows, monkeypatch)
        cursor = api.get(f"{path}?limit=1").body["pagination"]["nextCursor"]
        for query in ("page=1", "page=2", f"page={rows + 2}", f"cursor={cursor}"):
            shared.forget(shared.EVERYTHING)
            with captured_queries() as statements:
                answer = api.get(f"{path}?limit=1&{query}")

            # An empty page has no row that could tell how many are counted.
            counted = int(not answer.data and make in COUNTED_ALONG)
            assert answer.status == 200
            assert len(statements) == cost_of(make) + 1 + counted, statements


@pytest.mark.parametrize("make", PUBLIC)
def test_an_empty_list_costs_two(api: Client, user: User, make: Make) -> None:
    path = make(user, 0)
    with captured_queries() as statements:
        assert api.get(path).data == []

    # The rows, or how many there are; what the list belongs to.
    assert len(statements) == 2, statements


@pytest.mark.parametrize("rows", [1, 50])
def test_the_liked_videos_cost_one_the_caller_and_what_is_not_remembered(
    user_client: Client, user: User, rows: int
) -> None:
    path = liked_videos(user, rows + 1)
    with captured_queries() as statements:
        first = user_client.get(f"{path}?limit=1")

    # The caller with the session; the page with the number of all; what is shown of its video.
    assert len(first.data) == 1
    assert len(statements) == 3, statements

    cursor = first.body["pagination"]["nextCursor"]
    for query in (f"limit=100&cursor={cursor}", f"limit={rows}&page=1"):
        shared.forget(shared.EVERYTHING)
        # The page; what is shown of all its videos, unless somebody asked a moment ago.
        for cost in (2, 1, 1):
            with captured_queries() as statements:
                page = user_client.get(f"{path}?{query}").data

            assert len(page) == rows
            assert len(statements) == cost, statements


@pytest.mark.parametrize("rows", [1, 50])
@pytest.mark.parametrize("signed_in", [0, 1])
def test_a_playlist_costs_two(
    api: Client, user_client: Client, user: User, rows: int, signed_in: int
) -> None:
    playlist = PlaylistFactory.create()
    for entry in PlaylistVideoFactory.create_batch(rows, playlist=playlist):
        ViewEvent.objects.create(video=entry.video)
        LikeFactory.create(user=user, video=entry.video)
    with captured_queries() as statements:
        data = (user_client if signed_in else api).get(f"playlist/{playlist.pk}").data

    # The caller with the session, if any; the playlist with its owner; its videos with theirs.
    assert data["totalVideos"] == data["totalViews"] == rows
    assert len(statements) == 2 + signed_in, statements


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("signed_in", [0, 1])
def test_comments_cost_one_until_they_are_remembered(
    api: Client, user_client: Client, user: User, rows: int, signed_in: int
) -> None:
    path = f"{comments(user, rows)}?limit=25"
    client = user_client if signed_in else api
    with captured_queries() as statements:
        found = client.get(path).data

    # The comments; the caller with the session and what they like of it, if any.
    assert [one["isLiked"] for one in found] == [True if signed_in else None] * rows
    assert len(statements) == 1 + 2 * signed_in, statements

    with captured_queries() as statements:
        assert client.get(path).data == found

    # What the caller likes.
    assert len(statements) == signed_in, statements


@pytest.mark.parametrize("rows", [1, 50])
@pytest.mark.parametrize("signed_in", [0, 1])
def test_a_channel_costs_one_until_it_is_remembered(
    api: Client, user_client: Client, user: User, rows: int, signed_in: int
) -> None:
    channel = UserFactory.create(password=None)
    SubscriptionFactory.create_batch(rows - 1, channel=channel)
    SubscriptionFactory.create(channel=channel, subscriber=user)
    VideoFactory.create_batch(rows, user=channel)
    with captured_queries() as statements:
        data = (user_client if signed_in else api).get(f"user/c/{channel.username}").data

    # The channel with its counts; the caller with the session and whether they follow it, if any.
    assert data["subscriberCount"] == data["videosCount"] == rows
    assert len(statements) == 1 + 2 * signed_in, statements

    with captured_queries() as statements:
        assert (user_client if signed_in else api).get(f"user/c/{channel.username}").data == data

    # Whether the caller follows it.
    assert len(statements) == signed_in, statements


def likable(letter: str) -> Any:
    """Return something of the kind that an address has this letter for."""
    factories: dict[str, Any] = {"v": VideoFactory, "c": CommentFactory, "t": TweetFactory}
    return factories[letter].create()


@pytest.mark.parametrize("letter", ["v", "c", "t"])
@pytest.mark.parametrize("others", [0, 30])
def test_what_a_like_costs(user_client: Client, letter: str, others: int) -> None:
    target = likable(letter)
    name = target._meta.model_name
    LikeFactory.create_batch(others, **{name: target})

    cost_of_a_change(
        user_client,
        toggle=f"likes/toggle/{letter}/{target.pk}",
        change=f"likes/{letter}/{target.pk}",
        name="liked",
    )


@pytest.mark.parametrize("others", [0, 30])
def test_what_a_subscription_costs(user_client: Client, others: int) -> None:
    followed = UserFactory.create(password=None)
    SubscriptionFactory.create_batch(others, channel=followed)
    path = f"subscriptions/c/{followed.pk}"

    cost_of_a_change(user_client, toggle=path, change=path, name="subscribed")


def cost_of_a_change(client: Client, *, toggle: str, change: str, name: str) -> None:
    """Fail unless each way to a row and from it costs what it must."""
    # So that the caller is remembered.
    client.get("user/sessions")
    for method, path, there, cost in (
        # The target and the turn in one; deleting, in vain; adding.
        ("POST", toggle, True, 3),
        # The target and the turn; deleting.
        ("POST", toggle, False, 2),
        # The target and the turn; adding.
        ("PUT", change, True, 2),
        ("PUT", change, True, 2),
        # The target and the turn; deleting.
        ("DELETE", change, False, 2),
        ("DELETE", change, False, 2),
    ):
        with captured_queries() as statements:
            answer = client.request(method, path)

        assert answer.data == {name: there}
        assert len(statements) == cost, (method, statements)


def test_what_the_caller_costs_a_toggle(user_client: Client) -> None:
    video = VideoFactory.create()
    with captured_queries() as statements:
        user_client.post(f"likes/toggle/v/{video.pk}")

    # The caller with the session; the target and the turn; deleting, in vain; adding.
    assert len(statements) == 4, statements


@pytest.mark.parametrize("rows", [0, 50])
def test_what_changing_a_playlist_costs(user_client: Client, user: User, rows: int) -> None:
    playlist = PlaylistFactory.create(user=user)
    entries = PlaylistVideoFactory.create_batch(rows, playlist=playlist)
    video = VideoFactory.create()
    ids = [str(video.pk), *(str(entry.video_id) for entry in entries)]
    path = f"playlist/{playlist.pk}/{video.pk}"
    order = f"playlist/{playlist.pk}/order"
    # So that the caller is remembered.
    user_client.get("user/sessions")
    for method, address, body, cost in (
        # The playlist; its lock; the video; whether it is in; how many are; adding; the time.
        ("POST", path, None, 7),
        # The playlist; its lock; the video; that it is in.
        ("POST", path, None, 4),
        # The playlist; its lock; what one sees of it; its entries; moving them; the time.
        ("PATCH", order, {"videoIds": ids}, 6),
        # The playlist; its lock; deleting; the time.
        ("DELETE", path, None, 4),
        # The playlist; its lock; deleting, in vain.
        ("DELETE", path, None, 3),
    ):
        with captured_queries() as statements:
            assert user_client.request(method, address, body).status == 200

        assert len(statements) == cost, (method, statements)


def test_deleting_a_video_costs_the_same_however_much_was_said(
    user_client: Client, user: User
) -> None:
    costs = []
    for rows in (1, 50):
        video = VideoFactory.create(user=user, files=True)
        for comment in CommentFactory.create_batch(rows, video=video):
            LikeFactory.create(comment=comment)
            LikeFactory.create(video=video)
        user_client.get("user/sessions")
        with captured_queries() as statements:
            assert user_client.delete(f"videos/{video.pk}").status == 200
        costs.append(len(statements))
        # Nothing is read one by one: the rows of comments are locked, not fetched.
        assert not [text for text in statements if '"content"' in text], statements

    assert costs[0] == costs[1], costs


def test_comments_are_counted_without_a_look_for_each_author(db: None) -> None:
    plan = Comment.objects.published().filter(video=uuid7()).explain()

    # Made once a statement, of those who are hidden.
    assert "hashed SubPlan" in plan
    assert "Join" not in plan
    assert "Nested Loop" not in plan

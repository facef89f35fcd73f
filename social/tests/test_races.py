"""Changes of one thing at the same moment, over real connections and real commits."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, models, transaction

from social.models import Comment, Like, Playlist, PlaylistVideo, Subscription, Tweet
from social.services import changes, likes, turns
from social.services.subscriptions import set_subscription
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.services.videos import delete_video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.tests.threads import Started, at_once

pytestmark = pytest.mark.django_db(transaction=True)

Call = Callable[[], Answer]


class Relation:
    """How a person stands to one thing, and the calls that change it."""

    def __init__(self, kind: str, user: User) -> None:
        factories: dict[str, Any] = {"v": VideoFactory, "c": CommentFactory, "t": TweetFactory}
        self.user = user
        self.word = "subscribed" if kind == "subscription" else "liked"
        if kind == "subscription":
            self.target = UserFactory.create()
            self.toggle = self.change = f"subscriptions/c/{self.target.pk}"
        else:
            self.target = factories[kind].create()
            self.toggle = f"likes/toggle/{kind}/{self.target.pk}"
            self.change = f"likes/{kind}/{self.target.pk}"
        self.name = "channel" if kind == "subscription" else str(self.target._meta.model_name)

    def add(self, user: User) -> None:
        """Make a row of somebody's."""
        if self.name == "channel":
            SubscriptionFactory.create(subscriber=user, channel=self.target)
        else:
            LikeFactory.create(user=user, **{self.name: self.target})

    def set(self, user: User) -> bool:
        """Toggle by the service, inside a transaction of the caller's."""
        pk = str(self.target.pk)
        if self.name == "channel":
            return set_subscription(user=user, pk=pk, subscribed=None)
        return likes.set_like(user=user, targets=type(self.target).objects.all(), pk=pk, liked=None)

    def rows(self, user: User) -> int:
        """Return how many rows somebody has."""
        if self.name == "channel":
            return Subscription.objects.filter(subscriber=user, channel=self.target).count()
        return Like.objects.filter(user=user, **{self.name: self.target}).count()


@pytest.fixture(params=["v", "c", "t", "subscription"])
def relation(request: pytest.FixtureRequest, user: User) -> Relation:
    return Relation(request.param, user)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("times", [12, 13])
def test_toggles_at_once_keep_their_parity(
    user_client: Client, relation: Relation, start: int, times: int
) -> None:
    if start:
        relation.add(relation.user)

    answers = at_once([lambda: user_client.post(relation.toggle)] * times)

    assert [answer.status for answer in answers] == [200] * times
    told = [answer.data[relation.word] for answer in answers]
    # They took turns: each found what the one before had left.
    assert told.count(not start) - told.count(bool(start)) == times % 2
    assert relation.rows(relation.user) == (start + times) % 2


def test_setting_and_toggling_at_once_do_what_they_say(
    user_client: Client, relation: Relation
) -> None:
    calls: list[Call] = [
        lambda: user_client.put(relation.change),
        lambda: user_client.delete(relation.change),
        lambda: user_client.put(relation.change),
        lambda: user_client.delete(relation.change),
    ]

    answers = at_once(calls * 5)

    assert [(answer.status, answer.data[relation.word]) for answer in answers] == [
        (200, True),
        (200, False),
    ] * 10
    assert relation.rows(relation.user) in {0, 1}

    for method, there in (("PUT", True), ("DELETE", False), ("PUT", True)):
        answers = at_once([partial(user_client.request, method, relation.change)] * 9)

        assert {(answer.status, answer.data[relation.word]) for answer in answers} == {(200, there)}
        assert relation.rows(relation.user) == there


def test_people_do_not_wait_for_each_other(
    user_client: Client, client_for: Callable[[User], Client], relation: Relation
) -> None:
    other = UserFactory.create()
    other_client = client_for(other)
    elsewhere = VideoFactory.create()
    with transaction.atomic():
        assert relation.set(relation.user) is True
        free = Started(
            lambda: other_client.post(relation.toggle),
            lambda: other_client.put(relation.change),
            lambda: other_client.delete(relation.change),
            lambda: user_client.post(f"likes/toggle/v/{elsewhere.pk}"),
        )
        assert [answer.status for answer in free.results()] == [200] * 4
        same = Started(lambda: user_client.post(relation.toggle))
        assert same.waits()

    assert [answer.data for answer in same.results()] == [{relation.word: False}]
    assert relation.rows(relation.user) == relation.rows(other) == 0


def test_who_ends_something_waits_for_who_is_about_to_begin_it(
    user_client: Client, relation: Relation
) -> None:
    with transaction.atomic():
        assert relation.set(relation.user) is True
        late = Started(lambda: user_client.delete(relation.change))
        assert late.waits()

    assert [answer.data for answer in late.results()] == [{relation.word: False}]
    assert relation.rows(relation.user) == 0


def deleted_by_its_owner(kind: str, user: User) -> tuple[Any, Callable[[], Any]]:
    """Return a thing of a person's, and how it is deleted: inside the caller's transaction."""
    if kind == "v":
        video = VideoFactory.create(user=user)
        return video, lambda: delete_video(video=video)
    factory: Any = CommentFactory if kind == "c" else TweetFactory
    row = factory.create(user=user)
    return row, lambda: changes.delete(row)


@pytest.mark.parametrize("kind", ["v", "c", "t"])
class TestALikeOfWhatIsDeleted:
    def test_before_its_commit_waits_and_finds_nothing(
        self, user_client: Client, user: User, kind: str
    ) -> None:
        target, delete = deleted_by_its_owner(kind, user)
        with transaction.atomic():
            delete()
            late = Started(
                lambda: user_client.post(f"likes/toggle/{kind}/{target.pk}"),
                lambda: user_client.put(f"likes/{kind}/{target.pk}"),
            )
            assert late.waits()

        assert [(one.status, one.code) for one in late.results()] == [(404, "not_found")] * 2
        assert not Like.objects.exists()

    def test_that_came_first_goes_along(
        self, user_client: Client, user: User, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        target, _ = deleted_by_its_owner(kind, user)
        path = {"v": "videos", "c": "comments/c", "t": "tweets"}[kind]
        change = turns.change

        def change_then_delete(*args: Any, **kwargs: Any) -> bool:
            liked = change(*args, **kwargs)
            (answer,) = Started(lambda: user_client.delete(f"{path}/{target.pk}")).results()
            assert answer.status == 200
            return liked

        monkeypatch.setattr(likes, "change", change_then_delete)
        answer = user_client.put(f"likes/{kind}/{target.pk}")

        assert (answer.status, answer.code) == (404, "not_found")
        assert not Like.objects.exists()

    def test_is_never_an_error(
        self, user_client: Client, client_for: Callable[[User], Client], user: User, kind: str
    ) -> None:
        stranger_client = client_for(UserFactory.create())
        path = {"v": "videos", "c": "comments/c", "t": "tweets"}[kind]
        for _ in range(5):
            target, _ = deleted_by_its_owner(kind, user)
            like = f"likes/toggle/{kind}/{target.pk}"
            liking: list[Call] = [
                partial(user_client.post, like),
                partial(stranger_client.post, like),
            ]
            delete: list[Call] = [partial(user_client.delete, f"{path}/{target.pk}")]

            answers = at_once([*liking, *delete, *liking, *delete, *liking])

            assert {answer.status for answer in answers} <= {200, 404}
            assert sorted((answers[2].status, answers[5].status)) == [200, 404]
        assert not Like.objects.exists()


@pytest.mark.parametrize(
    ("letter", "path", "table"),
    [
        ("v", "videos", "videos_video"),
        ("c", "videos", "social_comment"),
        ("c", "comments/c", "social_comment"),
        ("t", "tweets", "social_tweet"),
    ],
)
def test_no_like_comes_in_between_the_likes_and_what_they_are_of(
    user_client: Client, user: User, letter: str, path: str, table: str
) -> None:
    video = VideoFactory.create(user=user)
    comment = CommentFactory.create(user=user, video=video)
    tweet = TweetFactory.create(user=user)
    liked = {"v": video, "c": comment, "t": tweet}[letter]
    deleted = {"videos": video, "comments/c": comment, "tweets": tweet}[path]
    late: list[Started[Answer]] = []

    def like_first(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith(f'DELETE FROM "{table}"') and not late:
            late.append(Started(lambda: user_client.put(f"likes/{letter}/{liked.pk}")))
            assert late[0].waits()
        return execute(sql, *args)

    with connection.execute_wrapper(like_first):
        answer = user_client.delete(f"{path}/{deleted.pk}")

    assert answer.status == 200
    assert [(one.status, one.code) for one in late[0].results()] == [(404, "not_found")]
    assert not Like.objects.exists()


def test_a_comment_under_a_video_that_is_deleted_waits_and_finds_nothing(
    user_client: Client, user: User
) -> None:
    video = VideoFactory.create(user=user)
    comment = CommentFactory.create(video=video)
    with transaction.atomic():
        delete_video(video=video)
        late = Started(
            lambda: user_client.post(f"comments/{video.pk}", {"content": "Late"}),
            lambda: user_client.put(f"likes/c/{comment.pk}"),
        )
        assert late.waits()

    assert [(one.status, one.code) for one in late.results()] == [(404, "not_found")] * 2
    assert not Comment.objects.exists()


def test_everything_at_once_under_a_video_that_is_deleted_is_never_an_error(
    user_client: Client, user: User
) -> None:
    for _ in range(5):
        video = VideoFactory.create(user=user)
        comments = CommentFactory.create_batch(3, video=video)
        playlist = PlaylistFactory.create(user=user)
        calls: list[Call] = [
            partial(user_client.post, f"comments/{video.pk}", {"content": "Here"}),
            partial(user_client.put, f"likes/c/{comments[0].pk}"),
            partial(user_client.post, f"playlist/{playlist.pk}/{video.pk}"),
            partial(user_client.delete, f"comments/c/{comments[1].pk}"),
            partial(user_client.get, f"videos/{video.pk}"),
            partial(user_client.post, f"likes/toggle/c/{comments[2].pk}"),
        ]

        delete: list[Call] = [partial(user_client.delete, f"videos/{video.pk}")]

        answers = at_once([*calls, *delete, *calls])

        assert {answer.status for answer in answers} <= {200, 201, 404}
        assert answers[len(calls)].status == 200
    for model in (Video, Comment, Like, PlaylistVideo):
        assert not model._default_manager.exists()


@pytest.mark.parametrize(
    ("model", "path", "body"),
    [
        (Comment, "comments/c", {"content": "Late"}),
        (Tweet, "tweets", {"content": "Late"}),
        (Playlist, "playlist", {"name": "Late"}),
    ],
    ids=["comment", "tweet", "playlist"],
)
def test_of_many_who_delete_one_thing_one_does(
    user_client: Client, user: User, model: type[models.Model], path: str, body: dict[str, str]
) -> None:
    factory: Any = {Comment: CommentFactory, Tweet: TweetFactory, Playlist: PlaylistFactory}[model]
    row = factory.create(user=user)
    delete = partial(user_client.delete, f"{path}/{row.pk}")
    edit = partial(user_client.patch, f"{path}/{row.pk}", body)

    answers = at_once([delete, edit] * 6)

    assert sorted(answer.status for answer in answers[::2]) == [200] + [404] * 5
    assert {answer.status for answer in answers[1::2]} <= {200, 404}
    assert not model._default_manager.exists()

"""What decisions about videos, comments and tweets do, at once and over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from social.models import Case, DecisionName, ModerationAction
from social.tests.deciding import decided
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    ReportFactory,
    TweetFactory,
)
from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Answer, Client

pytestmark = pytest.mark.django_db


def ids(answer: Answer) -> set[str]:
    """Return the ids on a page of a list, none for a list that is not there."""
    if answer.status == 404:
        return set()
    rows = answer.data["docs"] if isinstance(answer.data, dict) else answer.data
    return {row["id"] for row in rows}


@dataclass
class Scene:
    """A video wherever a video can be seen, by somebody who liked and watched it."""

    video: Video
    playlist: Any
    client: Client

    def seen(self, client: Client | None = None) -> set[str]:
        """Return where the video is seen."""
        client = client or self.client
        pk, owner = str(self.video.pk), self.video.user
        playlist = client.get(f"playlist/{self.playlist.pk}").data
        (summary,) = client.get(f"playlist/user/{self.playlist.user_id}").data
        channel = client.get(f"user/c/{owner.username}")
        places = {
            "itself": client.get(f"videos/{pk}").status == 200,
            "list": pk in ids(client.get("videos")),
            "channel's list": pk in ids(client.get("videos", query={"userId": owner.pk})),
            "search": pk in ids(client.get("videos", query={"query": self.video.title})),
            "playlist": pk in {video["id"] for video in playlist["videos"]},
            "playlist's count": playlist["totalVideos"] == 1,
            "playlists": summary["totalVideos"] == 1,
            "playlist's picture": summary["thumbnail"] is not None,
            "comments": client.get(f"comments/{pk}").status == 200,
            "channel's count": channel.status == 200 and channel.data["videosCount"] == 1,
        }
        if client.token:
            places["liked"] = pk in ids(client.get("likes/videos"))
            places["history"] = pk in ids(client.get("user/watch-history"))
        return {place for place, there in places.items() if there}

    def addresses(self, client: Client | None = None) -> set[str]:
        """Return the addresses of the video's files, as its page gives them out."""
        data = (client or self.client).get(f"videos/{self.video.pk}").data
        return {data["videoFileUrl"], data["thumbnailUrl"]}


ANYWHERE = {
    *("itself", "list", "channel's list", "search", "playlist", "playlist's count", "playlists"),
    *("playlist's picture", "comments", "channel's count"),
}
SIGNED_IN = ANYWHERE | {"liked", "history"}


def statuses(client: Client, urls: set[str]) -> set[int]:
    return {client.get(url).status for url in urls}


@pytest.fixture
def scene(user: User, user_client: Client) -> Scene:
    """Return a video that ``user`` has liked, watched and put into a playlist."""
    video = VideoFactory.create(files=True, title="Velkanor erupts")
    CommentFactory.create(video=video)
    LikeFactory.create(user=user, video=video)
    playlist = PlaylistFactory.create(user=user)
    PlaylistVideoFactory.create(playlist=playlist, video=video)
    user_client.get(f"videos/{video.pk}")
    return Scene(video, playlist, user_client)


class TestAVideoTakenDown:
    def test_is_gone_everywhere_for_strangers_and_comes_back(
        self, scene: Scene, api: Client
    ) -> None:
        assert scene.seen() == SIGNED_IN
        assert scene.seen(api) == ANYWHERE

        decided(scene.video, DecisionName.TAKE_DOWN)
        assert scene.seen() == scene.seen(api) == set()

        decided(scene.video, DecisionName.RESTORE)
        assert scene.seen() == SIGNED_IN
        assert scene.seen(api) == ANYWHERE

    def test_stops_at_its_addresses_and_comes_back_under_new_ones(
        self, scene: Scene, client_for: Callable[[User], Client], api: Client
    ) -> None:
        old = scene.addresses()
        assert statuses(api, old) == {200}
        decided(scene.video, DecisionName.TAKE_DOWN)
        assert statuses(api, old) == {404}
        hidden = scene.addresses(client_for(scene.video.user))
        assert statuses(api, hidden) == {200}
        decided(scene.video, DecisionName.RESTORE)
        new = scene.addresses()

        assert (len(new), statuses(api, new)) == (2, {200})
        assert not new & (old | hidden)
        assert statuses(api, old | hidden) == {404}

    def test_stays_down_whatever_its_owner_does(
        self, scene: Scene, client_for: Callable[[User], Client]
    ) -> None:
        decided(scene.video, DecisionName.TAKE_DOWN)
        owner, pk = client_for(scene.video.user), scene.video.pk

        assert "itself" in scene.seen(owner)
        for _ in range(2):
            assert owner.patch(f"videos/toggle/publish/{pk}").status == 200
            assert scene.seen() == set()
        body = {"title": "Another", "isPublished": True, "removedAt": None}
        assert owner.patch(f"videos/{pk}", body).status == 200
        assert scene.seen() == set()
        assert Video.objects.get().folder.startswith("h/")

    def test_that_was_unpublished_comes_back_unpublished(
        self, scene: Scene, client_for: Callable[[User], Client]
    ) -> None:
        client_for(scene.video.user).patch(f"videos/{scene.video.pk}", {"isPublished": False})
        for name in (DecisionName.TAKE_DOWN, DecisionName.RESTORE):
            decided(scene.video, name)
            assert scene.seen() == set()
            assert Video.objects.get().folder.startswith("h/")

    def test_is_there_for_staff(self, scene: Scene, client_for: Callable[[User], Client]) -> None:
        decided(scene.video, DecisionName.TAKE_DOWN)
        staff = client_for(UserFactory.create(is_staff=True))

        assert "itself" in scene.seen(staff)
        assert statuses(staff, scene.addresses(staff)) == {200}


class TestACommentRemoved:
    def test_is_gone_from_list_and_count_and_comes_back(
        self, user_client: Client, api: Client
    ) -> None:
        video = VideoFactory.create()
        comment, other = CommentFactory.create_batch(2, video=video)

        def shown() -> list[Any]:
            listed = api.get(f"comments/{video.pk}")
            counts = [
                listed.body["pagination"]["totalDocs"],
                api.get(f"videos/{video.pk}").data["commentsCount"],
                user_client.put(f"likes/c/{comment.pk}").status,
            ]
            return [ids(listed), *counts]

        both = {str(comment.pk), str(other.pk)}
        assert shown() == [both, 2, 2, 200]
        decided(comment, DecisionName.REMOVE)
        assert shown() == [{str(other.pk)}, 1, 1, 404]
        decided(comment, DecisionName.RESTORE)
        assert shown() == [both, 2, 2, 200]

    def test_keeps_its_likes_and_its_times(self, api: Client) -> None:
        comment = CommentFactory.create()
        LikeFactory.create(comment=comment)
        (before,) = api.get(f"comments/{comment.video.pk}").data
        for name in (DecisionName.REMOVE, DecisionName.RESTORE):
            decided(comment, name)

        assert api.get(f"comments/{comment.video.pk}").data == [before]
        assert before["likesCount"] == 1

    def test_cannot_be_shown_again_by_its_writer(
        self, client_for: Callable[[User], Client], api: Client
    ) -> None:
        comment = CommentFactory.create()
        decided(comment, DecisionName.REMOVE)
        writer = client_for(comment.user)
        body = {"content": "Harmless", "removedAt": None}

        assert writer.patch(f"comments/c/{comment.pk}", body).status == 200
        assert api.get(f"comments/{comment.video.pk}").data == []


class TestATweetRemoved:
    def test_is_gone_from_the_list_and_comes_back(self, user_client: Client, api: Client) -> None:
        writer = UserFactory.create(password=None)
        tweet, other = TweetFactory.create_batch(2, user=writer)

        def shown() -> list[Any]:
            listed = api.get(f"tweets/user/{writer.pk}")
            total = listed.body["pagination"]["totalDocs"]
            return [ids(listed), total, user_client.put(f"likes/t/{tweet.pk}").status]

        both = {str(tweet.pk), str(other.pk)}
        assert shown() == [both, 2, 200]
        decided(tweet, DecisionName.REMOVE)
        assert shown() == [{str(other.pk)}, 1, 404]
        decided(tweet, DecisionName.RESTORE)
        assert shown() == [both, 2, 200]


class TestOneTransaction:
    def test_without_its_line_in_the_log_nothing_is_done(
        self, scene: Scene, api: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ReportFactory.create(video=scene.video)
        addresses = scene.addresses()

        def fail(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("no room")

        monkeypatch.setattr(ModerationAction, "save", fail)
        with pytest.raises(RuntimeError):
            decided(scene.video, DecisionName.TAKE_DOWN)

        assert scene.seen() == SIGNED_IN
        assert statuses(api, addresses) == {200}
        assert Case.objects.get().is_open

    def test_what_was_not_done_is_not_in_the_log(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ReportFactory.create(video=scene.video)

        def fail(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("no room")

        monkeypatch.setattr(Case, "save", fail)
        with pytest.raises(RuntimeError):
            decided(scene.video, DecisionName.TAKE_DOWN)

        assert not ModerationAction.objects.exists()
        assert scene.seen() == SIGNED_IN

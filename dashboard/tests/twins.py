"""The same call with and without the shared cache, over the same database."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from django.core.cache.backends.dummy import DummyCache

from social.tests.factories import CommentFactory, LikeFactory, SubscriptionFactory
from users.models import User
from users.tests.factories import UserFactory
from videos.tests.factories import VideoFactory
from viztube.api import shared
from viztube.api.tests.fixtures import Client
from viztube.media.paths import new_folder

# What may be late; nothing else may differ.
LATE = {"views", "totalViews"}


def told(client: Client, path: str) -> Any:
    """Return status and data of an answer, without what may be late."""
    answer = client.get(path)
    return answer.status, _timely(answer.body.get("data"))


def told_anew(client: Client, path: str) -> Any:
    """Return the same from a service that remembers nothing."""
    nothing = patch.object(shared, "ask_cache", lambda *command: None)
    with patch.object(shared, "cache", DummyCache("", {})), nothing:
        return told(client, path)


def _timely(value: Any) -> Any:
    if isinstance(value, list):
        return [_timely(one) for one in value]
    if isinstance(value, dict):
        return {name: _timely(one) for name, one in value.items() if name not in LATE}
    return value


class World:
    """A channel with videos, who watches them, and who says something about one."""

    def __init__(self, client_for: Callable[[User], Client]) -> None:
        self.owner = UserFactory.create(username="owner", avatar=f"{new_folder('p')}/avatar.png")
        self.viewer, self.critic = UserFactory.create(), UserFactory.create(password=None)
        self.video = VideoFactory.create(user=self.owner, files=True)
        self.hidden = VideoFactory.create(user=self.owner, files=True, is_published=False)
        self.comment = CommentFactory.create(user=self.critic, video=self.video)
        self.own_comment = CommentFactory.create(user=self.owner, video=self.video)
        LikeFactory.create(user=self.critic, video=self.video)
        for video in (self.video, self.hidden):
            LikeFactory.create(user=self.owner, video=video)
        SubscriptionFactory.create(subscriber=self.critic, channel=self.owner)
        self.as_owner, self.as_viewer = client_for(self.owner), client_for(self.viewer)
        self.readers = (Client(), self.as_viewer, self.as_owner)

    def told(self, tell: Callable[[Client, str], Any]) -> list[Any]:
        """Return what everybody is told about everything."""
        paths = (
            *("videos", "videos?limit=1&page=2", f"videos?userId={self.owner.pk}"),
            *("videos?query=another", f"videos?query={self.video.title}&sortBy=relevance"),
            *("user/c/owner", "user/c/another", f"user/c/{self.critic.username}"),
            f"user/c/{self.viewer.username}",
            *(f"comments/{self.video.pk}", f"comments/{self.video.pk}?limit=1&page=2"),
            f"comments/{self.hidden.pk}",
        )
        answers = [tell(reader, path) for reader in self.readers for path in paths]
        # Each look at a video puts it into the history, which is read after it.
        own = [f"videos/{video.pk}" for video in (self.video, self.hidden)]
        own += ["likes/videos", "likes/videos?limit=1", "user/watch-history"]
        answers += [tell(reader, path) for reader in self.readers[1:] for path in own]
        return [*answers, tell(self.as_owner, "dashboard/stats")]


def assert_shows(world: World, change: Callable[[], object]) -> None:
    """Fail unless a change shows, and everybody gets it at once."""
    before = world.told(told)
    change()
    after = world.told(told)

    assert after == world.told(told_anew)
    assert after != before

"""Every way in which a thing that people made can be hidden, and who may ask for it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils import timezone

from social.tests.factories import (
    CommentFactory,
    PlaylistFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.hidden import HIDDEN, suspended

# People who cannot sign in, and whose things are hidden with them.
AWAY: dict[str, Callable[[], dict[str, Any]]] = {
    "owner suspended": suspended,
    "owner inactive": lambda: {"is_active": False},
}


def person_away(kind: str) -> User:
    """Return somebody whose things are hidden."""
    return UserFactory.create(password=None, **AWAY[kind]())


@dataclass(frozen=True)
class Hidden:
    """Something hidden: its owner, and for comments the owner of the video beneath."""

    thing: Any
    owner: User
    video_owner: User | None = None


def _video(kind: str) -> Hidden:
    video = HIDDEN[kind]()
    return Hidden(video, video.user)


def _comment(**fields: Any) -> Hidden:
    comment = CommentFactory.create(**fields)
    return Hidden(comment, comment.user, comment.video.user)


def _comment_of(kind: str) -> Hidden:
    return _comment(user=person_away(kind))


def _comment_under(kind: str) -> Hidden:
    return _comment(video=HIDDEN[kind]())


def _tweet(**fields: Any) -> Hidden:
    tweet = TweetFactory.create(**fields)
    return Hidden(tweet, tweet.user)


def _tweet_of(kind: str) -> Hidden:
    return _tweet(user=person_away(kind))


def _playlist_of(kind: str) -> Hidden:
    playlist = PlaylistFactory.create(user=person_away(kind))
    return Hidden(playlist, playlist.user)


def _channel(kind: str) -> Hidden:
    person = person_away(kind)
    return Hidden(person, person)


def furnish(thing: Any) -> None:
    """Give a video or a channel a row in every list of its own."""
    if isinstance(thing, Video):
        CommentFactory.create(video=thing)
    if isinstance(thing, User):
        TweetFactory.create(user=thing)
        PlaylistFactory.create(user=thing)
        SubscriptionFactory.create(channel=thing)
        SubscriptionFactory.create(subscriber=thing)


# Thing -> kind -> a way to make it.
THINGS: dict[str, dict[str, Callable[[], Hidden]]] = {
    "video": {kind: partial(_video, kind) for kind in HIDDEN},
    "comment": {
        "removed": lambda: _comment(removed_at=timezone.now()),
        **{kind: partial(_comment_of, kind) for kind in AWAY},
        **{f"video {kind}": partial(_comment_under, kind) for kind in HIDDEN},
    },
    "tweet": {
        "removed": lambda: _tweet(removed_at=timezone.now()),
        **{kind: partial(_tweet_of, kind) for kind in AWAY},
    },
    "playlist": {kind: partial(_playlist_of, kind) for kind in AWAY},
    "channel": {kind: partial(_channel, kind) for kind in AWAY},
}

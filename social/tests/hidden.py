"""Every way in which a thing that people made can be hidden, and who may ask for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from social.tests.factories import CommentFactory, PlaylistFactory, TweetFactory
from users.models import User
from users.tests.factories import UserFactory
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


def _comment(**fields: Any) -> Hidden:
    comment = CommentFactory.create(**fields)
    return Hidden(comment, comment.user, comment.video.user)


def _owned(thing: Any) -> Hidden:
    return Hidden(thing, thing.user)


def _channel(kind: str) -> Hidden:
    person = person_away(kind)
    return Hidden(person, person)


# Thing -> kind -> a way to make it.
THINGS: dict[str, dict[str, Callable[[], Hidden]]] = {
    "video": {kind: lambda make=make: _owned(make()) for kind, make in HIDDEN.items()},
    "comment": {
        "removed": lambda: _comment(removed_at=timezone.now()),
        **{kind: lambda kind=kind: _comment(user=person_away(kind)) for kind in AWAY},
        **{
            f"video {kind}": lambda make=make: _comment(video=make())
            for kind, make in HIDDEN.items()
        },
    },
    "tweet": {
        "removed": lambda: _owned(TweetFactory.create(removed_at=timezone.now())),
        **{
            kind: lambda kind=kind: _owned(TweetFactory.create(user=person_away(kind)))
            for kind in AWAY
        },
    },
    "playlist": {
        kind: lambda kind=kind: _owned(PlaylistFactory.create(user=person_away(kind)))
        for kind in AWAY
    },
    "channel": {kind: lambda kind=kind: _channel(kind) for kind in AWAY},
}

"""Rules for the old tables of what people do with videos and with each other."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Max

from dashboard.imports.rows import Draft, Kind, OldRow, Refused, uuid_of
from social.models import (
    COMMENT_LENGTH,
    TWEET_LENGTH,
    Comment,
    Like,
    Playlist,
    PlaylistVideo,
    Subscription,
    Tweet,
)
from users.models import User
from videos.models import Video

# Far more than the API takes.
NAME_LENGTH = 5_000  # characters
DESCRIPTION_LENGTH = 50_000  # characters


class Comments(Kind):
    """Comments."""

    name = "Comment"
    model = Comment
    references: ClassVar[dict[str, type[Any]]] = {"userId": User, "videoId": Video}
    texts: ClassVar[dict[str, int | None]] = {"content": COMMENT_LENGTH}
    others = ("createdAt", "updatedAt")

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return a comment as long as comments may be."""
        return {
            "user_id": draft.refer("userId", User),
            "video_id": draft.refer("videoId", Video),
            "content": draft.readable("content", COMMENT_LENGTH),
            **draft.times(),
        }


class Tweets(Kind):
    """Tweets."""

    name = "Tweet"
    model = Tweet
    references: ClassVar[dict[str, type[Any]]] = {"userId": User}
    texts: ClassVar[dict[str, int | None]] = {"content": TWEET_LENGTH}
    others = ("createdAt", "updatedAt")

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return a tweet as long as tweets may be."""
        return {
            "user_id": draft.refer("userId", User),
            "content": draft.readable("content", TWEET_LENGTH),
            **draft.times(),
        }


class Likes(Kind):
    """Likes, each of one thing."""

    name = "Like"
    model = Like
    targets: ClassVar[dict[str, type[Any]]] = {
        "videoId": Video,
        "commentId": Comment,
        "tweetId": Tweet,
    }
    references: ClassVar[dict[str, type[Any]]] = {"userId": User, **targets}
    others = ("createdAt",)
    taken = "the same person likes the same thing here already"

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return a like of the first of its targets that is here.

        The old service makes a row of its own for each thing that somebody likes: a row with more
        of them is an accident, and which were meant cannot be told.
        """
        user = draft.refer("userId", User)
        named = {name: draft.old[name] for name in self.targets if draft.old[name] is not None}
        if not named:
            raise Refused("it is a like of nothing")
        found = next((name for name in named if draft.reference(name, self.targets[name])), None)
        if found is None:
            raise Refused(f"{' and '.join(named)} names nothing that is here")
        for name in named:
            if name != found:
                draft.note(name, "it is a like of several things", f"only {found} is kept")
        return {
            "user_id": user,
            f"{found.removesuffix('Id')}_id": draft.reference(found, self.targets[found]),
            "created_at": draft.time("createdAt"),
        }


class Subscriptions(Kind):
    """Who follows whose channel."""

    name = "Subscription"
    model = Subscription
    references: ClassVar[dict[str, type[Any]]] = {"subscriberId": User, "channelId": User}
    others = ("createdAt",)
    taken = "the same person follows the same channel here already"

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return a subscription to somebody else."""
        subscriber, channel = draft.refer("subscriberId", User), draft.refer("channelId", User)
        if subscriber == channel:
            raise Refused("it is a subscription to oneself")
        return {
            "subscriber_id": subscriber,
            "channel_id": channel,
            "created_at": draft.time("createdAt"),
        }


class Playlists(Kind):
    """Playlists, without what is in them."""

    name = "Playlist"
    model = Playlist
    references: ClassVar[dict[str, type[Any]]] = {"userId": User}
    texts: ClassVar[dict[str, int | None]] = {
        "name": NAME_LENGTH,
        "description": DESCRIPTION_LENGTH,
    }
    others = ("createdAt", "updatedAt")
    # Their texts may be long.
    batch = 200

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return a playlist with a name."""
        return {
            "user_id": draft.refer("userId", User),
            "name": draft.titled("name", NAME_LENGTH),
            "description": draft.text("description", DESCRIPTION_LENGTH),
            **draft.times(),
        }


class PlaylistEntries(Kind):
    """What is in playlists, one after another, each in the order in which it was filled."""

    name = "PlaylistVideo"
    model = PlaylistVideo
    references: ClassVar[dict[str, type[Any]]] = {"playlistId": Playlist, "videoId": Video}
    others = ("addedAt",)
    order = ("playlistId", "addedAt", "id")
    taken = "the same video is in the same playlist here already"
    # Positions are unique at the end of a transaction only, which a conflict does not wait for.
    shared = ("playlist_id", "video_id")

    def __init__(self) -> None:
        self._next: dict[UUID, int] = {}

    def prepare(self, rows: Sequence[OldRow]) -> None:
        """Look up where these playlists end, while nobody else can change them."""
        playlists = {uuid_of(row["playlistId"]) for row in rows} - {None}
        list(Playlist.objects.locked().filter(pk__in=playlists).order_by("pk").values_list("pk"))
        ends = PlaylistVideo.objects.filter(playlist__in=playlists).values_list("playlist")
        self._next = defaultdict(int)
        self._next.update((playlist, last + 1) for playlist, last in ends.annotate(Max("position")))

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return an entry behind those before it."""
        playlist = draft.refer("playlistId", Playlist)
        video = draft.refer("videoId", Video)
        added_at = draft.time("addedAt")
        position = self._next[playlist]
        self._next[playlist] += 1
        return {
            "playlist_id": playlist,
            "video_id": video,
            "position": position,
            "added_at": added_at,
        }

"""How many rows of each kind are made, and which numbers cannot exist."""

from dataclasses import dataclass, field, fields

from social.services.playlists import PLAYLIST_VIDEOS


class SeedingRefused(Exception):
    """Nothing was made; the sentence says why and what to do."""


@dataclass(frozen=True)
class Amounts:
    """Numbers of rows; the defaults make a small site that looks alive."""

    users: int = field(default=50, metadata={"help": "people, named user001 and so on"})
    videos: int = field(default=1000, metadata={"help": "videos, most of them of a few people"})
    comments: int = field(default=5000, metadata={"help": "comments, most of them on few videos"})
    likes: int = field(default=5000, metadata={"help": "likes on videos, one a person and video"})
    subscriptions: int = field(default=1000, metadata={"help": "subscriptions, one a pair"})
    tweets: int = field(default=500, metadata={"help": "tweets"})
    playlists: int = field(default=100, metadata={"help": "playlists"})
    playlist_videos: int = field(
        default=1000, metadata={"help": "places of videos in playlists, all together"}
    )
    history: int = field(
        default=2000, metadata={"help": "entries of watch histories, one a person and video"}
    )

    def check(self) -> None:
        """Raise SeedingRefused unless so many rows can exist beside each other."""
        if self.users < 1:
            raise SeedingRefused("At least one user is needed: everything belongs to somebody.")
        pairs = self.users * self.videos
        limits = {
            "comments": (None if self.videos else 0, "there are no videos"),
            "likes": (pairs, "each user can like each video once"),
            "history": (pairs, "each user has each video once in the watch history"),
            "subscriptions": (
                self.users * (self.users - 1),
                "each user can subscribe once to each other one",
            ),
            "playlist_videos": (
                self.playlists * min(PLAYLIST_VIDEOS, self.videos),
                f"a playlist holds each video once and {PLAYLIST_VIDEOS} at most",
            ),
        }
        for column in fields(self):
            name, wanted = column.name.replace("_", "-"), getattr(self, column.name)
            if wanted < 0:
                raise SeedingRefused(f"--{name} cannot be below 0.")
            most, reason = limits.get(column.name, (None, ""))
            if most is not None and wanted > most:
                raise SeedingRefused(f"--{name} can be {most:,} at most: {reason}.")

"""What the rows say, one stream a table: the same numbers and seed give the same rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from dashboard.services.seeding import texts
from dashboard.services.seeding.amounts import Amounts
from dashboard.services.seeding.clips import FACE_NAME, POSTER_NAME, VIDEO_NAME, Clip
from dashboard.services.seeding.spread import SKEW, Popularity, shares
from dashboard.services.seeding.timeline import END, MIDDLE, START, Timeline, uuid7_at
from social.services.playlists import PLAYLIST_VIDEOS
from viztube.media.paths import HIDDEN, PUBLISHED

EMAIL_DOMAIN = "viztube.example"
TOP_VIEWS = 100_000
# Days on which a video was viewed, at most: each is a row.
DAYS_VIEWED = 5
SHARE_HIDDEN = 0.03
SHARE_WITHOUT_AVATAR = 0.3

Row = tuple[Any, ...]


def username(number: int, people: int) -> str:
    """Return the name of a person; numbers start at 0, names at user001, or user0001 of many."""
    return f"user{number + 1:0{max(3, len(str(people)))}}"


class Content:
    """Makes rows, never more than one at a time.

    Each kind has a random generator of its own, so that a stream can be read again: views are both
    in the videos and spread over days.
    """

    def __init__(self, amounts: Amounts, *, seed: int, clips: list[Clip], password: str) -> None:
        self.amounts = amounts
        self.seed = seed
        self.clips = clips
        self.password = password  # as it is stored
        self.people = Timeline("users", seed, amounts.users, START, MIDDLE)
        self.uploads = Timeline("videos", seed, amounts.videos, MIDDLE, END)
        self.lists = Timeline("playlists", seed, amounts.playlists, MIDDLE, END)
        self.popularity = Popularity(amounts.videos)

    def users(self) -> Iterator[Row]:
        """Yield people."""
        random = self._random("users")
        for number in range(self.amounts.users):
            name, time = username(number, self.amounts.users), self.people.time(number)
            face = f"{random.choice(self.clips).folder}/{FACE_NAME}"
            avatar = "" if random.random() < SHARE_WITHOUT_AVATAR else face
            email = f"{name}@{EMAIL_DOMAIN}"
            fullname = texts.full_name(random)
            yield self.people.id(number), name, email, fullname, avatar, self.password, time, time

    def videos(self) -> Iterator[Row]:
        """Yield videos, the oldest first; user001 has the most."""
        random = self._random("videos")
        for number, views in enumerate(self._views()):
            owner = int(self.amounts.users * random.random() ** (1 / SKEW))
            clip = random.choice(self.clips)
            published = random.random() >= SHARE_HIDDEN
            area = PUBLISHED if published else HIDDEN
            # Of its own, as for any video, though nothing has to be in it.
            folder = f"{area}/{random.getrandbits(128):032x}"
            time = self.uploads.time(number)
            yield (
                self.uploads.id(number),
                self.people.id(owner),
                texts.video_title(random),
                texts.description(random),
                clip.info.duration,
                clip.info.width,
                clip.info.height,
                views,
                published,
                folder,
                folder,
                f"{clip.folder}/{VIDEO_NAME}",
                f"{clip.folder}/{POSTER_NAME}",
                time,
                time,
            )

    def daily_views(self) -> Iterator[Row]:
        """Yield the views of each day; those of a video add up to its total."""
        random = self._random("daily views")
        for number, views in enumerate(self._views()):
            first = self.uploads.time(number).date()
            age = (END.date() - first).days
            days = random.sample(range(age), min(DAYS_VIEWED, age, views))
            # Cut at different places, so that every day has a view.
            cuts = sorted(random.sample(range(1, views), len(days) - 1)) if days else []
            for day, start, end in zip(days, [0, *cuts], [*cuts, views], strict=False):
                yield self.uploads.id(number), first + timedelta(days=day), end - start

    def comments(self) -> Iterator[Row]:
        """Yield comments, most of them on popular videos."""
        random = self._random("comments")
        total = self.amounts.comments
        for video, share in self._by_video(total, most=total):
            for _ in range(share):
                user, time = self._anybody(random), self._time_after(video, random)
                key, text = self._id(time, random), texts.comment(random)
                yield key, user, self.uploads.id(video), text, time, time

    def likes(self) -> Iterator[Row]:
        """Yield likes of videos, most of them of popular ones."""
        yield from self._person_and_video("likes", self.amounts.likes)

    def history(self) -> Iterator[Row]:
        """Yield entries of watch histories."""
        yield from self._person_and_video("history", self.amounts.history)

    def subscriptions(self) -> Iterator[Row]:
        """Yield subscriptions, most of them to those who have most videos."""
        random = self._random("subscriptions")
        others = self.amounts.users - 1
        divided = shares(self.amounts.subscriptions, places=self.amounts.users, most=others)
        for channel, share in enumerate(divided):
            for number in random.sample(range(others), share):
                # Everyone but the channel itself.
                subscriber = number + (number >= channel)
                time = MIDDLE + random.random() * (END - MIDDLE)
                key = self._id(time, random)
                yield key, self.people.id(subscriber), self.people.id(channel), time

    def tweets(self) -> Iterator[Row]:
        """Yield tweets."""
        random = self._random("tweets")
        for _ in range(self.amounts.tweets):
            time = MIDDLE + random.random() * (END - MIDDLE)
            key = self._id(time, random)
            yield key, self._anybody(random), texts.tweet(random), time, time

    def playlists(self) -> Iterator[Row]:
        """Yield playlists."""
        random = self._random("playlists")
        for number in range(self.amounts.playlists):
            user, time = self._anybody(random), self.lists.time(number)
            name, text = texts.playlist_name(random), texts.description(random)
            yield self.lists.id(number), user, name, text, time, time

    def playlist_videos(self) -> Iterator[Row]:
        """Yield the places of videos in playlists."""
        random = self._random("playlist videos")
        lists, videos = self.amounts.playlists, self.amounts.videos
        most = min(PLAYLIST_VIDEOS, videos)
        divided = shares(self.amounts.playlist_videos, places=lists, most=most)
        for number, share in enumerate(divided):
            playlist, time = self.lists.id(number), self.lists.time(number)
            for position, video in enumerate(random.sample(range(videos), share)):
                key = self._id(time, random)
                yield key, playlist, self.uploads.id(video), position, time

    def _random(self, name: str) -> Random:
        return Random(f"{self.seed} {name}")  # noqa: S311 - nothing here is a secret

    def _views(self) -> Iterator[int]:
        """Yield the views of each video, by its number."""
        random = self._random("views")
        for number in range(self.amounts.videos):
            top = TOP_VIEWS * (self.popularity.rank(number) + 1) ** -0.7
            yield int(top * (0.5 + random.random()))

    def _by_video(self, total: int, *, most: int) -> Iterator[tuple[int, int]]:
        """Yield numbers of videos and how many of the total each gets, the popular first."""
        divided = shares(total, places=self.amounts.videos, most=most)
        for rank, share in enumerate(divided):
            yield self.popularity.thing(rank), share

    def _person_and_video(self, name: str, total: int) -> Iterator[Row]:
        """Yield rows of which there can be one for each person and video."""
        random = self._random(name)
        people = self.amounts.users
        for video, share in self._by_video(total, most=people):
            for person in random.sample(range(people), share):
                time = self._time_after(video, random)
                key = self._id(time, random)
                yield key, self.people.id(person), self.uploads.id(video), time

    def _anybody(self, random: Random) -> UUID:
        return self.people.id(random.randrange(self.amounts.users))

    def _time_after(self, video: int, random: Random) -> datetime:
        start = self.uploads.time(video)
        return start + random.random() * (END - start)

    def _id(self, time: datetime, random: Random) -> UUID:
        return uuid7_at(time, random.getrandbits(74))

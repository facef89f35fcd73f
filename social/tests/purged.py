"""Somebody who is to be purged, and what is left when they are."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from social.models import (
    Case,
    Comment,
    Like,
    ModerationAction,
    Playlist,
    PlaylistVideo,
    Report,
    Subscription,
    Tweet,
)
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    ReportFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import RefreshSession, User
from users.tests.factories import UserFactory
from videos.models import Video, WatchHistory
from videos.tests.factories import VideoFactory
from viztube.media.paths import new_folder
from viztube.media.tests.fixtures import picture

MADE_BY_PEOPLE = (
    *(Case, Comment, Like, Playlist, PlaylistVideo, RefreshSession, Report),
    *(Subscription, Tweet, User, Video, WatchHistory),
)


@pytest.fixture
def ann(media_root: Path) -> User:
    """Return somebody with pictures who has made something of every kind, as has ben."""
    content = picture("PNG").read()
    pictures = [f"{new_folder('p')}/{name}" for name in ("avatar.png", "cover-image.png")]
    for path in pictures:
        (media_root / path).parent.mkdir(parents=True)
        (media_root / path).write_bytes(content)
    ann = UserFactory.create(username="ann", avatar=pictures[0], cover_image=pictures[1])
    ben = UserFactory.create(username="ben")
    video, _, hidden = (VideoFactory.create(user=ann, files=True) for _ in range(3))
    elsewhere = VideoFactory.create(user=ben, files=True)
    theirs = CommentFactory.create(user=ben, video=elsewhere)
    for one in (video, elsewhere):
        comment = CommentFactory.create(user=ann, video=one)
        for person in (ann, ben):
            LikeFactory.create(user=person, video=one)
            LikeFactory.create(user=person, comment=comment)
            WatchHistory.objects.create(user=person, video=one, watched_at=timezone.now())
        ReportFactory.create(reporter=ben, comment=comment)
        for person in (ann, ben):
            playlist = PlaylistFactory.create(user=person)
            PlaylistVideoFactory.create(playlist=playlist, video=one)
    CommentFactory.create(user=ben, video=video)
    tweet = TweetFactory.create(user=ann)
    LikeFactory.create(user=ben, tweet=tweet)
    LikeFactory.create(user=ann, comment=theirs)
    for target in ({"tweet": tweet}, {"video": video}, {"channel": ann}):
        ReportFactory.create(reporter=ben, **target)
    ReportFactory.create(reporter=ann, video=elsewhere)
    SubscriptionFactory.create(subscriber=ann, channel=ben)
    SubscriptionFactory.create(subscriber=ben, channel=ann)
    call_command("moderate", "take-down", str(hidden.pk), "--reason", "Spam")
    ann.refresh_from_db()
    return ann


def purge(*options: str) -> None:
    """Purge ann by the command."""
    call_command("moderate", "purge-user", "Ann", "--reason", "A farm of spam", *options)


def counts() -> dict[str, int]:
    """Return how many rows each table has."""
    return {model.__name__: model._default_manager.count() for model in MADE_BY_PEOPLE}


def decisions() -> list[str]:
    """Return what the log says was decided, in order."""
    return list(ModerationAction.objects.order_by("pk").values_list("decision", flat=True))


def assert_only_what_others_made_is_left() -> None:
    """Fail unless ann is gone with everything, and what ben made is here."""
    assert counts() == {
        "Case": 1,  # about the video of ben that ann reported
        "Comment": 1,
        "Like": 1,
        "Playlist": 2,
        "PlaylistVideo": 1,
        "RefreshSession": 0,
        "Report": 0,
        "Subscription": 0,
        "Tweet": 0,
        "User": 1,
        "Video": 1,
        "WatchHistory": 1,
    }
    ben = User.objects.get()
    assert ben.username == "ben"
    for model in (Comment, Like, Video, WatchHistory):
        assert model._default_manager.get().user_id == ben.pk

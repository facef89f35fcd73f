"""Rows of every kind that the desk shows."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from social.models import Case, ModerationAction, Report
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    ReportFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import RefreshSession, SecurityEvent, User
from users.tests.factories import UserFactory
from videos.models import DailyViews, Notification, Video, ViewEvent, WatchHistory
from videos.tasks import settle_video
from videos.tests.factories import VideoFactory

_numbers = count(1)


class Rows:
    """Makes rows whose texts people chose; ``{}`` in the text is a number."""

    def __init__(self, text: str = "Text {}") -> None:
        self.text = text

    def write(self) -> str:
        """Return a text that no other row has."""
        return self.text.format(next(_numbers))

    def user(self) -> User:
        """Return a person."""
        username = self.write().lower()
        return UserFactory.create(
            username=username, email=f"{next(_numbers)}@viztube.example", fullname=self.write()
        )

    def video(self) -> Video:
        """Return a video."""
        return VideoFactory.create(
            user=self.user(), title=self.write(), description=self.write(), **self.failure()
        )

    def failure(self) -> dict[str, str]:
        """Return the fields of a video that Cloudinary did not take."""
        return {"processing_status": "FAILED", "processing_error": self.write()}

    def comment(self) -> Any:
        """Return a comment."""
        return CommentFactory.create(user=self.user(), video=self.video(), content=self.write())

    def tweet(self) -> Any:
        """Return a tweet."""
        return TweetFactory.create(user=self.user(), content=self.write())

    def like(self) -> Any:
        """Return a like of a video, a comment or a tweet."""
        number = next(_numbers) % 3
        target = {"video": self.video, "comment": self.comment, "tweet": self.tweet}
        name = list(target)[number]
        return LikeFactory.create(user=self.user(), **{name: target[name]()})

    def playlist(self) -> Any:
        """Return a playlist with two videos."""
        playlist = PlaylistFactory.create(
            user=self.user(), name=self.write(), description=self.write()
        )
        for position in range(2):
            PlaylistVideoFactory.create(playlist=playlist, video=self.video(), position=position)
        return playlist

    def report(self) -> Any:
        """Return a report, which opens a case."""
        return ReportFactory.create(
            reporter=self.user(), comment=self.comment(), details=self.write()
        )

    def action(self) -> ModerationAction:
        """Return a decision of the log."""
        target = self.tweet()
        return ModerationAction.objects.create(
            actor_id=self.user().pk,
            actor_label=self.write(),
            actor_role="moderator",
            decision="remove",
            target_type="tweet",
            target_id=target.pk,
            target_label=target.content,
            owner_id=target.user_id,
            owner_label=target.user.username,
            reason=self.write(),
        )

    def session(self) -> RefreshSession:
        """Return a device that is signed in."""
        now = timezone.now()
        return RefreshSession.objects.create(
            user=self.user(),
            digest="0" * 64,
            device=self.write(),
            address="127.0.0.1",
            used_at=now,
            expires_at=now + timedelta(days=7),
        )

    def event(self) -> SecurityEvent:
        """Return a line of the audit trail."""
        return SecurityEvent.objects.create(
            kind="sign_in", user=self.user(), device=self.write(), address="127.0.0.1"
        )

    def job(self) -> Any:
        """Return a job that waits."""
        return ProcrastinateJob.objects.get(pk=settle_video.defer(video_id=self.write()))

    def makers(self) -> dict[type[Model], Callable[[], Any]]:
        """Return what makes a row of each model."""
        return {
            User: self.user,
            Group: lambda: Group.objects.create(name=self.write()),
            RefreshSession: self.session,
            SecurityEvent: self.event,
            Video: self.video,
            DailyViews: lambda: DailyViews.objects.create(
                video=self.video(), day=timezone.now().date(), views=1
            ),
            ViewEvent: lambda: ViewEvent.objects.create(video=self.video()),
            WatchHistory: lambda: WatchHistory.objects.create(
                user=self.user(), video=self.video(), watched_at=timezone.now()
            ),
            Notification: lambda: Notification.objects.create(digest=f"{next(_numbers):064x}"),
            CommentFactory._meta.model: self.comment,
            TweetFactory._meta.model: self.tweet,
            LikeFactory._meta.model: self.like,
            SubscriptionFactory._meta.model: lambda: SubscriptionFactory.create(
                subscriber=self.user(), channel=self.user()
            ),
            PlaylistFactory._meta.model: self.playlist,
            Case: lambda: self.report().case,
            Report: self.report,
            ModerationAction: self.action,
            ProcrastinateJob: self.job,
        }

    def make(self, model: type[Model]) -> Any:
        """Return a new row of a model."""
        return self.makers()[model]()


# As they are registered, with labels that name a test.
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
LABELS = [model._meta.label for model in MODELS]


def list_of(model: type[Model]) -> str:
    """Return the address of a list."""
    return f"/admin/{model._meta.label_lower.replace('.', '/')}/"


def page_of(row: Model) -> str:
    """Return the address of the page of a row."""
    return f"{list_of(type(row))}{row.pk}/change/"

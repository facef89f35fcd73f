"""Makes what people do with videos and with each other."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from social.models import (
    Comment,
    Like,
    Playlist,
    PlaylistVideo,
    Report,
    ReportReason,
    Subscription,
    TargetType,
    Tweet,
)
from social.services.reports import report
from social.services.targets import rows_of
from users.tests.factories import UserFactory
from videos.tests.factories import VideoFactory


class CommentFactory(DjangoModelFactory[Comment]):
    """A comment of somebody under somebody's video."""

    class Meta:
        model = Comment

    user = factory.SubFactory(UserFactory, password=None)
    video = factory.SubFactory(VideoFactory)
    content = factory.Sequence(lambda n: f"Comment number {n}")


class TweetFactory(DjangoModelFactory[Tweet]):
    """A tweet of somebody."""

    class Meta:
        model = Tweet

    user = factory.SubFactory(UserFactory, password=None)
    content = factory.Sequence(lambda n: f"Tweet number {n}")


class LikeFactory(DjangoModelFactory[Like]):
    """Somebody's like; say of which ``video``, ``comment`` or ``tweet``."""

    class Meta:
        model = Like

    user = factory.SubFactory(UserFactory, password=None)


class SubscriptionFactory(DjangoModelFactory[Subscription]):
    """Somebody who follows somebody."""

    class Meta:
        model = Subscription

    subscriber = factory.SubFactory(UserFactory, password=None)
    channel = factory.SubFactory(UserFactory, password=None)


class PlaylistFactory(DjangoModelFactory[Playlist]):
    """An empty playlist of somebody."""

    class Meta:
        model = Playlist

    user = factory.SubFactory(UserFactory, password=None)
    name = factory.Sequence(lambda n: f"Playlist number {n}")


class PlaylistVideoFactory(DjangoModelFactory[PlaylistVideo]):
    """A published video of somebody in somebody's playlist."""

    class Meta:
        model = PlaylistVideo

    playlist = factory.SubFactory(PlaylistFactory)
    video = factory.SubFactory(VideoFactory)
    position = factory.Sequence(lambda n: n)


class ReportFactory(DjangoModelFactory[Report]):
    """Somebody's report; say on which ``video``, ``comment``, ``tweet`` or ``channel``."""

    class Meta:
        model = Report

    reporter = factory.SubFactory(UserFactory, password=None)
    reason = ReportReason.SPAM

    @classmethod
    def _create(cls, model_class: type[Report], *args: Any, **kwargs: Any) -> Report:
        (target_type,) = [one for one in TargetType if one.value in kwargs]
        target = kwargs[target_type.value]
        return report(
            reporter=kwargs["reporter"],
            targets=rows_of(target_type),
            target_type=target_type,
            target_id=target.pk,
            reason=kwargs["reason"],
            details=kwargs.get("details", ""),
        )

"""Reads of what people do with videos and with each other: who may see what."""

from typing import Any, Self
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, FilteredRelation, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from users.models import User
from users.querysets import in_good_standing, seen_by
from videos.listings import liked_by
from videos.models import Video
from videos.querysets import VideoQuerySet, visible_video
from viztube.api.querysets import CountOf, rows_behind, rows_of, whether
from viztube.api.statements import Statement

Viewer = User | AnonymousUser


def _shown() -> Q:
    """Return the condition under which what somebody wrote is shown to everyone.

    Those who are hidden are few and found at once; to look for each author would be most of the
    time it takes to count what many wrote.
    """
    return Q(removed_at=None) & ~Q(user__in=User.objects.hidden())


class PostQuerySet(models.QuerySet[Any]):
    """Reads of what people write, comments and tweets, and the end of many at once."""

    def published(self) -> Self:
        """Return what everyone may see; for comments, where they may see the video."""
        return self.filter(_shown())

    def with_details(self, viewer: Viewer) -> Self:
        """Add what a list shows besides: who wrote it, its likes, the viewer's among them."""
        likes = rows_behind(self.model, "likes")
        return self.select_related("user").annotate(
            likes_count=CountOf(likes), is_liked=whether(viewer, likes, "user")
        )

    def newest_first(self) -> Self:
        """Order by time, the latest in front."""
        return self.order_by("-created_at", "-pk")

    def purge(self) -> None:
        """Delete the rows with what refers to them, in the caller's transaction.

        By statements of the database's alone. Django would load each comment to look for its likes:
        200,000 took 13 seconds, in which the video was locked, and 150 MB (now 3 seconds, nothing).
        """
        # Whoever likes one at this moment waits, and then finds nothing to refer to.
        for _ in self.order_by("pk").select_for_update(of=("self",)).values_list("pk").iterator():
            pass
        for relation in self.model._meta.related_objects:
            rows = relation.related_model._default_manager
            rows.filter(**{f"{relation.field.name}__in": self}).delete()
        self._raw_delete(self.db)


class CommentQuerySet(PostQuerySet):
    """Reads of comments."""

    def visible_to(self, user: Viewer) -> Self:
        """Return what a person may see: one's own also under a video that is hidden by now."""
        return self.filter(seen_by(user, _shown() & visible_video(user, "video__")))


class TweetQuerySet(PostQuerySet):
    """Reads of tweets."""

    def visible_to(self, user: Viewer) -> Self:
        """Return what a person may see."""
        return self.filter(seen_by(user, _shown()))


class PlaylistQuerySet(models.QuerySet[Any]):
    """Reads of playlists."""

    def visible_to(self, user: Viewer) -> Self:
        """Return what a person may see."""
        return self.filter(seen_by(user, in_good_standing("user__")))

    def locked(self) -> Self:
        """Lock the rows for a change that leaves their keys alone."""
        return self.select_for_update(of=("self",), no_key=True)

    def with_summary(self, viewer: Viewer) -> Self:
        """Add how many videos the viewer sees in each, and where the first thumbnail is."""
        entries = rows_behind(self.model, "entries").filter(visible_video(viewer, "video__"))
        thumbnails = entries.exclude(video__thumbnail_file="").order_by("position")
        files = JSONObject(folder="video__folder", thumbnail_file="video__thumbnail_file")
        return self.annotate(
            total_videos=CountOf(entries),
            first_thumbnail=Subquery(thumbnails.values(files=files)[:1]),
        )

    def newest_first(self) -> Self:
        """Order by time, the latest in front."""
        return self.order_by("-created_at", "-pk")


class CaseQuerySet(models.QuerySet[Any]):
    """Reads of cases."""

    def open(self) -> Self:
        """Return those that wait for a decision."""
        return self.filter(closed_at=None)

    def with_reports_count(self) -> Self:
        """Add how many people reported the thing."""
        return self.annotate(reports_count=CountOf(rows_behind(self.model, "reports")))

    def queue(self) -> Self:
        """Return what waits, what most people reported first, then what has waited longest."""
        cases = self.open().with_reports_count().select_related("owner")
        return cases.order_by("-reports_count", "opened_at", "pk")


class ReportQuerySet(models.QuerySet[Any]):
    """Reads of reports."""

    def made_by(self, user: User) -> Self:
        """Return a person's own, with the cases that tell their state, the latest first."""
        return self.filter(reporter=user).select_related("case").order_by("-created_at", "-pk")


class ModerationActionQuerySet(models.QuerySet[Any]):
    """Reads of the log."""

    def notices_for(self, user: User) -> Self:
        """Return what was decided about a person and what is theirs, the latest first.

        Without what was dismissed: nobody is told that they were reported.
        """
        told = self.filter(owner_id=user.pk).exclude(decision="dismiss")
        return told.order_by("-created_at", "-pk")


def videos_in(playlist: Any, viewer: Viewer) -> VideoQuerySet:
    """Return what a person sees of a playlist's videos, in its order."""
    entry = FilteredRelation("playlist_entries", condition=Q(playlist_entries__playlist=playlist))
    videos: VideoQuerySet = Video.objects.visible_to(viewer)
    videos = videos.alias(entry=entry).filter(entry__isnull=False)
    return videos.order_by("entry__position")


comments_liked_among = liked_by("comment_id")


def videos_liked_by(user: User) -> VideoQuerySet:
    """Return what a person likes and may still see, what was liked last in front."""
    # Django does not quote such a name, and "like" is a word of SQL.
    given = FilteredRelation("likes", condition=Q(likes__user=user))
    videos: VideoQuerySet = Video.objects.visible_to(user)
    videos = videos.alias(given=given).filter(given__isnull=False)
    videos = videos.annotate(liked_at=F("given__created_at"), like_id=F("given__pk"))
    return videos.order_by("-liked_at", "-like_id")


def subscribers_of(channel: UUID) -> QuerySet[User]:
    """Return who follows a channel, the latest in front."""
    return _people("subscriptions", Q(subscriptions__channel=channel))


def subscriptions_of(person: UUID) -> QuerySet[User]:
    """Return the channels that somebody follows, the latest in front."""
    return _people("subscribers", Q(subscribers__subscriber=person))


def _people(relation: str, condition: Q) -> QuerySet[User]:
    people: QuerySet[User] = User.objects.channels()
    return (
        people.alias(follow=FilteredRelation(relation, condition=condition))
        .filter(follow__isnull=False)
        .annotate(followed_at=F("follow__created_at"), follow_id=F("follow__pk"))
        .order_by("-followed_at", "-follow_id")
    )


_FOLLOWS = Statement(
    lambda person, channel: (
        rows_of(User, "subscribers").filter(subscriber=person, channel=channel).values("pk")
    )
)


def follows(person: User, channel: UUID) -> bool:
    """Tell whether a person follows a channel."""
    return bool(_FOLLOWS.rows(person=person, channel=channel))


def channels_for(viewer: Viewer) -> QuerySet[User]:
    """Return the channels that a person may see, with what their pages show."""
    subscribers = rows_behind(User, "subscribers")
    people: QuerySet[User] = User.objects.visible_to(viewer)
    return people.annotate(
        subscriber_count=CountOf(subscribers),
        channels_subscribed_to_count=CountOf(rows_behind(User, "subscriptions")),
        is_subscribed=whether(viewer, subscribers, "subscriber"),
        videos_count=CountOf(Video.objects.published().filter(user=OuterRef("pk"))),
    )

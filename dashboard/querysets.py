"""Reads of what a person's own channel has: totals, videos, activity over time."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import Count, DateField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Trunc

from dashboard.periods import next_start
from social.models import Comment, Like, Subscription
from users.models import User
from videos.models import DailyViews, Video, ViewEvent
from videos.querysets import VideoQuerySet
from videos.records import OWN_COLUMNS, VideoRecord
from viztube.api.listings import Listing
from viztube.api.querysets import CountOf, rows_behind


def totals_of(owner: User) -> QuerySet[User, Any]:
    """Return the one row of a channel's totals.

    One statement, so that a view which is being folded meanwhile counts once.
    """
    videos = rows_behind(User, "videos")
    folded = videos.order_by().values("user").annotate(total=Sum("views")).values("total")
    pending = ViewEvent.objects.filter(video__user=OuterRef("pk"))
    people: QuerySet[User] = User.objects.filter(pk=owner.pk)
    return people.values(
        total_views=Coalesce(Subquery(folded), 0) + CountOf(pending),
        total_subscribers=CountOf(rows_behind(User, "subscribers")),
        total_videos=CountOf(videos),
        total_likes=CountOf(Like.objects.filter(video__user=OuterRef("pk"))),
    )


def _videos_of(owner: User) -> VideoQuerySet:
    videos: VideoQuerySet = Video.objects.filter(user=owner)
    return videos.with_details(owner).sorted_by("createdAt", descending=True)


# A person's own videos, hidden ones too, the newest in front.
OWN_VIDEOS = Listing(VideoRecord, OWN_COLUMNS, _videos_of)


def activity_of(owner: User, *, starts: list[date], interval: str) -> list[dict[str, Any]]:
    """Return what happened on a channel, one point a period.

    ``starts`` are the first days of periods in a row. A point is ``{date, views, subscribers,
    likes, comments}``, zeros included. One statement, so that a view which is being folded
    meanwhile counts once.
    """
    days = starts[0], next_start(starts[-1], interval)
    times = tuple(datetime.combine(day, time(), UTC) for day in days)

    def counted(column: str, rows: Any, when: str, number: Combinable | None = None) -> Any:
        """Return (column, first day of a period, how many rows that has) of the periods' rows."""
        since, until = days if when == "day" else times
        rows = rows.filter(**{f"{when}__gte": since, f"{when}__lt": until}).order_by()
        start = Trunc(when, interval, output_field=DateField())
        # In the current time zone, which is UTC. Cast, because truncated dates and truncated times
        # are of different types, and a union's are of one.
        rows = rows.values(column=Value(column), start=Cast(start, DateField()))
        return rows.annotate(number=number or Count("pk")).values_list("column", "start", "number")

    own: dict[str, Any] = {"video__user": owner}
    rows = counted("views", DailyViews.objects.filter(**own), "day", Sum("views")).union(
        counted("views", ViewEvent.objects.filter(**own), "viewed_at"),
        counted("subscribers", Subscription.objects.filter(channel=owner), "created_at"),
        counted("likes", Like.objects.filter(**own), "created_at"),
        counted("comments", Comment.objects.published().filter(**own), "created_at"),
        all=True,
    )
    nothing = {"views": 0, "subscribers": 0, "likes": 0, "comments": 0}
    points: dict[date, dict[str, Any]] = {start: {"date": start, **nothing} for start in starts}
    for column, start, number in rows:
        points[start][column] += number
    return list(points.values())

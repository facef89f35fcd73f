"""Counting views exactly: one row a view, folded into totals in the background."""

from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.utils import timezone

from users.models import User
from videos.models import Video, ViewEvent, WatchHistory

FOLD_VIDEOS = 1000  # videos a statement

# Videos are locked before their events are deleted, as deleting a video does it: no deadlock.
_FOLD = """
WITH locked AS (
    SELECT id FROM videos_video
    WHERE id IN (SELECT video_id FROM videos_viewevent GROUP BY video_id LIMIT %s)
    ORDER BY id
    FOR NO KEY UPDATE
), taken AS (
    DELETE FROM videos_viewevent USING locked
    WHERE videos_viewevent.video_id = locked.id
    RETURNING videos_viewevent.video_id, (viewed_at AT TIME ZONE 'UTC')::date AS day
), daily AS (
    INSERT INTO videos_dailyviews (video_id, day, views)
    SELECT video_id, day, count(*) FROM taken GROUP BY video_id, day
    ON CONFLICT (video_id, day)
    DO UPDATE SET views = videos_dailyviews.views + EXCLUDED.views
), totals AS (
    SELECT video_id, count(*) AS views FROM taken GROUP BY video_id
)
UPDATE videos_video
SET views = videos_video.views + totals.views
FROM totals
WHERE videos_video.id = totals.video_id
"""


def record_view(*, video: Video, user: User | AnonymousUser) -> None:
    """Count one view and put the video into the viewer's history.

    Raises IntegrityError (answered 404) when the video is deleted at the same moment.

    Two transactions: at the end of one, a new view waits for who is deleting its video, and who
    deletes it waits for whoever has an entry of its history locked.
    """
    ViewEvent.objects.create(video=video)
    if isinstance(user, User):
        WatchHistory.objects.bulk_create(
            [WatchHistory(user=user, video=video, watched_at=timezone.now())],
            update_conflicts=True,
            unique_fields=["user", "video"],
            update_fields=["watched_at"],
        )


def fold_views() -> int:
    """Fold view events into ``Video.views`` and DailyViews; return how many videos changed.

    Each statement commits events and totals together, so that no reader sees a view twice or not
    at all.
    """
    folded = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_FOLD, [FOLD_VIDEOS])
            changed: int = cursor.rowcount
        folded += changed
        if changed < FOLD_VIDEOS:
            return folded

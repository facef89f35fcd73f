"""Counting views exactly: one row a view, folded into totals in the background."""

from functools import lru_cache
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.utils import timezone

from users.models import User
from videos.models import Video
from videos.querysets import PRESENCE, VideoQuerySet
from videos.records import VideoRecord
from viztube.api.ids import uuid7
from viztube.api.statements import Records, Statement, make, run

FOLD_VIDEOS = 1000  # videos a statement

_SEEN = Statement(
    lambda viewer, video: Video.objects.visible_to(viewer).filter(pk=video).values("id")
)


def _shown(videos: VideoQuerySet, viewer: User | AnonymousUser, video: UUID) -> Any:
    return videos.filter(pk=video).with_presence(viewer).values("id", "views", "folder", *PRESENCE)


_LOOKED_AT = Records(
    VideoRecord,
    lambda viewer, video: _shown(Video.objects.visible_to(viewer), viewer, video),
)
# Of what was seen already.
_WATCHED = Statement(lambda viewer, video: _shown(Video.objects.all(), viewer, video))
_LOCK = "seen AS MATERIALIZED ({} FOR KEY SHARE OF videos_video)"
_COUNT = """
viewed AS (
    INSERT INTO videos_viewevent (video_id, viewed_at) SELECT id, %s FROM seen
)"""
_REMEMBER = """
remembered AS (
    INSERT INTO videos_watchhistory (id, user_id, video_id, watched_at)
    SELECT %s, %s, id, %s FROM seen
    ON CONFLICT (user_id, video_id) DO UPDATE SET watched_at = EXCLUDED.watched_at
)"""
# Not waiting for the disk: that would be most of the time of a view, and on a small machine the
# most there is of it. What the machine loses when its power fails are the views of the last second.
_WATCH = """
WITH {steps}
SELECT shown.* FROM ({shown}) shown, seen, set_config('synchronous_commit', 'off', true)"""

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


def look(*, video: UUID, viewer: User | AnonymousUser) -> VideoRecord | None:
    """Return what ``watch`` does, None when a person may not see the video; counts no view."""
    return _LOOKED_AT.first(viewer=viewer, video=video)


def watch(*, video: UUID, viewer: User | AnonymousUser) -> VideoRecord | None:
    """Count one view, put the video into the viewer's history; return what is shown as it is now.

    That is its views with that one, and what the viewer has done: ``videos.cards`` has the rest.
    None when the video is not there, or the viewer may not see it: then nothing is counted. In one
    statement. It locks the video first, so that a deletion at the same moment is waited for, and
    never one by the other in a circle: who deletes a video locks it and then its entries in
    histories. Once it is answered, a view outlives the end of any of our processes; a crash of
    PostgreSQL or of the machine may lose the views of the last second (PostgreSQL, "Asynchronous
    Commit").
    """
    asked = {"viewer": viewer, "video": video}
    seen, given = _SEEN.form(asked)
    shown, _ = _WATCHED.form(asked)
    now = timezone.now()
    parameters = [*seen.arguments(given), now]
    remembers = isinstance(viewer, User)
    if remembers:
        parameters += [uuid7(), viewer.pk, now]
    sql = _watching(seen.sql, shown.sql, remembers)
    rows = run(sql, [*parameters, *shown.arguments(given)])
    for record in make(VideoRecord, shown.names, rows):
        # The statement does not see what it adds.
        record.pending_views += 1
        return record
    return None


@lru_cache
def _watching(seen: str, shown: str, remembers: bool) -> str:
    steps = [_LOCK.format(seen), _COUNT, *([_REMEMBER] if remembers else [])]
    return _WATCH.format(steps=", ".join(steps), shown=shown)


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

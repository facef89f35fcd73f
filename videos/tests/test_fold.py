"""Folding views into totals and days."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from videos.models import DailyViews, Video, ViewEvent
from videos.services import views
from videos.tasks import fold_views
from videos.tests.factories import VideoFactory

pytestmark = pytest.mark.django_db


def seen(video: Video, *moments: datetime) -> None:
    for moment in moments:
        event = ViewEvent.objects.create(video=video)
        ViewEvent.objects.filter(pk=event.pk).update(viewed_at=moment)


def assert_totals_are_sums() -> None:
    """Ask what `manage.py doctor` asks."""
    assert not Video.objects.miscounted().exists()


def test_totals_and_days_grow_by_what_was_seen() -> None:
    first, second, unseen = VideoFactory.create_batch(3)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    seen(first, noon, noon, noon + timedelta(days=1))
    seen(second, noon)

    assert views.fold_views() == 2
    assert {video.pk: video.views for video in Video.objects.all()} == {
        first.pk: 3,
        second.pk: 1,
        unseen.pk: 0,
    }
    assert set(DailyViews.objects.values_list("video", "day", "views")) == {
        (first.pk, date(2026, 3, 1), 2),
        (first.pk, date(2026, 3, 2), 1),
        (second.pk, date(2026, 3, 1), 1),
    }
    assert not ViewEvent.objects.exists()


def test_days_begin_at_midnight_utc() -> None:
    video = VideoFactory.create()
    tokyo, new_york = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))
    seen(
        video,
        datetime(2026, 1, 1, 0, 30, tzinfo=tokyo),
        datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2025, 12, 31, 20, 0, tzinfo=new_york),
    )
    views.fold_views()

    assert dict(DailyViews.objects.values_list("day", "views")) == {
        date(2025, 12, 31): 2,
        date(2026, 1, 1): 2,
    }


def test_folding_again_changes_nothing() -> None:
    video = VideoFactory.create()
    seen(video, datetime(2026, 3, 1, tzinfo=UTC))

    assert [views.fold_views() for _ in range(3)] == [1, 0, 0]
    video.refresh_from_db()
    assert video.views == 1
    assert DailyViews.objects.get().views == 1


def test_a_day_that_is_there_already_grows() -> None:
    video = VideoFactory.create()
    for _ in range(3):
        seen(video, datetime(2026, 3, 1, tzinfo=UTC))
        views.fold_views()

    video.refresh_from_db()
    assert video.views == DailyViews.objects.get().views == 3


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 8])
def test_more_videos_than_a_statement_takes(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(views, "FOLD_VIDEOS", batch)
    for number, video in enumerate(VideoFactory.create_batch(7), 1):
        seen(video, *[datetime(2026, 3, day % 3 + 1, tzinfo=UTC) for day in range(number)])

    assert views.fold_views() == 7
    assert sorted(Video.objects.values_list("views", flat=True)) == [1, 2, 3, 4, 5, 6, 7]
    assert not ViewEvent.objects.exists()
    assert_totals_are_sums()


def test_the_job_folds(run_jobs: Callable[[], list[str]]) -> None:
    video = VideoFactory.create()
    seen(video, datetime(2026, 3, 1, tzinfo=UTC))
    fold_views.configure(task_kwargs={"timestamp": 0}).defer()

    assert run_jobs() == ["fold_views"]
    video.refresh_from_db()
    assert video.views == 1


def test_folding_does_not_make_a_video_look_edited() -> None:
    video = VideoFactory.create()
    seen(video, datetime(2026, 3, 1, tzinfo=UTC))
    views.fold_views()

    assert Video.objects.get().updated_at == video.updated_at


def test_deleting_a_video_takes_its_days_and_events_along() -> None:
    video = VideoFactory.create()
    seen(video, datetime(2026, 3, 1, tzinfo=UTC))
    views.fold_views()
    seen(video, datetime(2026, 3, 1, tzinfo=UTC))
    video.delete()

    assert not DailyViews.objects.exists()
    assert not ViewEvent.objects.exists()
    assert views.fold_views() == 0

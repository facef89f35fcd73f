"""The database itself refuses rows that make no sense."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from users.models import User
from videos.models import (
    DailyViews,
    Notification,
    Transcoding,
    Video,
    ViewEvent,
    WatchHistory,
)
from videos.tests.factories import RenditionFactory, VideoFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = "0123456789abcdef" * 2


def refused(name: str, write: Any) -> None:
    """Fail unless a write is refused by the constraint of this name."""
    with pytest.raises(IntegrityError, match=f'"{name}"'), transaction.atomic():
        write()


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("videos_video_title_not_empty", {"title": ""}),
        ("videos_video_duration", {"duration": -0.1}),
        ("videos_video_views", {"views": -1}),
        ("videos_video_processing_status", {"processing_status": "DONE"}),
        ("videos_video_folder", {"folder": "", "stored_folder": f"p/{KEY}"}),
        ("videos_video_folder", {"folder": f"x/{KEY}"}),
        ("videos_video_folder", {"folder": f"p/{KEY}/more"}),
        ("videos_video_folder", {"folder": "p/../../etc"}),
        ("videos_video_folder", {"folder": f"p/{KEY.upper()}"}),
        ("videos_video_folder", {"folder": f"incoming/{KEY}"}),
        ("videos_video_folder", {"folder": f"p/{KEY}\n"}),
        ("videos_video_stored_folder", {"stored_folder": f"trash/{KEY}"}),
        ("videos_video_stored_folder", {"stored_folder": "incoming"}),
        ("videos_video_stored_folder", {"stored_folder": f"/p/{KEY}"}),
        ("videos_video_hidden_in_h", {"is_published": False, "folder": f"p/{KEY}"}),
        ("videos_video_hidden_in_h", {"removed_at": NOON, "folder": f"p/{KEY}"}),
        ("videos_video_published_has_file", {"video_file": ""}),
        ("videos_video_video_bytes", {"video_bytes": -1}),
        ("videos_video_error_when_failed", {"processing_error": "Gone."}),
        ("videos_video_stream_file", {"stream_file": "hls-0a1b2c3d/index.m3u8"}),
        ("videos_video_stream_file", {"stream_file": "hls-0A1B2C3D/master.m3u8"}),
        ("videos_video_stream_file", {"stream_file": "../hls-0a1b2c3d/master.m3u8"}),
        ("videos_video_stream_file", {"stream_file": "ftp://videos.example/master.m3u8"}),
        ("videos_video_width_check", {"width": -1}),
        ("videos_video_height_check", {"height": -1}),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_bad_video(constraint: str, fields: dict[str, Any]) -> None:
    video = VideoFactory.create()

    refused(constraint, lambda: Video.objects.filter(pk=video.pk).update(**fields))


@pytest.mark.parametrize(
    "stream", ["", "hls-0a1b2c3d/master.m3u8", "https://videos.example/sp_auto/x.m3u8"]
)
def test_a_stream_is_here_or_elsewhere(stream: str) -> None:
    assert VideoFactory.create(stream_file=stream).stream_file == stream


@pytest.mark.parametrize("wrong", [{"height": 0}, {"width": 0}, {"bitrate": 0}])
def test_a_quality_without_a_size(wrong: dict[str, int]) -> None:
    video = VideoFactory.create()

    refused("videos_rendition_positive", lambda: RenditionFactory.create(video=video, **wrong))


def test_a_quality_is_there_once() -> None:
    video = RenditionFactory.create().video

    refused("videos_rendition_unique", lambda: RenditionFactory.create(video=video))


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("videos_transcoding_stream_folder", {"stream_folder": ""}),
        ("videos_transcoding_stream_folder", {"stream_folder": "hls-0a1b2c3d/240p"}),
        ("videos_transcoding_stream_folder", {"stream_folder": ".."}),
        ("videos_transcoding_percent", {"percent": 101}),
        ("videos_transcoding_rungs", {"rungs": [240, 241]}),
        ("videos_transcoding_rungs", {"rungs": []}),
    ],
)
def test_a_bad_transcoding(constraint: str, fields: dict[str, Any]) -> None:
    good = {"video": VideoFactory.create(), "stream_folder": "hls-0a1b2c3d", "rungs": [240]}

    refused(constraint, lambda: Transcoding.objects.create(**good | fields))


@pytest.mark.parametrize("digest", ["", KEY, KEY.upper() * 2, f"{KEY}\n"])
def test_a_notification_is_known_by_its_digest(digest: str) -> None:
    refused("videos_notification_digest", lambda: Notification.objects.create(digest=digest))


def test_two_videos_never_share_a_folder() -> None:
    first, second = VideoFactory.create_batch(2)

    refused(
        "videos_video_folder_unique",
        lambda: Video.objects.filter(pk=second.pk).update(folder=first.folder),
    )


@pytest.mark.parametrize("folder", [f"h/{KEY}", f"p/{KEY}"])
def test_a_published_video_may_be_in_either_area(folder: str) -> None:
    video = VideoFactory.create(folder=folder)

    assert Video.objects.get().folder == video.folder


@pytest.mark.parametrize("views", [0, -1])
def test_a_day_has_views(views: int) -> None:
    video = VideoFactory.create()

    refused(
        "videos_dailyviews_views",
        lambda: DailyViews.objects.create(video=video, day=date(2026, 1, 1), views=views),
    )


def test_a_day_is_there_once() -> None:
    video = VideoFactory.create()
    day = {"video": video, "day": date(2026, 1, 1), "views": 1}
    DailyViews.objects.create(**day)

    refused("videos_dailyviews_unique", lambda: DailyViews.objects.create(**day))


def test_a_video_is_in_a_history_once(user: User) -> None:
    entry = {"user": user, "video": VideoFactory.create(), "watched_at": timezone.now()}
    WatchHistory.objects.create(**entry)

    refused("videos_watchhistory_unique", lambda: WatchHistory.objects.create(**entry))


@pytest.mark.parametrize("model", [ViewEvent, DailyViews, WatchHistory])
def test_nothing_refers_to_a_video_that_is_not_there(user: User, model: type[models.Model]) -> None:
    fields: dict[str, Any] = {
        ViewEvent: {},
        DailyViews: {"day": date(2026, 1, 1), "views": 1},
        WatchHistory: {"user": user, "watched_at": timezone.now()},
    }[model]

    def write() -> None:
        model._default_manager.create(video_id=uuid4(), **fields)
        connection.check_constraints()

    with pytest.raises(IntegrityError, match="violates foreign key"), transaction.atomic():
        write()


def test_every_constraint_that_has_a_name_is_tried_here() -> None:
    named = {
        constraint.name
        for model in apps.get_app_config("videos").get_models()
        for constraint in model._meta.constraints
    }

    assert named == {
        "videos_video_title_not_empty",
        "videos_video_duration",
        "videos_video_views",
        "videos_video_processing_status",
        "videos_video_folder",
        "videos_video_stored_folder",
        "videos_video_hidden_in_h",
        "videos_video_folder_unique",
        "videos_video_published_has_file",
        "videos_video_video_bytes",
        "videos_video_error_when_failed",
        "videos_video_stream_file",
        "videos_rendition_unique",
        "videos_rendition_positive",
        "videos_transcoding_stream_folder",
        "videos_transcoding_percent",
        "videos_transcoding_rungs",
        "videos_notification_digest",
        "videos_dailyviews_unique",
        "videos_dailyviews_views",
        "videos_watchhistory_unique",
    }

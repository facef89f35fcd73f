"""What jobs and commands change shows at once, whatever was remembered."""

import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import TestCase

from dashboard.services.seeding import Amounts, clips
from dashboard.tests.importing import Run
from dashboard.tests.old_service import OldService
from dashboard.tests.twins import World, assert_shows
from social.models import DecisionName
from social.roles import Role
from social.tests.deciding import acting, decided
from users.models import User
from users.services import pictures
from users.services.staff import appoint
from videos.models import ProcessingStatus
from videos.services import assets, homecoming, pushes, standing, transcoding
from videos.services.streams import confirm_stream
from videos.services.videos import set_published
from videos.tests.factories import VideoFactory
from videos.tests.pushing import pushed_video, spooled_video
from videos.tests.streaming import make_source, transcode_once, uploaded
from viztube.api import shared
from viztube.media.backends import MediaUnavailable
from viztube.media.cloud import CloudinaryBackend
from viztube.media.tests.fixtures import picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_entries")]


def shows(world: World, change: Callable[[], object]) -> None:
    """Fail unless what a service does shows at once, when it commits."""

    def committed() -> None:
        with TestCase.captureOnCommitCallbacks(execute=True):
            change()

    assert_shows(world, committed)


@pytest.mark.usefixtures("standin")
class TestOnCloudinary:
    def test_what_came_there(self, world: World) -> None:
        video = spooled_video(world.owner)

        shows(world, lambda: pushes.push_video(video_id=video.pk, since=time.time()))

    def test_what_never_came_there(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        video = spooled_video(world.owner)

        def refuse(**kwargs: Any) -> bool:
            raise MediaUnavailable

        monkeypatch.setattr(pushes, "send_next", refuse)

        shows(world, lambda: pushes.push_video(video_id=video.pk, since=0))
        shows(world, lambda: pushes.push_again(video=video))

    def test_its_stream(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        video = pushed_video(world.owner)
        confirm = partial(
            confirm_stream, video_id=video.pk, public_id=video.video_public_id, since=0
        )
        monkeypatch.setattr(CloudinaryBackend, "answers_with_playlist", lambda *_: False)
        shows(world, confirm)
        monkeypatch.setattr(CloudinaryBackend, "answers_with_playlist", lambda *_: True)
        shows(world, confirm)

    def test_another_id(self, world: World) -> None:
        video = pushed_video(world.owner)
        for published in (False, True):
            set_published(video=video, published=published)

        shows(world, lambda: assets.move_assets(video_id=video.pk))

    def test_what_came_home(self, world: World) -> None:
        video = pushed_video(world.owner)

        shows(world, lambda: homecoming.bring_home(video.pk, "video"))

    def test_pictures(self, world: World) -> None:
        for path, name in (("avatar", "avatar"), ("cover-image", "coverImage")):
            world.as_owner.patch(f"user/update-{path}", {name: picture()})
        for column in pictures.COLUMNS:
            for move in (pictures.push_picture, pictures.fetch_picture):
                shows(world, partial(move, user_id=world.owner.pk, column=column))


def test_a_stream_made_here(world: World, settings: Any, tmp_path: Path) -> None:
    settings.HLS_TOP_RUNG = 240
    video = uploaded(make_source(tmp_path), user=world.owner)

    shows(world, lambda: transcode_once(video))


@pytest.mark.parametrize("why", ["no streams are made", "it was cut off too often"])
def test_a_stream_that_is_not_made(world: World, settings: Any, why: str) -> None:
    settings.HLS_TOP_RUNG = 240
    video = VideoFactory.create(
        user=world.owner, files=True, processing_status=ProcessingStatus.PROCESSING
    )
    transcoding.request_stream(video=video)
    if why == "no streams are made":
        settings.HLS_TOP_RUNG = 0
    else:
        video.transcoding.attempts = transcoding.MAX_ATTEMPTS
        video.transcoding.save()

    shows(
        world,
        lambda: transcoding.transcode(video_id=video.pk, reason_to_end=lambda: None),
    )


def test_files_that_follow_their_owner(world: World) -> None:
    decided(world.owner, DecisionName.SUSPEND, by=acting(Role.OPERATOR))
    # As it ends by the clock.
    User.objects.update(suspended_until=None)
    shared.forget(shared.EVERYTHING)

    shows(world, standing.follow_standing)


def test_who_is_made_staff_again(world: World) -> None:
    User.objects.filter(pk=world.owner.pk).update(is_active=False)

    shows(world, lambda: appoint(username="owner", email=world.owner.email, password=None))


def test_seeding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "CLIPS", (("testsrc2=size=64x48:rate=5", 440, 1),))
    others = {field.name for field in fields(Amounts)} - {"users", "videos"}
    none = dict.fromkeys(others, 0)

    shows(world, lambda: call_command("seed_demo", users=1, videos=1, force=True, **none))


def test_an_import(world: World, run_import: Run, old_service: OldService) -> None:
    shows(world, lambda: run_import(old_service))

"""Videos in Django admin, over HTTP."""

from typing import Any

import pytest
from django.test import Client as DjangoClient
from django.utils import timezone

from users.tests.browsers import Browser, browser_of, run_action, staff, superuser
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import Transcoding, Video
from videos.tests.factories import RenditionFactory, VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

LIST = "/admin/videos/video/"


@pytest.fixture
def admin() -> Browser:
    """Return a browser of somebody who may do everything."""
    return browser_of(superuser())


@pytest.fixture
def viewer() -> DjangoClient:
    """Return a browser of staff who may only look at videos."""
    return browser_of(staff("view_video"))


def test_the_list_shows_every_video_hidden_ones_too(admin: DjangoClient) -> None:
    shown = VideoFactory.create(title="A shown one")
    VideoFactory.create(title="A hidden one", is_published=False)
    VideoFactory.create(title="A removed one", removed_at=timezone.now())
    page = admin.get(LIST).content.decode()

    for text in ("A shown one", "A hidden one", "A removed one", shown.user.username):
        assert text in page


@pytest.mark.parametrize("by", ["title", "owner", "id"])
def test_a_search_finds_by_title_owner_and_id(admin: DjangoClient, by: str) -> None:
    owner = UserFactory.create(username="somebody")
    video = VideoFactory.create(title="Volcano", user=owner)
    VideoFactory.create(title="Cake")
    word = {"title": "volc", "owner": "@somebody", "id": str(video.pk)}[by]
    page = admin.get(LIST, {"q": word}).content.decode()

    assert "Volcano" in page
    assert "Cake" not in page


def test_the_filters_answer(admin: DjangoClient) -> None:
    VideoFactory.create(title="Volcano")
    VideoFactory.create(title="Cake", is_published=False)
    page = admin.get(LIST, {"is_published__exact": "0"}).content.decode()

    assert "Cake" in page
    assert "Volcano" not in page


def test_the_list_costs_the_same_for_more_rows(admin: DjangoClient) -> None:
    costs = []
    for rows in (1, 30):
        VideoFactory.create_batch(rows)
        with captured_queries() as statements:
            admin.get(LIST)
        costs.append(len(statements))

    assert costs[0] == costs[1]


def test_the_page_of_a_video_plays_it(admin: DjangoClient, api: Client) -> None:
    video = VideoFactory.create(title="<b>Bold</b>", files=True)
    page = admin.get(f"{LIST}{video.pk}/change/").content.decode()

    address = f"/media/{video.video_path}"
    assert f'{address}" poster=' in page
    assert f'/media/{video.thumbnail_path}" controls' in page
    assert "<b>Bold</b>" not in page
    assert api.get(address).status == 200


def test_a_video_without_a_poster_has_a_player_too(admin: DjangoClient) -> None:
    video = VideoFactory.create(thumbnail_file="")

    assert 'poster="" controls' in admin.get(f"{LIST}{video.pk}/change/").content.decode()


def test_nothing_can_be_edited(admin: DjangoClient) -> None:
    video = VideoFactory.create(title="Before")
    page = admin.get(f"{LIST}{video.pk}/change/").content.decode()

    assert 'name="title"' not in page
    assert 'name="_save"' not in page
    answer = admin.post(f"{LIST}{video.pk}/change/", {"title": "After"})
    assert answer.status_code == 403
    assert Video.objects.get().title == "Before"


def test_nothing_can_be_added_or_deleted(admin: DjangoClient) -> None:
    video = VideoFactory.create()

    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{video.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in admin.get(LIST).content.decode()
    assert Video.objects.exists()


@pytest.fixture
def failed(settings: Any) -> Video:
    """Return a video that could not be brought to Cloudinary, which is in use."""
    settings.CLOUDINARY_ACCOUNT = object()
    return VideoFactory.create(processing_status="FAILED", processing_error="Too strange")


def test_what_failed_is_sent_to_cloudinary_again(admin: Browser, failed: Video) -> None:
    done = VideoFactory.create()
    without_file = VideoFactory.create(
        processing_status="FAILED", video_file="", is_published=False
    )
    page = run_action(admin, LIST, "try_again", failed, done, without_file)

    assert "1 videos are being processed again." in page.content.decode()
    failed.refresh_from_db()
    assert (failed.processing_status, failed.processing_error) == ("PROCESSING", "")
    assert waiting_jobs() == ["push_video"]
    without_file.refresh_from_db()
    assert without_file.processing_status == "FAILED"


def test_streams_are_made_again_here(admin: Browser, settings: Any) -> None:
    settings.HLS_TOP_RUNG = 720
    failed = VideoFactory.create(processing_status="FAILED", processing_error="Too strange")
    elsewhere = VideoFactory.create(video_file="https://videos.example/a.mp4")
    page = run_action(admin, LIST, "try_again", failed, elsewhere)

    assert "1 videos are being processed again." in page.content.decode()
    failed.refresh_from_db()
    assert (failed.processing_status, failed.processing_error) == ("PROCESSING", "")
    assert waiting_jobs() == ["transcode_video"]


def test_what_was_made_of_a_video_is_shown(admin: Browser) -> None:
    video = VideoFactory.create(stream_file="hls-0a1b2c3d/master.m3u8")
    RenditionFactory.create(video=video, height=720, width=1280, bitrate=1_642_677)
    Transcoding.objects.create(video=video, stream_folder="hls-99999999", percent=37, attempts=2)
    page = admin.get(f"{LIST}{video.pk}/change/").content.decode()

    assert "1280x720, 1642 kbit/s" in page
    assert "being made: 37 %, 2 attempts begun" in page
    assert "hls-0a1b2c3d/master.m3u8" in page


@pytest.mark.parametrize("who", ["looks", "disk alone"])
def test_nothing_is_sent_again_by_who_may_not_or_to_nowhere(
    failed: Video, settings: Any, who: str
) -> None:
    permissions = ["view_video"] if who == "looks" else ["view_video", "change_video"]
    settings.CLOUDINARY_ACCOUNT = settings.CLOUDINARY_ACCOUNT if who == "looks" else None
    browser = browser_of(staff(*permissions))

    assert "try_again" not in browser.get(LIST).content.decode()
    run_action(browser, LIST, "try_again", failed)
    failed.refresh_from_db()
    assert failed.processing_status == "FAILED"


def test_staff_without_permissions_see_no_videos() -> None:
    browser = DjangoClient()
    browser.force_login(UserFactory.create(is_staff=True))

    assert browser.get(LIST).status_code == 403


def test_people_who_are_not_staff_are_sent_to_the_login() -> None:
    browser = DjangoClient()
    browser.force_login(UserFactory.create())

    answer = browser.get(LIST)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={LIST}")

"""Videos of the service before this one, whose files are on the same Cloudinary account."""

from collections.abc import Callable
from typing import Any

import pytest

from users.models import User
from videos.models import ProcessingStatus, Video
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fetching import fetch
from viztube.media.tests.fixtures import picture
from viztube.media.tests.standin import StandIn

pytestmark = pytest.mark.django_db

CLIP_ID, POSTER_ID = "videos/abc123", "xyz789"


@pytest.fixture
def old(standin: StandIn, user: User) -> Video:
    """Return a video as the import brings it, with a version in its addresses."""
    clip = standin.put("video", CLIP_ID, b"an old clip", format="mp4")
    poster = standin.put("image", POSTER_ID, picture("JPEG").getvalue(), format="jpg")
    return VideoFactory.create(
        user=user,
        video_file=f"{standin.url}/video/upload/v{clip.version}/{CLIP_ID}.mp4",
        thumbnail_file=f"{standin.url}/image/upload/v{poster.version}/{POSTER_ID}.jpg",
        video_public_id=CLIP_ID,
        thumbnail_public_id=POSTER_ID,
    )


def told(video: Video) -> list[str]:
    return [video.video_file, video.thumbnail_file]


def statuses(addresses: list[str]) -> list[int]:
    return [fetch(address).status for address in addresses]


def test_it_keeps_its_ids_and_addresses(
    old: Video, user_client: Client, run_jobs: Callable[[], list[str]], standin: StandIn
) -> None:
    answer = user_client.patch(f"videos/{old.pk}", {"title": "Another title"}).data
    assert run_jobs() == []

    assert [answer["videoFileUrl"], answer["thumbnailUrl"]] == told(old)
    assert [answer["videoFilePublicId"], answer["thumbnailPublicId"]] == [CLIP_ID, POSTER_ID]
    assert statuses(told(old)) == [200, 200]
    assert standin.stored() == {f"video {CLIP_ID}", f"image {POSTER_ID}"}


def test_hiding_it_ends_its_old_addresses(
    old: Video, user_client: Client, run_jobs: Callable[[], list[str]], standin: StandIn
) -> None:
    assert statuses(told(old)) == [200, 200]
    hidden = user_client.patch(f"videos/toggle/publish/{old.pk}").data
    run_jobs()

    assert statuses(told(old)) == [404, 404]
    assert statuses([hidden["videoFileUrl"], hidden["thumbnailUrl"]]) == [200, 200]
    row = Video.objects.get()
    assert standin.stored() == {f"video {row.folder}/video", f"image {row.folder}/poster"}
    # It had no stream, and nobody asked for one.
    assert row.processing_status == ProcessingStatus.COMPLETED
    assert row.updated_at > old.updated_at


def test_deleting_it_deletes_its_files(
    old: Video, user_client: Client, run_jobs: Callable[[], list[str]], standin: StandIn
) -> None:
    user_client.delete(f"videos/{old.pk}")
    run_jobs()

    assert standin.stored() == set()


def test_a_file_that_another_video_has_too_stays(
    old: Video, user_client: Client, run_jobs: Callable[[], list[str]], standin: StandIn
) -> None:
    VideoFactory.create(
        video_file=old.video_file,
        thumbnail_file=old.thumbnail_file,
        video_public_id=CLIP_ID,
        thumbnail_public_id=POSTER_ID,
    )
    user_client.delete(f"videos/{old.pk}")
    run_jobs()

    assert standin.stored() == {f"video {CLIP_ID}", f"image {POSTER_ID}"}


def test_hiding_it_leaves_the_addresses_of_another_video_alone(
    old: Video, user_client: Client, run_jobs: Callable[[], list[str]], standin: StandIn
) -> None:
    other = VideoFactory.create(
        video_file=old.video_file,
        thumbnail_file=old.thumbnail_file,
        video_public_id=CLIP_ID,
        thumbnail_public_id=POSTER_ID,
    )
    user_client.patch(f"videos/toggle/publish/{old.pk}")
    run_jobs()

    assert statuses(told(other)) == [200, 200]
    assert standin.stored() == {f"video {CLIP_ID}", f"image {POSTER_ID}"}


def test_what_can_be_hidden_is_hidden_although_another_file_is_gone(
    old: Video, user_client: Client, run_jobs: Callable[[], list[str]], standin: StandIn
) -> None:
    del standin.assets["video", CLIP_ID]
    user_client.patch(f"videos/toggle/publish/{old.pk}")
    run_jobs()

    assert statuses(told(old)) == [404, 404]
    assert standin.stored() == {f"image {Video.objects.get().folder}/poster"}


def test_a_new_thumbnail_replaces_the_old_one(
    old: Video, user_client: Client, run_jobs: Callable[[], list[str]], standin: StandIn
) -> None:
    user_client.patch(f"videos/{old.pk}", {"thumbnail": picture("PNG")})
    run_jobs()

    row = Video.objects.get()
    assert standin.stored() == {f"video {CLIP_ID}", f"image {row.thumbnail_public_id}"}
    assert fetch(row.thumbnail_file).content_type == "image/png"
    assert row.video_file == old.video_file
    assert row.processing_status == ProcessingStatus.COMPLETED


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"video_file": "https://res.cloudinary.com/other/video/upload/v1/abc123.mp4"},
        {"video_file": "https://files.example/abc123.mp4", "video_public_id": ""},
    ],
    ids=["another account", "another place"],
)
def test_a_file_elsewhere_is_never_touched(
    user: User,
    user_client: Client,
    run_jobs: Callable[[], list[str]],
    standin: StandIn,
    elsewhere: dict[str, Any],
) -> None:
    fields = {"video_public_id": "abc123", "thumbnail_file": "", **elsewhere}
    video = VideoFactory.create(user=user, **fields)
    hidden = user_client.patch(f"videos/toggle/publish/{video.pk}").data
    assert hidden["videoFileUrl"] == video.video_file
    user_client.delete(f"videos/{video.pk}")
    run_jobs()

    assert standin.requests == []


def test_without_cloudinary_its_addresses_go_on_working_and_nothing_is_asked(
    old: Video, user_client: Client, settings: Any, standin: StandIn
) -> None:
    settings.CLOUDINARY_ACCOUNT = None
    hidden = user_client.patch(f"videos/toggle/publish/{old.pk}").data

    assert hidden["videoFileUrl"] == old.video_file
    assert waiting_jobs() == []
    assert standin.requests == []

"""`manage.py migrate_media --to local`: what may happen on the way home from Cloudinary."""

from collections.abc import Callable
from pathlib import Path

import pytest

from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.services import migration, pushes
from videos.services.videos import set_published
from videos.tests.factories import VideoFactory
from videos.tests.migrating import (
    JPEG,
    MP4,
    PNG,
    Crashed,
    crash,
    failing,
    files_of,
    local_person,
    local_video,
    migrate,
    moved,
    old_video,
)
from videos.tests.pushing import pushed_video
from viztube.api.tests.fixtures import Client
from viztube.media import uploads
from viztube.media.backends import disk
from viztube.media.cloud import CloudinaryBackend
from viztube.media.disk import DiskBackend
from viztube.media.tests.fetching import fetch
from viztube.media.tests.fixtures import picture
from viztube.media.tests.standin import StandIn

pytestmark = pytest.mark.django_db

Listing = Callable[[], set[str]]
Finish = Callable[[], None]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "PAUSES", (0.0, 0.0))


@pytest.mark.parametrize("step", ["fetch", "make", "add"])
def test_acrash_on_the_way_home_neither_loses_nor_leaves_anything(
    standin: StandIn,
    finish_jobs: Finish,
    stored_files: Listing,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    video = local_video()
    migrate("cloudinary")
    finish_jobs()
    sent = standin.stored()
    with monkeypatch.context() as patch:
        patch.setattr(CloudinaryBackend if step == "fetch" else DiskBackend, step, crash)
        with pytest.raises(Crashed):
            migrate("local")
    finish_jobs()
    assert standin.stored() == sent
    assert stored_files() == set()
    assert files_of(video) == (MP4, JPEG)

    assert moved(migrate("local")) == 2
    finish_jobs()
    assert files_of(video) == (MP4, JPEG)
    assert standin.stored() == set()


def test_videos_of_the_old_service_come_home(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing
) -> None:
    video = old_video(standin)
    assert moved(migrate("local")) == 2
    finish_jobs()

    assert files_of(video) == (MP4, PNG)
    assert stored_files() == {f"{video.folder}/video.mp4", f"{video.folder}/poster.png"}
    assert standin.stored() == set()
    video.refresh_from_db()
    assert (video.video_bytes, video.video_format) == (len(MP4), "mp4")


def test_a_file_that_two_videos_share_goes_with_the_second(
    standin: StandIn, finish_jobs: Finish
) -> None:
    videos = [old_video(standin), old_video(standin)]
    assert moved(migrate("local")) == 4
    finish_jobs()

    assert len({Video.objects.get(pk=video.pk).video_path for video in videos}) == 2
    for video in videos:
        files_of(video)
    assert standin.stored() == set()


@pytest.mark.parametrize(
    ("address", "public_id", "stays"),
    [
        ("v1/old/a%20clip", "old/a clip", False),
        # Only that shows what plays; the file itself may be what somebody else's is made of.
        ("q_auto/v1/old/clip.mp4", "old/clip", True),
    ],
)
def test_names_of_the_old_service_stay_behind(
    standin: StandIn, finish_jobs: Finish, address: str, public_id: str, stays: bool
) -> None:
    standin.put("video", public_id, MP4, format="mp4")
    video = VideoFactory.create(
        video_file=f"{standin.url}/video/upload/{address}",
        video_public_id=public_id,
        thumbnail_file="",
    )
    migrate("local")
    finish_jobs()

    video.refresh_from_db()
    assert video.video_file == "video.mp4"
    assert fetch(disk().url(video.video_path)).content == MP4
    assert standin.stored() == ({f"video {public_id}"} if stays else set())


def test_a_video_whose_renaming_waits_comes_home_from_where_it_is(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing
) -> None:
    video = local_video()
    migrate("cloudinary")
    finish_jobs()
    set_published(video=video, published=False)
    assert moved(migrate("local")) == 2
    finish_jobs()

    assert files_of(video) == (MP4, JPEG)
    assert all(path.startswith("h/") for path in stored_files())
    assert standin.stored() == set()


def test_a_video_hidden_while_it_comes_home_comes_home_hidden(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = local_video()
    migrate("cloudinary")
    finish_jobs()
    real = CloudinaryBackend.fetch

    def fetch_slowly(self: CloudinaryBackend, address: str, target: Path) -> None:
        monkeypatch.setattr(CloudinaryBackend, "fetch", real)
        real(self, address, target)
        set_published(video=video, published=False)

    monkeypatch.setattr(CloudinaryBackend, "fetch", fetch_slowly)
    assert moved(migrate("local")) == 2
    finish_jobs()

    assert files_of(video) == (MP4, JPEG)
    assert all(path.startswith("h/") for path in stored_files())
    assert standin.stored() == set()


def test_a_video_deleted_while_it_comes_home_leaves_nothing(
    standin: StandIn,
    user_client: Client,
    user: User,
    finish_jobs: Finish,
    stored_files: Listing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video = local_video(user=user)
    migrate("cloudinary")
    finish_jobs()
    real = CloudinaryBackend.fetch

    def fetch_slowly(self: CloudinaryBackend, address: str, target: Path) -> None:
        real(self, address, target)
        user_client.delete(f"videos/{video.pk}")

    monkeypatch.setattr(CloudinaryBackend, "fetch", fetch_slowly)
    assert moved(migrate("local")) == 0
    finish_jobs()
    assert stored_files() == set()
    assert standin.stored() == set()


def test_a_push_that_finds_the_file_that_came_home_keeps_it(
    standin: StandIn, finish_jobs: Finish
) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    video = pushed_video(content=MP4)
    migrate("local")
    pushes.push_on_commit(video=Video.objects.get(pk=video.pk))
    locks = ProcrastinateJob.objects.filter(
        task_name__in=("videos.tasks.remove_asset", "videos.tasks.push_video")
    )
    assert set(locks.values_list("lock", flat=True)) == {f"push-{video.pk}"}
    pushes.push_video(video_id=video.pk, since=0)
    finish_jobs()

    video.refresh_from_db()
    assert fetch(video.video_file).content == MP4


def test_files_that_are_gone_at_cloudinary_are_told_and_the_others_come_home(
    standin: StandIn, finish_jobs: Finish
) -> None:
    lost, moving = local_video(), local_video()
    migrate("cloudinary")
    finish_jobs()
    lost.refresh_from_db()
    address = lost.video_file
    del standin.assets["video", lost.video_public_id]
    set_published(video=moving, published=False)
    moving.refresh_from_db()
    del standin.assets["video", moving.video_public_id]
    _, told = failing("local")

    assert f"original of video {lost.pk}: The file is gone." in told
    assert f"original of video {moving.pk}: The file is gone." in told
    lost.refresh_from_db()
    assert (lost.video_file, lost.thumbnail_file) == (address, "poster.jpg")


def test_a_file_of_another_size_stays_where_it_is(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing
) -> None:
    video = local_video()
    migrate("cloudinary")
    finish_jobs()
    Video.objects.update(video_bytes=7)
    _, told = failing("local")
    finish_jobs()

    assert f"original of video {video.pk}: It has 7 bytes, and " in told
    assert len(standin.stored()) == 1
    assert stored_files() == {f"{video.folder}/poster.jpg"}


def test_pictures_of_the_old_service_come_home_and_stay_there_as_well(
    standin: StandIn, finish_jobs: Finish
) -> None:
    face = standin.put("image", "old/face", PNG, format="png")
    user = UserFactory.create(avatar=face.secure_url, cover_image="https://other.example/x.jpg")
    was = user.updated_at
    told = migrate("local")
    finish_jobs()

    assert moved(told) == 1
    assert "staying: pictures of the old service, at Cloudinary as well as here" in told
    assert "staying: files at addresses outside this account" in told
    user.refresh_from_db()
    assert fetch(disk().url(user.avatar)).content == PNG
    assert user.cover_image == "https://other.example/x.jpg"
    assert user.updated_at == was
    assert standin.stored() == {"image old/face"}


@pytest.mark.parametrize("gone", [False, True])
def test_a_picture_replaced_while_it_comes_home_stays_replaced(
    standin: StandIn,
    client_for: Callable[[User], Client],
    finish_jobs: Finish,
    stored_files: Listing,
    monkeypatch: pytest.MonkeyPatch,
    gone: bool,
) -> None:
    person = local_person()
    migrate("cloudinary")
    finish_jobs()
    real = CloudinaryBackend.fetch

    def fetch_slowly(self: CloudinaryBackend, address: str, target: Path) -> None:
        monkeypatch.setattr(CloudinaryBackend, "fetch", real)
        client_for(person).patch("user/update-avatar", {"avatar": picture("JPEG")})
        if gone:
            finish_jobs()
        real(self, address, target)

    monkeypatch.setattr(CloudinaryBackend, "fetch", fetch_slowly)
    migrate("local")
    finish_jobs()
    migrate("local")
    finish_jobs()

    person.refresh_from_db()
    assert fetch(disk().url(person.avatar)).content_type == "image/jpeg"
    assert standin.stored() == set()
    assert len(stored_files()) == 2


def test_a_full_disk_stops_the_way_home(
    standin: StandIn, finish_jobs: Finish, stored_files: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_video()
    migrate("cloudinary")
    finish_jobs()
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "RESERVED_BYTES", 10**18)
        problem, told = failing("local")
    assert "Make room below MEDIA_ROOT. Then run the same command again" in problem
    assert moved(told) == 0
    assert stored_files() == set()

    assert moved(migrate("local")) == 2

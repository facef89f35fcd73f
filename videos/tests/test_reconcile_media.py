"""`manage.py reconcile_media`: files that no row names, and rows whose files are gone."""

import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from users.models import User
from users.tests.factories import UserFactory
from videos.models import ProcessingStatus, Video
from videos.services import reconciliation
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client
from viztube.media.paths import is_stored_folder, new_folder
from viztube.media.tests.fixtures import picture
from viztube.media.tests.standin import Fault, StandIn

pytestmark = pytest.mark.django_db

OLD = timedelta(days=2)
JPEG = picture("JPEG").getvalue()


def reconcile(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, tuple[int, int]]:
    """Run the command; return how many of each difference were found and dealt with."""
    call_command("reconcile_media", *options)
    rows = [
        line.rsplit(maxsplit=2) for line in capsys.readouterr().out.split("\n\n")[0].split("\n")
    ]
    return {
        row[0].replace("  ", ""): (int(row[1]), int(row[2])) for row in rows[1:] if len(row) == 3
    }


def folder_of_old(media_root: Path, folder: str, age: timedelta = OLD) -> str:
    place = media_root / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / "video.mp4").write_bytes(b"0123456789")
    past = time.time() - age.total_seconds()
    os.utime(place, (past, past))
    return folder


def age_folders(media_root: Path) -> None:
    past = time.time() - OLD.total_seconds()
    for area in ("p", "h"):
        for place in (media_root / area).glob("*"):
            os.utime(place, (past, past))


def test_folders_that_no_row_names_are_deleted_once_they_are_old(
    media_root: Path, stored_files: Callable[[], set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    lost = [folder_of_old(media_root, new_folder(area)) for area in ("p", "h")]
    young = folder_of_old(media_root, new_folder("p"), timedelta(hours=23))
    kept = [VideoFactory.create(files=True), VideoFactory.create(files=True, is_published=False)]
    moving = VideoFactory.create(files=True, stored_folder=new_folder("h"))
    for video in (*kept, moving):
        past = time.time() - OLD.total_seconds()
        os.utime(media_root / video.stored_folder, (past, past))

    found = reconcile(capsys, "--dry-run")
    assert found["diskfolders that no row names"] == (2, 0)
    assert {f"{folder}/video.mp4" for folder in lost} <= stored_files()

    assert reconcile(capsys)["diskfolders that no row names"] == (2, 2)
    assert {name.rpartition("/")[0] for name in stored_files()} == {
        young,
        moving.stored_folder,
        *(video.folder for video in kept),
    }
    assert reconcile(capsys)["diskfolders that no row names"] == (0, 0)


def test_pictures_and_shared_clips_are_in_use(
    media_root: Path,
    user_client: Client,
    run_jobs: Callable[[], list[str]],
    stored_files: Callable[[], set[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    user_client.patch("user/update-avatar", {"avatar": picture()})
    user_client.patch("user/update-cover-image", {"coverImage": picture()})
    run_jobs()
    clip = folder_of_old(media_root, new_folder("p"))
    face = folder_of_old(media_root, new_folder("p"))
    VideoFactory.create(video_file=f"{clip}/video.mp4", thumbnail_file=f"{clip}/poster.jpg")
    UserFactory.create(avatar=f"{face}/faces/face.jpg")
    age_folders(media_root)
    before = stored_files()

    assert reconcile(capsys)["diskfolders that no row names"] == (0, 0)
    assert stored_files() == before


def test_only_so_much_is_deleted_in_one_run(
    media_root: Path, stored_files: Callable[[], set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        folder_of_old(media_root, new_folder("p"))
    call_command("reconcile_media", "--limit", "2")
    told = capsys.readouterr().out

    assert len(stored_files()) == 1
    assert "1 were left for another run: see --limit." in told


def test_files_that_are_gone_are_told(
    media_root: Path, user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, half, none = VideoFactory.create_batch(3, files=True)
    (media_root / half.folder / half.thumbnail_file).unlink()
    (media_root / none.folder).rename(media_root / "elsewhere")
    User.objects.filter(pk=user.pk).update(avatar=f"{new_folder('p')}/avatar.png")
    call_command("reconcile_media")
    told = capsys.readouterr().out

    assert f"{half.thumbnail_path} of video {half.pk}" in told
    assert f"{none.video_path} of video {none.pk}" in told
    assert f"avatar.png of user {user.pk}" in told
    assert str(whole.pk) not in told
    assert reconcile(capsys)["diskfiles that rows name and that are gone"] == (4, 0)


def put(standin: StandIn, kind: str, name: str, age: timedelta = OLD) -> str:
    standin.put(kind, name, JPEG, format="jpg" if kind == "image" else "mp4", age=age)
    return f"{kind} {name}"


def pushed(user_client: Client, finish_jobs: Callable[[], None], clip: Any, **fields: Any) -> Video:
    answer = user_client.post("videos", {"title": "x", "videoFile": clip, **fields})
    finish_jobs()
    video: Video = Video.objects.get(pk=answer.data["video"]["id"])
    return video


def age_assets(standin: StandIn) -> None:
    for asset in standin.assets.values():
        asset.created_at -= OLD


def forget_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def test_assets_that_no_row_names_are_deleted_once_they_are_old(
    standin: StandIn,
    user_client: Client,
    finish_jobs: Callable[[], None],
    tiny_clip: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pushed(user_client, finish_jobs, tiny_clip)
    user_client.patch("user/update-avatar", {"avatar": picture()})
    finish_jobs()
    age_assets(standin)
    kept = standin.stored()
    assert len(kept) == 3
    lost = {
        put(standin, "video", f"{new_folder('p')}/video"),
        put(standin, "image", f"{new_folder('h')}/poster"),
    }
    young = put(standin, "video", f"{new_folder('p')}/video", timedelta(hours=23))
    others = {put(standin, "image", "old/face"), put(standin, "video", "holiday")}

    assert reconcile(capsys, "--dry-run")["Cloudinaryfiles that no row names"] == (2, 0)
    assert lost <= standin.stored()
    assert reconcile(capsys)["Cloudinaryfiles that no row names"] == (2, 2)
    assert standin.stored() == {*kept, young, *others}


def test_an_old_poster_that_was_forgotten_is_deleted_and_the_new_one_is_not(
    standin: StandIn,
    user_client: Client,
    finish_jobs: Callable[[], None],
    tiny_clip: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = pushed(user_client, finish_jobs, tiny_clip)
    age_assets(standin)
    kept = standin.stored()
    put(standin, "image", f"{video.folder}/poster-0f")

    assert reconcile(capsys)["Cloudinaryfiles that no row names"] == (1, 1)
    assert standin.stored() == kept


def test_what_is_on_its_way_is_left_alone(
    standin: StandIn,
    user_client: Client,
    finish_jobs: Callable[[], None],
    tiny_clip: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # One whose renaming waits for its job, and one that is sent and not recorded.
    moving = pushed(user_client, finish_jobs, tiny_clip)
    user_client.patch(f"videos/toggle/publish/{moving.pk}")
    tiny_clip.seek(0)
    user_client.post("videos", {"title": "x", "videoFile": tiny_clip})
    sending = Video.objects.latest("created_at")
    put(standin, "video", f"{sending.folder}/video")
    age_assets(standin)
    before = standin.stored()

    assert reconcile(capsys)["Cloudinaryfiles that no row names"] == (0, 0)
    assert standin.stored() == before


def test_assets_that_are_gone_are_told(
    standin: StandIn,
    user_client: Client,
    finish_jobs: Callable[[], None],
    tiny_clip: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = pushed(user_client, finish_jobs, tiny_clip)
    del standin.assets["video", video.video_public_id]
    call_command("reconcile_media")

    assert f"video {video.video_public_id} of video {video.pk}" in capsys.readouterr().out


def test_videos_whose_renaming_was_forgotten_are_renamed(
    standin: StandIn,
    user_client: Client,
    finish_jobs: Callable[[], None],
    tiny_clip: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = pushed(user_client, finish_jobs, tiny_clip)
    user_client.patch(f"videos/toggle/publish/{video.pk}")
    what = "Cloudinaryvideos on which work was forgotten"
    Video.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert reconcile(capsys)[what] == (0, 0)
    forget_jobs()

    assert reconcile(capsys, "--dry-run")[what] == (1, 0)
    assert reconcile(capsys)[what] == (1, 1)
    finish_jobs()
    folder = Video.objects.get().folder
    assert standin.stored() == {f"video {folder}/video", f"image {folder}/poster"}


def test_videos_that_nobody_was_processing_are_taken_up(
    standin: StandIn,
    user_client: Client,
    finish_jobs: Callable[[], None],
    tiny_clip: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    user_client.post("videos", {"title": "x", "videoFile": tiny_clip})
    long_ago = timezone.now() - timedelta(hours=1)
    Video.objects.update(created_at=long_ago)
    assert reconcile(capsys)["Cloudinaryvideos on which work was forgotten"] == (0, 0)

    forget_jobs()
    assert reconcile(capsys)["Cloudinaryvideos on which work was forgotten"] == (1, 1)
    assert waiting_jobs() == ["push_video"]
    finish_jobs()
    assert Video.objects.get().processing_status == ProcessingStatus.COMPLETED


def test_when_cloudinary_does_not_answer_the_command_says_so(
    standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    standin.fail("resources", Fault.RATE_LIMITED)
    with pytest.raises(CommandError, match=r"rate limit is used up for now\. Run it again later"):
        call_command("reconcile_media")

    assert "folders that no row names" in capsys.readouterr().out


def test_folders_that_go_while_it_looks_do_not_stop_it(
    media_root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [folder_of_old(media_root, new_folder("p")) for _ in range(3)]

    def vanishing(folder: str) -> bool:
        if folder == lost[0]:
            shutil.rmtree(media_root / folder)
        return is_stored_folder(folder)

    monkeypatch.setattr(reconciliation, "is_stored_folder", vanishing)

    assert reconcile(capsys)["diskfolders that no row names"] == (2, 2)


def test_what_a_row_names_by_now_is_not_deleted(
    media_root: Path,
    stored_files: Callable[[], set[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = folder_of_old(media_root, new_folder("p"))
    answers = iter([set[str](), {folder}])
    monkeypatch.setattr(reconciliation, "folders_in_use", lambda folders: next(answers))

    assert reconcile(capsys)["diskfolders that no row names"] == (1, 0)
    assert stored_files() == {f"{folder}/video.mp4"}

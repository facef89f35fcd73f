"""Libraries to move, and running the command that moves them."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.media.backends import disk
from viztube.media.paths import new_folder
from viztube.media.tests.fetching import fetch
from viztube.media.tests.fixtures import CLIP, picture
from viztube.media.tests.standin import StandIn

MP4 = CLIP.read_bytes()
JPEG = picture("JPEG").getvalue()
PNG = picture("PNG").getvalue()


def local_video(**fields: Any) -> Video:
    """Return a video whose files are here, and that no job is about to push."""
    video = VideoFactory.create(files=True, video_bytes=len(MP4), **fields)
    folder = Path(settings.MEDIA_ROOT, video.stored_folder)
    (folder / "video.mp4").write_bytes(MP4)
    (folder / "poster.jpg").write_bytes(JPEG)
    return video


def old_video(standin: StandIn) -> Video:
    """Return a video as the import leaves it: its files on the account, where others may share."""
    standin.put("video", "old/abc", MP4, format="mp4")
    standin.put("image", "old/face", PNG, format="png")
    return VideoFactory.create(
        video_file=f"{standin.url}/video/upload/v1/old/abc.mp4",
        video_public_id="old/abc",
        thumbnail_file=f"{standin.url}/image/upload/v17/old/face.png",
        thumbnail_public_id="old/face",
    )


def local_person() -> User:
    """Return somebody whose pictures are here."""
    folders = {"avatar": new_folder("p"), "cover_image": new_folder("p")}
    for folder in folders.values():
        disk().make(folder)
        Path(settings.MEDIA_ROOT, folder, "picture.png").write_bytes(PNG)
    return UserFactory.create(**{name: f"{at}/picture.png" for name, at in folders.items()})


def migrate(to: str) -> str:
    """Run the command; return what it printed."""
    told = StringIO()
    call_command("migrate_media", "--to", to, stdout=told)
    return told.getvalue()


def failing(to: str) -> tuple[str, str]:
    """Run the command; return the sentence it ends with, and what it printed."""
    told = StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("migrate_media", "--to", to, stdout=told)
    assert failure.value.returncode == 1
    return str(failure.value), told.getvalue()


def moved(told: str) -> int:
    """Return how many files a run moved, by what it printed."""
    (line,) = (line for line in told.splitlines() if line.startswith("moved"))
    return int(line.split()[-1])


def files_of(video: Video) -> tuple[bytes, bytes]:
    """Return what the addresses of a video and its poster deliver now."""
    row = Video.objects.get(pk=video.pk)
    delivered = [fetch(disk().url(path)) for path in (row.video_path, row.thumbnail_path)]
    assert [file.status for file in delivered] == [200, 200]
    return delivered[0].content, delivered[1].content


class Crashed(BaseException):
    """The process was killed."""


def crash(*args: Any, **options: Any) -> None:
    """Stand in for a step at which the process is killed."""
    raise Crashed

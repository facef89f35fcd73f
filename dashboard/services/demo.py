"""Demo content: made by ffmpeg, taken in like any upload."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.db import transaction

from users.models import User
from videos.services.uploads import upload_video
from viztube.media.commands import Kind, run_guarded
from viztube.media.paths import incoming_folder
from viztube.media.uploads import ReceivedFile

DEMO_USERNAME = "demo"
SECONDS = 8

# Title, description, picture (an ffmpeg source and filters), pitch of the sound in Hz.
VIDEOS = (
    (
        "Into the Mandelbrot set",
        "A slow zoom into the best known fractal.",
        "mandelbrot=size=854x480:rate=25:end_scale=0.02:end_pts=240",
        220,
    ),
    (
        "Game of life",
        "Conway's rules on a random field.",
        (
            "life=size=213x120:rate=12:ratio=0.3:mold=20:life_color=#5fd38d:death_color=#1d3557"
            ":mold_color=#22577a,scale=854:480:flags=neighbor"
        ),
        330,
    ),
    (
        "Colours and a clock",
        "The test card every encoder knows: check sound, colour and timing with it.",
        "testsrc2=size=854x480:rate=25",
        440,
    ),
)


class GeneratedFile(ReceivedFile):
    """A file of ours that goes the way of an upload."""

    def __init__(self, path: Path) -> None:
        super().__init__("video/mp4")
        path.replace(self.temporary_file_path())


def create_demo(*, password: str, say: Callable[[str], object]) -> User:
    """Create the staff account ``demo`` and its videos; ``say`` is told what is being made.

    All or nothing: half a demo would look like a database in use the next time.
    """
    with TemporaryDirectory(dir=incoming_folder()) as folder:
        paths = [Path(folder) / f"{number}.mp4" for number in range(len(VIDEOS))]
        for number, (path, (title, _, picture, pitch)) in enumerate(
            zip(paths, VIDEOS, strict=True), 1
        ):
            say(f"Making demo video {number} of {len(VIDEOS)}: {title}")
            _generate(path, picture, pitch)
        with transaction.atomic():
            user: User = User.objects.create_superuser(
                DEMO_USERNAME, "demo@viztube.example", password, fullname="Demo"
            )
            for path, (title, description, _, _) in zip(paths, VIDEOS, strict=True):
                upload_video(
                    user=user,
                    title=title,
                    description=description,
                    is_published=True,
                    video_file=GeneratedFile(path),
                )
    return user


def demo_login_works(password: str) -> bool:
    """Tell whether the demo account exists and still has this password."""
    user = User.objects.filter(username=DEMO_USERNAME, is_staff=True).first()
    return user is not None and user.check_password(password)


def _generate(path: Path, picture: str, pitch: int) -> None:
    run_guarded(
        [
            settings.FFMPEG,
            *("-nostdin", "-v", "error", "-f", "lavfi", "-i", picture),
            *("-f", "lavfi", "-i", f"sine=frequency={pitch}:beep_factor=4,volume=0.2"),
            *("-t", str(SECONDS), "-c:v", "libx264", "-preset", "veryfast", "-crf", "28"),
            *("-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart", "-y", str(path)),
        ],
        kind=Kind.VIDEO,
        timeout=60,
        memory=2 << 30,
    )

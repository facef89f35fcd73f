"""Demo content: made by ffmpeg, taken in like any upload."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import transaction

from dashboard.services.clips import LIFE, MANDELBROT, TEST_CARD, generate_clip
from social.models import Comment, ReportReason, TargetType
from social.services.comments import add_comment
from social.services.reports import report
from users.models import User
from videos.models import Video
from videos.services.uploads import upload_video
from viztube.media.paths import incoming_folder
from viztube.media.uploads import ReceivedFile

DEMO_USERNAME = "demo"
VISITOR = "visitor"
SECONDS = 8

# Title, description, picture (an ffmpeg source and filters), pitch of the sound in Hz.
VIDEOS = (
    ("Into the Mandelbrot set", "A slow zoom into the best known fractal.", MANDELBROT, 220),
    ("Game of life", "Conway's rules on a random field.", LIFE, 330),
    (
        "Colours and a clock",
        "The test card every encoder knows: check sound, colour and timing with it.",
        TEST_CARD,
        440,
    ),
)
# Under which video somebody writes what.
REPORTED = ("Game of life", "Ten thousand views for a dollar! Write to me.")


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
            generate_clip(path, picture=picture, pitch=pitch, seconds=SECONDS)
        with transaction.atomic():
            user: User = User.objects.create_superuser(
                DEMO_USERNAME, "demo@viztube.example", password, fullname="Demo"
            )
            for path, (title, description, _, _) in zip(paths, VIDEOS, strict=True):
                video = upload_video(
                    user=user,
                    title=title,
                    description=description,
                    is_published=True,
                    video_file=GeneratedFile(path),
                )
                if video.title == REPORTED[0]:
                    _spam(video, reporter=user)
    return user


def _spam(video: Video, *, reporter: User) -> None:
    """Let a visitor write something that is reported, so that staff have a case to decide."""
    visitor = User.objects.create_user(VISITOR, "visitor@viztube.example", fullname="A visitor")
    comment = add_comment(user=visitor, video=video, content=REPORTED[1])
    report(
        reporter=reporter,
        targets=Comment.objects.all(),
        target_type=TargetType.COMMENT,
        target_id=comment.pk,
        reason=ReportReason.SPAM,
        details="The same under every video.",
    )


def demo_login_works(password: str) -> bool:
    """Tell whether the demo account exists and still has this password."""
    user = User.objects.filter(username=DEMO_USERNAME, is_staff=True).first()
    return user is not None and user.check_password(password)

"""The few clips that all seeded videos share, made once and kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from PIL import Image, ImageOps

from dashboard.services.clips import LIFE, MANDELBROT, TEST_CARD, generate_clip
from dashboard.services.seeding.amounts import SeedingRefused
from viztube.media.backends import disk
from viztube.media.commands import CommandFailed
from viztube.media.paths import PUBLISHED
from viztube.media.probe import NotAVideo, VideoInfo, extract_poster, probe
from viztube.media.uploads import working_folder

VIDEO_NAME = "video.mp4"
POSTER_NAME = "poster.jpg"
# One level deeper: who gets another avatar discards the folder of the old one if it is a whole one.
FACE_NAME = "faces/face.jpg"
FACE_SIDE = 200  # pixels

# Picture (an ffmpeg source and filters), pitch of the sound in Hz, seconds.
CLIPS = (
    (MANDELBROT, 220, 8),
    (LIFE, 330, 6),
    (TEST_CARD, 440, 10),
    ("testsrc2=size=480x854:rate=25", 550, 4),
)


@dataclass(frozen=True)
class Clip:
    """A clip below the media root: its folder, its length in seconds, its size in pixels."""

    folder: str
    info: VideoInfo


@contextmanager
def shared_clips() -> Iterator[list[Clip]]:
    """Yield the clips, after making those that are missing; raises SeedingRefused.

    A block that fails takes the clips with it that were made for it.
    """
    made: list[str] = []
    try:
        yield [_clip(*recipe, made=made) for recipe in CLIPS]
    except BaseException:
        for folder in made:
            disk().delete(folder)
        raise


def _clip(picture: str, pitch: int, seconds: int, *, made: list[str]) -> Clip:
    """Return a clip; what it is made of names its folder, so that the next run finds it there."""
    key = sha256(f"{picture} {pitch} {seconds}".encode()).hexdigest()[:32]
    folder = f"{PUBLISHED}/{key}"
    place = Path(settings.MEDIA_ROOT) / folder
    try:
        if not place.is_dir():
            _make(folder, picture, pitch, seconds)
            made.append(folder)
        return Clip(folder, probe(place / VIDEO_NAME))
    except (CommandFailed, NotAVideo, OSError) as error:
        raise SeedingRefused(
            f"The clips that the videos share could not be made ({error}): check that FFMPEG and "
            "FFPROBE name programs that work and that MEDIA_ROOT can be written to."
        ) from error


def _make(folder: str, picture: str, pitch: int, seconds: int) -> None:
    with working_folder() as work:
        video, poster, face = (work.path / name for name in (VIDEO_NAME, POSTER_NAME, FACE_NAME))
        generate_clip(video, picture=picture, pitch=pitch, seconds=seconds)
        extract_poster(video, poster, seconds)
        face.parent.mkdir()
        with Image.open(poster, formats=("JPEG",)) as frame:
            ImageOps.fit(frame, (FACE_SIDE, FACE_SIDE)).save(face)
        disk().move(work.name, folder)

"""Makes videos: rows, and for those who need them the files that belong to them."""

from pathlib import Path
from typing import Any

import factory
from django.conf import settings
from factory.django import DjangoModelFactory

from users.tests.factories import UserFactory
from videos.models import Rendition, Video
from viztube.media.paths import new_folder


class VideoFactory(DjangoModelFactory[Video]):
    """A published video; ``files=True`` writes small stand-ins for its files."""

    class Meta:
        model = Video
        skip_postgeneration_save = True

    # Hashing a password for each of many owners would take most of a test's time.
    user = factory.SubFactory(UserFactory, password=None)
    title = factory.Sequence(lambda n: f"Video number {n}")
    duration = 12.5
    width = 1280
    height = 720
    video_file = "video.mp4"
    thumbnail_file = "poster.jpg"

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Video:
        files = kwargs.pop("files", False)
        video: Video = model_class(*args, **kwargs)
        video.folder = video.folder or new_folder(video.area)
        video.stored_folder = video.stored_folder or video.folder
        video.save()
        if files:
            folder = Path(settings.MEDIA_ROOT) / video.stored_folder
            folder.mkdir(parents=True)
            (folder / video.video_file).write_bytes(b"0123456789")
            (folder / video.thumbnail_file).write_bytes(b"poster")
        return video


class RenditionFactory(DjangoModelFactory[Rendition]):
    """One quality of a stream."""

    class Meta:
        model = Rendition

    video = factory.SubFactory(VideoFactory)
    height = 240
    width = 426
    bitrate = 400_000
    codecs = "avc1.640015,mp4a.40.2"

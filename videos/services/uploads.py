"""Taking a video in."""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from users.models import User
from videos.models import ProcessingStatus, Video
from videos.services.publication import relocate_on_commit
from videos.services.pushes import push_on_commit
from videos.services.shown import forget_video_on_commit
from videos.services.transcoding import is_made_here, request_stream
from viztube.api.errors import UnsupportedMedia
from viztube.media.images import NotAnImage, store_image
from viztube.media.probe import NotAVideo, extract_poster, probe
from viztube.media.uploads import WorkingFolder, working_folder

POSTER_SIDE = 1920  # pixels


def upload_video(
    *,
    user: User,
    title: str,
    description: str,
    is_published: bool,
    video_file: "UploadedFile[Any]",
    thumbnail: "UploadedFile[Any] | None" = None,
) -> Video:
    """Check and store a video; raises UnsupportedMedia. A failure leaves neither row nor file."""
    with working_folder() as folder:
        path = folder.take(video_file, "upload")
        try:
            info = probe(path)
            path = path.rename(path.with_name(f"video.{info.extension}"))
            if thumbnail is None:
                poster = "poster.jpg"
                extract_poster(path, folder.path / poster, info.duration)
        except NotAVideo as error:
            raise UnsupportedMedia(str(error), field="videoFile") from error
        if thumbnail is not None:
            poster = store_poster(thumbnail, folder, "poster")
        video = Video(
            user=user,
            title=title,
            description=description,
            is_published=is_published,
            duration=info.duration,
            width=info.width,
            height=info.height,
            stored_folder=folder.name,
            video_file=path.name,
            video_bytes=path.stat().st_size,
            video_format=info.extension,
            thumbnail_file=poster,
            processing_status=ProcessingStatus.PROCESSING
            if settings.CLOUDINARY_ACCOUNT or is_made_here()
            else ProcessingStatus.COMPLETED,
        )
        with transaction.atomic():
            relocate_on_commit(video=video)
            video.save(force_insert=True)
            forget_video_on_commit(video)
            push_on_commit(video=video)
            if is_made_here():
                request_stream(video=video)
    return video


def store_poster(upload: "UploadedFile[Any]", folder: WorkingFolder, name: str) -> str:
    """Store a thumbnail that somebody sent; return its file name. Raises UnsupportedMedia."""
    try:
        return store_image(upload, folder.path, name, max_side=POSTER_SIDE)
    except NotAnImage as error:
        raise UnsupportedMedia(str(error), field="thumbnail") from error

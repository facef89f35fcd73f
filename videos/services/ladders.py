"""Streams that this machine makes: from the folder where they are made into the video's own.

Under the lock of the video's row, so that it does not matter whether the video is hidden or deleted
meanwhile. What is in a stream's folder is complete, because it came there by a rename; what is not
there is made again.
"""

import os
import re
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from videos.models import ProcessingStatus, Rendition, Transcoding, Video
from videos.services.assets import is_here
from videos.services.placement import finish_move
from videos.services.shown import forget_looks_on_commit
from viztube.media.hls.command import AUDIO_FOLDER
from viztube.media.hls.ladder import Rung
from viztube.media.hls.playlist import write_master
from viztube.media.paths import MASTER, STREAM_FOLDER_PATTERN

# Who watches the stream from before is not cut off.
KEEP_OLD_SECONDS = 6 * 3600


class Cancelled(Exception):
    """The video was deleted, its original has left this disk, or its stream was asked for anew."""


def take_original(wanted: Transcoding, folder: Path) -> Path:
    """Give the original another name, in a folder where nobody moves or deletes it.

    Raises Cancelled, FolderMissing, OSError.
    """
    with transaction.atomic():
        video = _locked(wanted)
        original = _stored(video) / video.video_file
        target = folder / f"source{original.suffix}"
        os.link(original, target)
    return target


def is_placed(wanted: Transcoding, name: str) -> bool:
    """Tell whether a rung or the sound is in the stream's folder. Raises Cancelled, OSError."""
    with transaction.atomic():
        return (_stored(_locked(wanted)) / wanted.stream_folder / name).is_dir()


def place(wanted: Transcoding, made: Path) -> None:
    """Move what was made into the stream's folder; nothing leads there yet.

    Raises Cancelled, FolderMissing, OSError.
    """
    with transaction.atomic():
        target = _stored(_locked(wanted)) / wanted.stream_folder
        target.mkdir(exist_ok=True)
        # The sound first: who finds a rung finds its sound.
        parts = sorted(made.iterdir(), key=lambda part: part.name != AUDIO_FOLDER)
        for part in parts:
            if not (target / part.name).exists():
                part.rename(target / part.name)


def publish(
    wanted: Transcoding, rungs: Sequence[Rung], frame_rate: Fraction, *, complete: bool
) -> None:
    """Let the video be streamed in these qualities, which are in the stream's folder.

    Raises Cancelled, BrokenLadder, FolderMissing, OSError.
    """
    name = wanted.stream_folder
    with transaction.atomic():
        video = _locked(wanted)
        variants = write_master(_stored(video) / name, rungs, frame_rate)
        before, video.stream_file = video.stream_file, f"{name}/{MASTER}"
        video.renditions.all().delete()
        Rendition.objects.bulk_create(
            Rendition(
                video=video,
                height=one.rung.height,
                width=one.rung.width,
                bitrate=one.average,
                codecs=one.codecs,
            )
            for one in variants
        )
        if complete:
            video.processing_status, video.processing_error = ProcessingStatus.COMPLETED, ""
            Transcoding.objects.filter(pk=wanted.pk).delete()
        if before != video.stream_file:
            remove_later(video, before)
        # Nobody edited the video: updated_at stays.
        video.save(update_fields=["stream_file", "processing_status", "processing_error"])
        forget_looks_on_commit(video.pk)


def is_streamed(video: Video) -> bool:
    """Tell whether a video has a stream that is complete, or is elsewhere."""
    making = Transcoding.objects.filter(pk=video.pk).first()
    incomplete = making and video.stream_file == f"{making.stream_folder}/{MASTER}"
    return bool(video.stream_file) and not incomplete


def stop_making(video: Video) -> None:
    """Let no stream of a locked row be made any longer; what was made of it goes, later."""
    for making in Transcoding.objects.filter(pk=video.pk):
        remove_later(video, f"{making.stream_folder}/{MASTER}")
        making.delete()


def drop_stream(video: Video) -> None:
    """Let a locked row have no stream of this machine; the caller saves it. The files go, later."""
    stop_making(video)
    if "://" not in video.stream_file:
        remove_later(video, video.stream_file)
        video.stream_file = ""
        video.renditions.all().delete()


def remove_later(video: Video, stream_file: str) -> None:
    """Delete the folder of a stream once nobody watches it; of one elsewhere there is none."""
    # Late: jobs call this module.
    from videos.tasks import remove_old_stream

    name = stream_file.partition("/")[0]
    if re.fullmatch(STREAM_FOLDER_PATTERN, name):
        remove_old_stream.configure(schedule_in={"seconds": KEEP_OLD_SECONDS}).defer(
            video_id=str(video.pk), name=name
        )


def remove_old_stream(*, video_id: UUID, name: str) -> None:
    """Delete the folder of a stream unless the video has it; safe to repeat.

    Raises FolderMissing, OSError.
    """
    if not re.fullmatch(STREAM_FOLDER_PATTERN, name):
        raise ValueError(f"Not the folder of a stream: {name!r}")
    with transaction.atomic():
        video = Video.objects.locked().filter(pk=video_id).first()
        if video is None or not video.has_folder or video.stream_file == f"{name}/{MASTER}":
            return
        if Transcoding.objects.filter(pk=video_id, stream_folder=name).exists():
            return
        folder = _stored(video) / name
        if folder.is_dir():
            shutil.rmtree(folder)


def _locked(wanted: Transcoding) -> Video:
    """Return the row as it is now, locked; raises Cancelled."""
    video: Video | None = Video.objects.locked().filter(pk=wanted.pk).first()
    going_on = Transcoding.objects.filter(pk=wanted.pk, stream_folder=wanted.stream_folder)
    if video is None or not is_here(video, "video") or not going_on.exists():
        raise Cancelled
    return video


def _stored(video: Video) -> Path:
    """Return the folder of a locked row, after finishing a move that was cut off."""
    if video.stored_folder != video.folder:
        finish_move(video=video)
        video.save(update_fields=["stored_folder"])
    return Path(settings.MEDIA_ROOT, video.stored_folder)

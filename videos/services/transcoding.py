"""Making streams (HLS) of videos that stay on this machine.

The original plays from the beginning. The lowest quality is made first and can be watched at once;
the others follow together. A job that is cut off goes on where it was.
"""

import errno
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F, QuerySet
from procrastinate.contrib.django.models import ProcrastinateJob

from videos.models import ProcessingStatus, Transcoding, Video
from videos.services import ladders
from videos.services.assets import is_here
from videos.services.ladders import Cancelled
from videos.services.shown import forget_looks_on_commit
from viztube.api.errors import Unavailable
from viztube.media.containers import NotAVideo
from viztube.media.hls.command import AUDIO_FOLDER
from viztube.media.hls.encoder import TookTooLong, encode
from viztube.media.hls.ladder import Rung, rungs_for, up_to
from viztube.media.hls.source import Source, read_source
from viztube.media.hls.workplace import workplace
from viztube.media.paths import new_stream_folder
from viztube.media.queues import CutOff

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
TELL_SECONDS = 2.0  # between two updates of the percentage

# Asked all the time while a stream is made; what it returns is raised.
ReasonToEnd = Callable[[], Exception | None]


class Interrupted(CutOff):
    """The worker is about to stop: another attempt goes on, and this one does not count."""


class Stopped(Exception):
    """Staff stopped the job."""


def is_made_here() -> bool:
    """Tell whether this machine is to make streams of the videos on it."""
    return settings.HLS_TOP_RUNG > 0 and settings.CLOUDINARY_ACCOUNT is None


def request_stream(*, video: Video, rungs: Sequence[int] | None = None) -> None:
    """Have the stream of a new or locked row made, whose original is here.

    ``rungs`` are names of qualities; without them it is all up to the setting.
    """
    ladders.stop_making(video)
    Transcoding.objects.create(video=video, stream_folder=new_stream_folder(), rungs=rungs)
    _enqueue(video)


def _enqueue(video: Video) -> None:
    # Late: jobs call this module.
    from videos.tasks import transcode_video

    lock = f"transcode-{video.pk}"
    # One that waits does what is wanted when its turn comes.
    if not ProcrastinateJob.objects.filter(status="todo", lock=lock).exists():
        transcode_video.configure(lock=lock).defer(video_id=str(video.pk))


def make_stream_again(*, video_id: UUID, rungs: Sequence[int] | None = None) -> bool:
    """Have the stream of a video made anew; tell whether its original is here.

    What can be watched stays until the new one is complete. One that is being made is given up.
    """
    with transaction.atomic():
        video: Video | None = Video.objects.locked().filter(pk=video_id).first()
        if video is None or not is_here(video, "video") or not is_made_here():
            return False
        if not ladders.is_streamed(video):
            ladders.drop_stream(video)
            _save(video, ProcessingStatus.PROCESSING)
        request_stream(video=video, rungs=rungs)
    return True


def resume_transcoding(*, video_id: UUID) -> None:
    """Have a video that is being processed here get its stream, or be complete without one."""
    if not is_made_here():
        _let_be(video_id)
        return
    with transaction.atomic():
        video: Video | None = Video.objects.locked().filter(pk=video_id).first()
        if video is None or video.processing_status != ProcessingStatus.PROCESSING:
            return
        if Transcoding.objects.filter(pk=video_id).exists():
            # What is made of it already is kept.
            _enqueue(video)
        else:
            request_stream(video=video)


def transcode(*, video_id: UUID, reason_to_end: ReasonToEnd) -> None:
    """Make the stream of a video, if one is wanted; safe to repeat.

    What fails is raised, but for the last attempt and for what would fail again: that marks the
    video FAILED. Raises WorkplaceTaken when another process is at it, and Unavailable when others
    take the turns of ffmpeg too long; neither counts.
    """
    if not is_made_here():
        _let_be(video_id)
        return
    with workplace(video_id.hex) as folder:
        wanted = _begin(video_id)
        if wanted is None:
            return
        if wanted.attempts > MAX_ATTEMPTS:
            _give_up(wanted, f"Making its streams was cut off {MAX_ATTEMPTS} times.")
            return
        try:
            source = read_source(ladders.take_original(wanted, folder))
            names = wanted.rungs or up_to(settings.HLS_TOP_RUNG)
            rungs = rungs_for(source.info.width, source.info.height, names)
            _Ladder(wanted, source, rungs, reason_to_end).make(folder)
        except Cancelled:
            logger.info("The stream of video %s is not wanted any longer", video_id)
        except (Interrupted, Unavailable):
            # Not its own fault.
            with suppress(OperationalError):
                _still_wanted(wanted).update(attempts=F("attempts") - 1)
            raise
        except Exception as failure:
            fails_again = isinstance(failure, (NotAVideo, TookTooLong, Stopped))
            if wanted.attempts < MAX_ATTEMPTS and not fails_again:
                raise
            logger.warning("No stream of video %s", video_id, exc_info=failure)
            _give_up(wanted, _told(failure))


class _Ladder:
    """The making of one stream."""

    def __init__(
        self,
        wanted: Transcoding,
        source: Source,
        rungs: Sequence[Rung],
        reason_to_end: ReasonToEnd,
    ) -> None:
        self._wanted, self._source, self._rungs = wanted, source, rungs
        self._reason_to_end = reason_to_end
        # How much of all work is done before and in the passage at hand, each from 0 to 1.
        self._done = self._share = 0.0
        self._told_at = 0.0

    def make(self, folder: Path) -> None:
        """Make what is missing, in at most two passages, each of which can be watched."""
        first, others = self._rungs[:1], self._rungs[1:]
        # Whoever can watch a stream already gets the new one when it is complete.
        at_once = not ladders.is_streamed(self._wanted.video)
        for passage, ready in ((first, first), (others, self._rungs)):
            self._share = self._work_of(passage) / (self._work_of(first) + self._work_of(others))
            missing = [rung for rung in passage if not ladders.is_placed(self._wanted, rung.folder)]
            if missing:
                # An encoder that outlived its worker finds nowhere to write, and ends.
                self._encode(missing, Path(mkdtemp(prefix="made-", dir=folder)))
            self._done += self._share
            complete = len(ready) == len(self._rungs)
            if complete or at_once:
                ladders.publish(self._wanted, ready, self._source.frame_rate, complete=complete)
            if complete:
                return

    def _encode(self, rungs: Sequence[Rung], target: Path) -> None:
        sound = self._source.has_sound and not ladders.is_placed(self._wanted, AUDIO_FOLDER)
        encode(self._source, rungs, target, sound=sound, advance=self._advance)
        ladders.place(self._wanted, target)

    def _work_of(self, passage: Sequence[Rung]) -> float:
        """Return how much work a passage is: pixels to write, and half of those to read."""
        info = self._source.info
        read = info.width * info.height / 2 if passage else 0
        return sum(rung.width * rung.height for rung in passage) + read

    def _advance(self, seconds: float) -> None:
        """Hear how many seconds of the passage are done."""
        if reason := self._reason_to_end():
            raise reason
        if time.monotonic() - self._told_at < TELL_SECONDS:
            return
        self._told_at = time.monotonic()
        part = min(1.0, seconds / self._source.info.duration)
        # All of it is done when it can be watched.
        percent = min(99, int(100 * (self._done + self._share * part)))
        try:
            wanted = _still_wanted(self._wanted).update(percent=percent)
        except OperationalError:
            # Minutes of work shall not be lost because the database is started anew.
            connection.close()
            return
        if not wanted:
            raise Cancelled


def _still_wanted(wanted: Transcoding) -> "QuerySet[Transcoding]":
    """Return the row, unless it was taken away or is about another stream by now."""
    return Transcoding.objects.filter(pk=wanted.pk, stream_folder=wanted.stream_folder)


def _begin(video_id: UUID) -> Transcoding | None:
    """Count an attempt; return what is to be made, None for nothing."""
    with transaction.atomic():
        video: Video | None = Video.objects.locked().filter(pk=video_id).first()
        wanted = Transcoding.objects.filter(pk=video_id).select_related("video").first()
        if video is None or wanted is None:
            return None
        wanted.attempts += 1
        wanted.save(update_fields=["attempts"])
    return wanted


def _let_be(video_id: UUID) -> None:
    """Let a video be complete that was to get a stream when streams were made here."""
    with transaction.atomic():
        video: Video | None = Video.objects.locked().filter(pk=video_id).first()
        if video is not None:
            ladders.stop_making(video)
            # What is to go to Cloudinary is still being processed.
            if settings.CLOUDINARY_ACCOUNT is None and not video.processing_error:
                _save(video, ProcessingStatus.COMPLETED)


def _give_up(wanted: Transcoding, reason: str) -> None:
    """Mark a video FAILED unless it has another stream; without one, its original plays."""
    with transaction.atomic():
        video: Video | None = Video.objects.locked().filter(pk=wanted.pk).first()
        if video is None or not _still_wanted(wanted).exists():
            return
        # One that was asked for anew before it was complete has lower qualities only.
        if video.processing_status == ProcessingStatus.COMPLETED and ladders.is_streamed(video):
            ladders.stop_making(video)
            return
        ladders.drop_stream(video)
        _save(video, ProcessingStatus.FAILED, reason)


def _save(video: Video, status: ProcessingStatus, error: str = "") -> None:
    video.processing_status, video.processing_error = status, error
    # Nobody edited the video: updated_at stays.
    video.save(update_fields=["stream_file", "processing_status", "processing_error"])
    forget_looks_on_commit(video.pk)


def _told(failure: Exception) -> str:
    """Return a sentence for the owner; what exactly it was is in the log."""
    if isinstance(failure, NotAVideo):
        return f"This file {failure}."
    if isinstance(failure, TookTooLong):
        return "Making its streams took too long."
    if isinstance(failure, Stopped):
        return "Making its streams was stopped by the operators of this site."
    if isinstance(failure, OSError) and failure.errno == errno.ENOSPC:
        return "This site had no room for its streams."
    return "No streams could be made of this file."

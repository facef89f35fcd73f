"""HLS streams that Cloudinary makes of a video.

A video has a stream when its playlist answers; whatever a notification says only makes us look. So
it does not matter whether notifications are lost, late, repeated or out of order.
"""

import time
from uuid import UUID

from videos.models import ProcessingStatus, Video
from videos.services.assets import Asset, assets_of
from videos.services.pushes import PATIENCE
from videos.services.shown import forget_looks_on_commit
from viztube.media.backends import cloud


class StreamNotReady(Exception):
    """The playlist does not answer yet."""


def request_stream(*, video_id: UUID) -> None:
    """Ask Cloudinary for the stream of a video being processed; safe to repeat.

    Raises MediaMissing, MediaUnavailable, MediaRefused.
    """
    from videos.tasks import confirm_stream

    backend = cloud()
    original = _original(video_id, processing_status=ProcessingStatus.PROCESSING)
    if backend is not None and original is not None:
        backend.request_stream(original.public_id)
        confirm_stream.configure(schedule_in={"seconds": 20}).defer(
            video_id=str(video_id), public_id=original.public_id, since=int(time.time())
        )


def confirm_stream(*, video_id: UUID, public_id: str, since: float) -> None:
    """Note the stream of an original once it answers; safe to repeat.

    An original that has another id by now has another job. ``since`` is when the stream was asked
    for, in seconds since the epoch: after ``PATIENCE`` the video is marked FAILED. Raises
    StreamNotReady, MediaUnavailable.
    """
    backend = cloud()
    original = _original(video_id)
    if backend is None or original is None or original.public_id != public_id:
        return
    address = backend.stream_url(public_id)
    # The same file at the same place still: it may be hidden or replaced while we ask.
    waiting = Video.objects.filter(
        pk=video_id,
        video_public_id=public_id,
        video_file=original.address,
        stream_file="",
    )
    # Nobody edits the video here: update() leaves updated_at as it is.
    if backend.answers_with_playlist(address):
        found = waiting.update(
            stream_file=address,
            processing_status=ProcessingStatus.COMPLETED,
            processing_error="",
        )
        if found:
            forget_looks_on_commit(video_id)
        return
    processing = waiting.filter(processing_status=ProcessingStatus.PROCESSING)
    if time.time() - since > PATIENCE:
        processing.update(
            processing_status=ProcessingStatus.FAILED,
            processing_error="Cloudinary made no stream of this video.",
        )
        forget_looks_on_commit(video_id)
    elif processing.exists():
        raise StreamNotReady(f"{address} does not answer yet.")


def _original(video_id: UUID, **conditions: str) -> Asset | None:
    """Return an original that is where it belongs and has no stream yet."""
    video = Video.objects.filter(pk=video_id, stream_file="", **conditions).first()
    for asset in assets_of(video) if video else ():
        if asset.slot == "video" and not asset.is_misplaced:
            return asset
    return None

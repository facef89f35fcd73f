"""HLS streams that Cloudinary makes of a video.

A video has a stream when its playlist answers; whatever a notification says only makes us look. So
it does not matter whether notifications are lost, late, repeated or out of order.
"""

import time
from uuid import UUID

from videos.models import ProcessingStatus, Video
from videos.services.assets import assets_of
from videos.services.pushes import PATIENCE, mark_failed
from viztube.media.backends import cloud


class StreamNotReady(Exception):
    """The playlist does not answer yet."""


def request_stream(*, video_id: UUID) -> None:
    """Ask Cloudinary for the stream of a video being processed; safe to repeat.

    Raises MediaMissing, MediaUnavailable, MediaRefused.
    """
    from videos.tasks import confirm_stream

    backend = cloud()
    public_id = _public_id(video_id, processing_status=ProcessingStatus.PROCESSING)
    if backend is not None and public_id is not None:
        backend.request_stream(public_id)
        confirm_stream.configure(schedule_in={"seconds": 20}).defer(
            video_id=str(video_id), since=int(time.time())
        )


def confirm_stream(*, video_id: UUID, since: float) -> None:
    """Note the stream of a video once it answers; safe to repeat.

    ``since`` is when it was asked for, in seconds since the epoch: after ``PATIENCE`` the video is
    marked FAILED. Raises StreamNotReady, MediaUnavailable.
    """
    backend = cloud()
    public_id = _public_id(video_id)
    if backend is None or public_id is None:
        return
    address = backend.stream_url(public_id)
    waiting = Video.objects.filter(pk=video_id, video_public_id=public_id, stream_file="")
    if backend.answers_with_playlist(address):
        waiting.update(
            stream_file=address,
            processing_status=ProcessingStatus.COMPLETED,
            processing_error="",
        )
    elif time.time() - since > PATIENCE:
        mark_failed(video_id=video_id, reason="Cloudinary made no stream of this video.")
    elif waiting.filter(processing_status=ProcessingStatus.PROCESSING).exists():
        raise StreamNotReady(f"{address} does not answer yet.")


def _public_id(video_id: UUID, **conditions: str) -> str | None:
    """Return the id of an original that is where it belongs and has no stream yet."""
    video = Video.objects.filter(pk=video_id, stream_file="", **conditions).first()
    if video is None:
        return None
    for asset in assets_of(video):
        if asset.slot == "video" and not asset.is_misplaced:
            return asset.public_id
    return None

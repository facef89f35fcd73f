"""What Cloudinary tells us: https://cloudinary.com/documentation/notifications."""

import hashlib
import time
from datetime import timedelta
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone

from videos.models import Notification, ProcessingStatus, Video
from viztube.api.errors import ApiError, NotAuthenticated
from viztube.media.backends import Kind
from viztube.media.notifications import MAX_AGE, MAX_AHEAD, is_genuine

# When one is too old to be taken again. An hour more, because the clocks of machines differ.
KEEP = timedelta(seconds=MAX_AGE + MAX_AHEAD, hours=1)


def take_notification(*, body: bytes, timestamp: str, signature: str) -> None:
    """Act on a notification; what it is about may be unknown to us.

    Raises NotAuthenticated for one that is forged, old, of the future or here already, ApiError for
    one that is no JSON object.
    """
    if not is_genuine(body, timestamp=timestamp, signature=signature):
        raise NotAuthenticated("This notification is not signed by the account in use.")
    payload = _parsed(body)
    digest = hashlib.sha256(signature.encode()).hexdigest()
    with transaction.atomic():
        try:
            with transaction.atomic():
                Notification.objects.create(digest=digest)
        except IntegrityError as error:
            raise NotAuthenticated("This notification was taken already.") from error
        _act(payload)


def delete_old_notifications(*, dry_run: bool = False) -> int:
    """Forget notifications that are too old to be taken again; return how many."""
    old = Notification.objects.filter(received_at__lt=timezone.now() - KEEP)
    return old.count() if dry_run else old.delete()[0]


def _act(payload: dict[str, Any]) -> None:
    """Look after the stream of the video that a notification names."""
    from videos.tasks import confirm_stream

    public_id, kind = payload.get("public_id"), payload.get("resource_type", Kind.VIDEO)
    if not isinstance(public_id, str) or not public_id or kind != Kind.VIDEO or "\0" in public_id:
        return
    # Whatever it says, the playlist decides; but after a failure nobody need wait any longer.
    since = 0 if _tells_of_failure(payload) else int(time.time())
    for video in (
        Video.objects.filter(video_public_id=public_id, stream_file="")
        .exclude(processing_status=ProcessingStatus.COMPLETED)
        .only("pk")
    ):
        confirm_stream.defer(video_id=str(video.pk), public_id=public_id, since=since)


def _tells_of_failure(payload: dict[str, Any]) -> bool:
    eager = payload.get("eager")
    return isinstance(eager, list) and any(
        isinstance(one, dict) and not one.get("secure_url") for one in eager
    )


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        raise ApiError("A notification is a JSON object.")
    return payload

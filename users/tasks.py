"""Jobs of the users app."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app

from users.models import RefreshSession, SecurityEvent
from viztube.media.queues import DEFAULT_QUEUE, PUSH_QUEUE, Backoff

# How long an ended session stays visible to staff.
KEEP_ENDED = timedelta(days=30)
KEEP_EVENTS = timedelta(days=90)


@app.periodic(cron="41 3 * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="prune_sessions")
def prune_sessions(timestamp: int) -> None:
    """Delete sessions that ended long ago."""
    horizon = timezone.now() - KEEP_ENDED
    RefreshSession.objects.filter(expires_at__lt=horizon).delete()
    RefreshSession.objects.filter(revoked_at__lt=horizon).delete()


@app.periodic(cron="51 3 * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="prune_security_events")
def prune_security_events(timestamp: int) -> None:
    """Delete what the audit trail has kept long enough: it names people and where they were."""
    SecurityEvent.objects.filter(created_at__lt=timezone.now() - KEEP_EVENTS).delete()


@app.task(queue=PUSH_QUEUE, retry=Backoff(attempts=40))
def push_picture(user_id: str, column: str) -> None:
    """Send a profile picture to Cloudinary, from the machine that has it."""
    # Late: the service defers this job.
    from users.services import pictures

    pictures.push_picture(user_id=UUID(user_id), column=column)

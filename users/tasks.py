"""Jobs of the users app."""

from uuid import UUID

from procrastinate.contrib.django import app

from users.services import audit, sessions
from viztube.media.queues import DEFAULT_QUEUE, PUSH_QUEUE, Backoff


@app.periodic(cron="41 3 * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="prune_sessions")
def prune_sessions(timestamp: int) -> None:
    """Delete sessions that ended long ago."""
    sessions.delete_ended_sessions()


@app.periodic(cron="46 3 * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="prune_admin_sessions")
def prune_admin_sessions(timestamp: int) -> None:
    """Delete sessions of the admin site that have expired."""
    sessions.delete_expired_admin_sessions()


@app.periodic(cron="51 3 * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="prune_security_events")
def prune_security_events(timestamp: int) -> None:
    """Delete what the audit trail has kept long enough."""
    audit.delete_old_events()


@app.task(queue=PUSH_QUEUE, retry=Backoff(attempts=40))
def push_picture(user_id: str, column: str) -> None:
    """Send a profile picture to Cloudinary, from the machine that has it."""
    # Late: the service defers this job.
    from users.services import pictures

    pictures.push_picture(user_id=UUID(user_id), column=column)

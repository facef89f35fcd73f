"""Jobs that look after jobs."""

from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from viztube.media.queues import DEFAULT_QUEUE
from viztube.ops import jobs

STALLED_AFTER = 60  # seconds without a sign of life from the job's worker


@app.periodic(cron="* * * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="reap_stalled_jobs")
async def reap_stalled_jobs(timestamp: int) -> None:
    """Put jobs back whose worker died, every minute: all jobs are safe to repeat."""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            # One of two jobs with a queueing lock: the other waits already, and may wait for this
            # one's lock.
            await manager.finish_job(job, status=Status.ABORTED, delete_job=True)


@app.periodic(cron="29 4 * * *")
@app.task(queue=DEFAULT_QUEUE, queueing_lock="delete_finished_jobs")
def delete_finished_jobs(timestamp: int) -> None:
    """Forget jobs that ended a week ago; failed ones stay until staff dealt with them."""
    jobs.delete_finished_jobs()

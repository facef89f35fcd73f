"""Deleting jobs that are over."""

from django.db import connection

KEEP_FINISHED_HOURS = 24 * 7

# Procrastinate's own statement leaves out jobs without events, and does not say how many they were.
# Events go with their job.
_FINISHED = """
FROM procrastinate_jobs
WHERE status IN ('succeeded', 'cancelled', 'aborted')
AND NOT EXISTS (
    SELECT FROM procrastinate_events
    WHERE job_id = procrastinate_jobs.id AND at >= now() - make_interval(hours => %s)
)
"""


def delete_finished_jobs(*, dry_run: bool = False) -> int:
    """Delete jobs that ended a week ago; return how many.

    Failed ones stay until staff dealt with them.
    """
    what = "SELECT count(*)" if dry_run else "DELETE"
    with connection.cursor() as cursor:
        cursor.execute(f"{what} {_FINISHED}", [KEEP_FINISHED_HOURS])
        return int(cursor.fetchone()[0]) if dry_run else cursor.rowcount

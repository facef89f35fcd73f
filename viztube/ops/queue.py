"""How the queue is doing."""

from dataclasses import dataclass

from django.db import connection

# By the partial index of waiting jobs. What is due later does not wait yet; a job that is not
# scheduled waits since it was enqueued, which its first event says.
_WAITING = """
SELECT job.queue_name,
       count(*),
       extract(epoch FROM now() - min(coalesce(job.scheduled_at, event.at)))
  FROM procrastinate_jobs AS job
  LEFT JOIN LATERAL (
       SELECT min(at) AS at FROM procrastinate_events
        WHERE job_id = job.id AND type = 'deferred'
  ) AS event ON job.scheduled_at IS NULL
 WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
 GROUP BY job.queue_name
"""
_FAILED = """
SELECT queue_name, count(*) FROM procrastinate_jobs WHERE status = 'failed' GROUP BY queue_name
"""


@dataclass(frozen=True)
class Waiting:
    """The jobs of a queue that could run now, and for how many seconds the oldest has waited."""

    jobs: int
    seconds: float


def waiting_by_queue() -> dict[str, Waiting]:
    """Return what waits, by the name of the queue; a queue in which nothing waits is left out."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return {
            name: Waiting(jobs, max(float(seconds or 0), 0.0))
            for name, jobs, seconds in cursor.fetchall()
        }


def failed_by_queue() -> dict[str, int]:
    """Return how many jobs were given up, by the name of the queue; they stay until staff act."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILED)
        return dict(cursor.fetchall())

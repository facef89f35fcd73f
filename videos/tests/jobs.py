"""The queue as tests see it."""

from typing import Any

from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob


def waiting_jobs() -> list[str]:
    """Return the names of the jobs that wait, in the order they were deferred."""
    jobs: Any = ProcrastinateJob.objects.filter(status="todo").order_by("id")
    return [name.rpartition(".")[2] for name in jobs.values_list("task_name", flat=True)]


def empty_queue() -> None:
    """Forget all jobs: Django's flush after a transactional test leaves tables of others alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_workers, "
            "procrastinate_periodic_defers"
        )

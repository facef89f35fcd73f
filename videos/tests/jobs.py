"""The queue as tests see it."""

from typing import Any

from procrastinate.contrib.django.models import ProcrastinateJob


def waiting_jobs() -> list[str]:
    """Return the names of the jobs that wait, in the order they were deferred."""
    jobs: Any = ProcrastinateJob.objects.filter(status="todo").order_by("id")
    return [name.rpartition(".")[2] for name in jobs.values_list("task_name", flat=True)]

"""Background jobs: whether they are run, and how they end."""

from collections import Counter
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import DurationField, ExpressionWrapper, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinateWorker,
)

from videos.services.transcoding import is_made_here
from viztube.media.queues import DISK_QUEUE, TRANSCODE_QUEUE, TRANSCODE_QUEUES
from viztube.ops.doctor.findings import Finding, failed, not_checked, ok, warning
from viztube.ops.tasks import STALLED_AFTER

WARN_AGE = timedelta(minutes=5)
FAIL_AGE = timedelta(hours=1)
# A worker gives a sign of life every ten seconds.
ALIVE = timedelta(seconds=STALLED_AFTER)
# By then the job that looks every minute has put it back several times over.
NOT_PUT_BACK_AFTER = 5 * 60  # seconds
# A worker of this machine has had a job each minute, when it is the only machine.
LATELY = timedelta(minutes=10)
START_WORKER = "Start or restart the worker (`manage.py worker`) and look at what it logs."


def is_kept_up_with() -> Finding:
    """Look at the job that should have run longest ago."""
    # What waits for its stream plays: ``makes_streams`` looks at those.
    waiting = _waiting().exclude(queue_name__startswith=TRANSCODE_QUEUES)
    oldest = waiting.order_by("due").values("task_name", "queue_name", "age").first()
    if oldest is None:
        return ok("No job is due.")
    says = (
        f"The oldest job that is due, {oldest['task_name']} on {oldest['queue_name']}, has waited "
        f"{_minutes(oldest['age'])}"
    )
    if oldest["age"] < WARN_AGE:
        return ok(f"{says}.")
    tell = failed if oldest["age"] >= FAIL_AGE else warning
    return tell(f"{says}.", START_WORKER)


def has_no_stalled_jobs() -> Finding:
    """Look for jobs whose worker died."""
    find = async_to_sync(app.job_manager.get_stalled_jobs)
    stalled = list(find(seconds_since_heartbeat=STALLED_AFTER))
    if not stalled:
        return ok("No job has lost its worker.")
    names = _counted(job.task_name for job in stalled)
    # Those whose worker is forgotten do not say since when.
    lost = [job for job in find(seconds_since_heartbeat=NOT_PUT_BACK_AFTER) if job.worker_id]
    if lost:
        return failed(f"Jobs lost their worker and are not put back: {names}.", START_WORKER)
    return warning(
        f"Jobs lost their worker just now: {names}.",
        "They are put back within two minutes: look why the worker ended.",
    )


def has_no_failed_jobs() -> Finding:
    """Count the jobs that gave up in the last day."""
    lately = ProcrastinateEvent.objects.filter(
        type="failed", at__gte=Now() - timedelta(days=1), job__status="failed"
    )
    names = list(lately.values_list("job__task_name", flat=True))
    if not names:
        return ok("No job has failed in the last day.")
    return warning(
        f"{len(names)} jobs have failed in the last day: {_counted(names)}.",
        "Look at them in admin under jobs, mend the cause and retry them there.",
    )


def has_workers() -> Finding:
    """Look for a sign of life of any worker."""
    alive = ProcrastinateWorker.objects.filter(last_heartbeat__gte=Now() - ALIVE).count()
    if alive:
        return ok(f"{alive} worker loops are alive.")
    return failed("No worker is alive, so no job runs.", START_WORKER)


def has_worker_of_this_machine() -> Finding:
    """Look whether the jobs for this machine's disk are run: workers do not say their queues."""
    running = ProcrastinateJob.objects.filter(
        queue_name=DISK_QUEUE, status="doing", worker__last_heartbeat__gte=Now() - ALIVE
    )
    started = ProcrastinateEvent.objects.filter(
        type="started", at__gte=Now() - LATELY, job__queue_name=DISK_QUEUE
    )
    overdue = _waiting().filter(queue_name=DISK_QUEUE, age__gte=WARN_AGE)
    if running.exists() or (started.exists() and not overdue.exists()):
        return ok(f"A worker runs the jobs for this machine's disk ({DISK_QUEUE}).")
    advice = "Start a worker on this machine, with the same MACHINE_NAME as here."
    if overdue.exists():
        return failed(f"Jobs wait on {DISK_QUEUE} and no worker runs them.", advice)
    return warning(f"No job of {DISK_QUEUE} has run for {_minutes(LATELY)}.", advice)


def makes_streams() -> Finding:
    """Look whether the streams of this machine's videos are made, where they are to be made."""
    if not is_made_here():
        return not_checked("No streams are made here: HLS_TOP_RUNG is 0, or Cloudinary makes them.")
    overdue = _waiting().filter(queue_name=TRANSCODE_QUEUE, age__gte=WARN_AGE).count()
    running = ProcrastinateJob.objects.filter(
        queue_name=TRANSCODE_QUEUE, status="doing", worker__last_heartbeat__gte=Now() - ALIVE
    ).count()
    if overdue and not running:
        return failed(
            f"{overdue} videos wait for their streams, and no worker makes them.",
            "Start `manage.py worker --queues transcode` on this machine: with Compose, add "
            "local-hls to COMPOSE_PROFILES.",
        )
    return ok(f"{running} streams are being made; {overdue} have waited for 5 minutes or more.")


def _waiting() -> "QuerySet[Any]":
    """Return the jobs that should have run already, with since when (``due``) and how long."""
    # Without a time a job is due since it was put into the queue.
    events = ProcrastinateEvent.objects.filter(job=OuterRef("pk")).order_by("-at")
    jobs: QuerySet[Any] = ProcrastinateJob.objects.filter(status="todo")
    due = Coalesce("scheduled_at", Subquery(events.values("at")[:1]))
    age = ExpressionWrapper(Now() - F("due"), output_field=DurationField())
    waiting: QuerySet[Any] = jobs.annotate(due=due).filter(due__lte=Now()).annotate(age=age)
    return waiting


def _minutes(age: timedelta) -> str:
    return f"{age.total_seconds() / 60:.0f} minutes"


def _counted(names: Any) -> str:
    counts = Counter(name.rpartition(".")[2] for name in names)
    return ", ".join(f"{number} {name}" for name, number in counts.most_common(5))

"""Jobs: they belong to transactions, are retried, and those that look after them do."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.utils import timezone
from procrastinate import jobs
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from videos.tasks import fold_views, settle_video
from videos.tests.jobs import waiting_jobs
from viztube.media.queues import DEFAULT_QUEUE, DISK_QUEUE, MAX_WAIT, Backoff
from viztube.media.tasks import delete_folder
from viztube.ops import tasks

pytestmark = pytest.mark.django_db

FOLDER = "p/" + "0" * 32
reap = async_to_sync(tasks.reap_stalled_jobs.func)
forget = tasks.delete_finished_jobs.func


def execute(statement: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0] if cursor.description else None


def worker_seen(seconds_ago: int) -> int:
    """Return the id of a worker that gave its last sign of life some time ago."""
    statement = (
        "INSERT INTO procrastinate_workers (last_heartbeat) "
        "VALUES (now() - make_interval(secs => %s)) RETURNING id"
    )
    return int(execute(statement, seconds_ago))


def take(job: int, worker: int | None) -> None:
    """Let a worker have begun a job."""
    execute(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s", worker, job
    )


def statuses() -> dict[int, str]:
    found: Any = ProcrastinateJob.objects.values_list("id", "status")
    return dict(found)


def test_a_job_of_a_transaction_that_is_rolled_back_does_not_exist() -> None:
    with transaction.atomic():
        delete_folder.defer(folder=FOLDER)
        assert waiting_jobs() == ["delete_folder"]
        transaction.set_rollback(True)
    assert waiting_jobs() == []


def test_jobs_that_touch_files_wait_for_this_machine() -> None:
    assert DISK_QUEUE.startswith("disk-")
    assert {delete_folder.queue, settle_video.queue} == {DISK_QUEUE}
    assert {fold_views.queue, tasks.reap_stalled_jobs.queue} == {DEFAULT_QUEUE}


def test_waiting_doubles_up_to_an_hour_and_ends() -> None:
    strategy = Backoff(attempts=30)

    def wait(attempts: int) -> float | None:
        job = jobs.Job(
            id=1, queue="q", lock=None, queueing_lock=None, task_name="t", attempts=attempts
        )
        decision = strategy.get_retry_decision(exception=OSError(), job=job)
        if decision is None:
            return None
        assert decision.retry_at is not None
        return round((decision.retry_at - timezone.now()).total_seconds())

    assert [wait(attempts) for attempts in range(4)] == [5, 10, 20, 40]
    assert [wait(9), wait(10), wait(28)] == [2560, MAX_WAIT, MAX_WAIT]
    assert wait(29) is None


def test_a_job_whose_worker_is_gone_is_put_back() -> None:
    lost = delete_folder.defer(folder=FOLDER)
    orphan = delete_folder.defer(folder=FOLDER)
    running = delete_folder.defer(folder=FOLDER)
    take(lost, worker_seen(seconds_ago=3600))
    take(orphan, None)
    take(running, worker_seen(seconds_ago=5))
    reap(timestamp=0)

    assert statuses() == {lost: "todo", orphan: "todo", running: "doing"}


def test_reaping_twice_changes_nothing_more() -> None:
    lost = delete_folder.defer(folder=FOLDER)
    take(lost, worker_seen(seconds_ago=3600))
    reap(timestamp=0)
    reap(timestamp=0)

    job: Any = ProcrastinateJob.objects.get()
    assert (job.id, job.status, job.attempts) == (lost, "todo", 1)


def test_old_jobs_that_ended_are_forgotten_and_failed_ones_kept() -> None:
    kept = {}
    for status, age in (
        *(("succeeded", 8), ("succeeded", 6), ("failed", 30), ("todo", 30)),
        *(("cancelled", 8), ("cancelled", 6), ("aborted", 8), ("aborted", 6)),
    ):
        job = delete_folder.defer(folder=FOLDER)
        if status != "todo":
            take(job, None)
            execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", status, job)
        execute(
            "UPDATE procrastinate_events SET at = now() - make_interval(days => %s)"
            " WHERE job_id = %s",
            age,
            job,
        )
        if age != 8:
            kept[job] = status
    forget(timestamp=0)

    assert statuses() == kept


@pytest.mark.parametrize(
    "name", ["fold_views", "follow_standing", "prune_incoming", "prune_sessions"]
)
def test_what_must_happen_by_itself_is_periodic(name: str) -> None:
    periodic = {task for task, _ in app.periodic_registry.periodic_tasks}

    assert [task for task in periodic if task.endswith(f".{name}")]
    assert {tasks.reap_stalled_jobs.name, tasks.delete_finished_jobs.name} <= periodic

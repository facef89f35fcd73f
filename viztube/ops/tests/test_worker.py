"""`manage.py worker`, running real jobs from the real queue."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from structlog.contextvars import get_contextvars

from users.models import User
from videos.models import DailyViews, Video, ViewEvent
from videos.tasks import fold_views, settle_video
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client
from viztube.media.disk import DiskBackend
from viztube.media.paths import new_folder
from viztube.media.queues import DISK_QUEUE, PUSH_QUEUE, TRANSCODE_QUEUE, Backoff
from viztube.media.tasks import delete_folder
from viztube.ops import tasks

pytestmark = pytest.mark.django_db(transaction=True)

FOLDER = "p/" + "0" * 32


@pytest.fixture(autouse=True)
def closed_connections(transactional_db: None) -> Iterator[None]:
    yield
    # What is asynchronous in a worker asks the database from a thread of its own.
    asyncio.run(sync_to_async(close_connection)())


def close_connection() -> None:
    """Close the connection of the thread that this runs in."""
    connection.close()


def run_once() -> None:
    call_command("worker", "--once")


def job_of(name: str) -> Any:
    jobs: Any = ProcrastinateJob.objects.filter(task_name__endswith=f".{name}")
    return jobs.order_by("id").first()


def lose_jobs() -> None:
    """Let a worker have begun every job that waits, and have been killed an hour ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers VALUES (DEFAULT, now() - '1 h'::interval)"
        )
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing',"
            " worker_id = (SELECT max(id) FROM procrastinate_workers)"
        )


def make_due() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")


def test_once_runs_what_waits_and_stops(
    client_for: Callable[[User], Client],
    user: User,
    stored_files: Callable[[], set[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = VideoFactory.create(user=user, files=True)
    client_for(user).delete(f"videos/{video.pk}")
    assert stored_files() != set()
    run_once()

    assert stored_files() == set()
    assert job_of("delete_folder").status == "succeeded"
    assert (
        capsys.readouterr().out
        == f"Running jobs of default, {DISK_QUEUE}, {PUSH_QUEUE}, {TRANSCODE_QUEUE}.\n"
    )


def test_the_shared_queue_runs_too() -> None:
    video = VideoFactory.create()
    ViewEvent.objects.create(video=video)
    fold_views.configure(task_kwargs={"timestamp": 0}).defer()
    run_once()

    assert Video.objects.get().views == DailyViews.objects.get().views == 1
    assert job_of("fold_views").status == "succeeded"


def test_what_a_job_logs_says_which_job_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[dict[str, Any]] = []

    def look(self: DiskBackend, folder: str) -> None:
        bound.append(get_contextvars())

    monkeypatch.setattr(DiskBackend, "delete", look)
    jobs = [delete_folder.defer(folder=FOLDER) for _ in range(2)]
    run_once()

    assert sorted(bound, key=lambda each: each["job_id"]) == [
        {"job_id": job, "task": delete_folder.name} for job in jobs
    ]
    assert get_contextvars() == {}


def test_a_job_that_is_not_due_waits(stored_files: Callable[[], set[str]]) -> None:
    video = VideoFactory.create(stored_folder=new_folder("incoming"), files=True)
    settle_video.configure(schedule_in={"seconds": 600}).defer(video_id=str(video.pk))
    run_once()
    assert job_of("settle_video").status == "todo"

    make_due()
    run_once()
    assert job_of("settle_video").status == "succeeded"
    assert f"{video.folder}/video.mp4" in stored_files()


def test_jobs_of_another_machine_are_left_to_it() -> None:
    delete_folder.configure(queue="disk-elsewhere").defer(folder=FOLDER)
    run_once()

    assert job_of("delete_folder").status == "todo"


def test_a_job_that_fails_is_tried_again_and_ends_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: DiskBackend, folder: str) -> None:
        raise OSError("the disk is away")

    monkeypatch.setattr(DiskBackend, "delete", fail)
    monkeypatch.setattr(delete_folder, "retry_strategy", Backoff(attempts=3))
    delete_folder.defer(folder=FOLDER)
    seen = []
    for _ in range(3):
        run_once()
        job = job_of("delete_folder")
        seen.append((job.status, job.attempts))
        make_due()

    assert seen == [("todo", 1), ("todo", 2), ("failed", 3)]
    run_once()
    assert job_of("delete_folder").status == "failed"


def test_a_disk_that_comes_back_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: DiskBackend, folder: str) -> None:
        raise OSError("the disk is away")

    delete_folder.defer(folder=FOLDER)
    with monkeypatch.context() as broken:
        broken.setattr(DiskBackend, "delete", fail)
        run_once()
    assert job_of("delete_folder").status == "todo"
    make_due()
    run_once()

    assert job_of("delete_folder").status == "succeeded"


def test_a_job_that_a_killed_worker_had_is_run_after_all() -> None:
    delete_folder.defer(folder=FOLDER)
    lose_jobs()
    tasks.reap_stalled_jobs.configure(task_kwargs={"timestamp": 0}).defer()
    run_once()
    run_once()

    assert job_of("delete_folder").status == "succeeded"
    assert job_of("reap_stalled_jobs").status == "succeeded"


def test_a_periodic_job_that_a_killed_worker_had_does_not_block_the_next_one() -> None:
    other = delete_folder.defer(folder=FOLDER)
    stalled = fold_views.configure(task_kwargs={"timestamp": 0}).defer()
    lose_jobs()
    waiting = fold_views.configure(task_kwargs={"timestamp": 60}).defer()
    tasks.reap_stalled_jobs.configure(task_kwargs={"timestamp": 0}).defer()
    run_once()
    run_once()

    # What is gone holds its lock no longer, and what waited for it has run.
    jobs: Any = ProcrastinateJob.objects.in_bulk([other, stalled, waiting])
    assert {job.id: job.status for job in jobs.values()} == {
        other: "succeeded",
        waiting: "succeeded",
    }


def test_the_worker_looks_after_finished_jobs() -> None:
    delete_folder.defer(folder=FOLDER)
    run_once()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = now() - '8 days'::interval")
    tasks.delete_finished_jobs.configure(task_kwargs={"timestamp": 0}).defer()
    run_once()

    assert job_of("delete_folder") is None


def test_a_change_of_the_code_starts_the_worker_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signals: list[tuple[int, int]] = []
    started: list[list[str]] = []

    class Watcher:
        def __init__(self, callback: Callable[[str], None]) -> None:
            self.callback = callback

        def start(self) -> None:
            self.callback("videos/tasks.py")
            self.callback("videos/models.py")

    monkeypatch.setattr("gunicorn.reloader.Reloader", Watcher)
    monkeypatch.setattr(os, "kill", lambda *call: signals.append(call))
    monkeypatch.setattr(os, "execv", lambda program, call: started.append([program, *call]))
    call_command("worker", "--once", "--reload")

    assert signals == [(os.getpid(), signal.SIGTERM)]
    assert started == [[sys.executable, sys.executable, *sys.orig_argv[1:]]]
    assert "videos/tasks.py changed: starting anew." in capsys.readouterr().out


def test_nothing_starts_anew_without_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watcher:
        def __init__(self, callback: Callable[[str], None]) -> None:
            self.callback = callback

        def start(self) -> None:
            return

    started: list[Any] = []
    monkeypatch.setattr("gunicorn.reloader.Reloader", Watcher)
    monkeypatch.setattr(os, "execv", lambda *call: started.append(call))
    call_command("worker", "--once", "--reload")

    assert started == []


def test_no_job_is_left_behind_by_nothing() -> None:
    run_once()

    assert "delete_folder" not in waiting_jobs()


def test_help_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("worker", "--help")

    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in ("--once", "--concurrency", "--reload", "MACHINE_NAME"):
        assert word in text

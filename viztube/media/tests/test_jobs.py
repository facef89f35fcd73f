"""Moves and deletions around a transaction, the jobs behind them, and what is swept up."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from viztube.media import tasks
from viztube.media.backends import disk
from viztube.media.placement import discard_on_commit, place_on_commit
from viztube.media.queues import DISK_QUEUE, Backoff, CutOff

KEY = "0123456789abcdef" * 2
SOURCE, TARGET = f"incoming/{KEY}", f"p/{KEY}"
DAY = 24 * 3600
RunJobs = Callable[[], list[str]]


def fill(root: Path, folder: str = SOURCE) -> Path:
    file = root / folder / "video.mp4"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"0123456789")
    return file


@pytest.mark.django_db(transaction=True)
def test_what_commits_is_done_and_what_rolls_back_never_was(media_root: Path) -> None:
    fill(media_root)

    with transaction.atomic():
        place_on_commit(SOURCE, TARGET)
        discard_on_commit(SOURCE)
        transaction.set_rollback(True)
    assert (media_root / SOURCE / "video.mp4").exists()
    assert not ProcrastinateJob.objects.exists()

    with transaction.atomic():
        place_on_commit(SOURCE, TARGET)
        assert not (media_root / TARGET).exists()
    assert (media_root / TARGET / "video.mp4").exists()

    with transaction.atomic():
        discard_on_commit(TARGET)
        assert (media_root / TARGET).exists()
    assert not (media_root / TARGET).exists()
    assert list((media_root / "trash").glob(f"{KEY}-*/video.mp4"))

    jobs = ProcrastinateJob.objects.order_by("id")
    assert [job.task_name.rpartition(".")[2] for job in jobs] == ["place_folder", "delete_folder"]
    assert {job.queue_name for job in jobs} == {DISK_QUEUE}
    assert jobs[0].scheduled_at is not None
    assert jobs[1].scheduled_at is None


def failing(*args: object) -> NoReturn:
    raise OSError("the disk is away")


def test_a_move_that_fails_is_left_to_its_job(
    monkeypatch: pytest.MonkeyPatch,
    media_root: Path,
    run_jobs: RunJobs,
    django_capture_on_commit_callbacks: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(media_root)
    with monkeypatch.context() as away:
        away.setattr(type(disk()), "move", failing)
        with django_capture_on_commit_callbacks(execute=True):
            place_on_commit(SOURCE, TARGET)
    assert not (media_root / TARGET).exists()
    assert "the disk is away" in caplog.text

    assert run_jobs() == ["place_folder"]

    assert (media_root / TARGET / "video.mp4").exists()


def test_a_withdrawal_that_fails_is_left_to_its_job(
    monkeypatch: pytest.MonkeyPatch,
    media_root: Path,
    run_jobs: RunJobs,
    django_capture_on_commit_callbacks: Any,
    stored_files: Callable[[], set[str]],
) -> None:
    fill(media_root, TARGET)
    with monkeypatch.context() as away:
        away.setattr(type(disk()), "withdraw", failing)
        with django_capture_on_commit_callbacks(execute=True):
            discard_on_commit(TARGET)
    assert stored_files()

    assert run_jobs() == ["delete_folder"]

    assert stored_files() == set()


def test_jobs_may_run_again_after_their_work_is_done(media_root: Path) -> None:
    fill(media_root)
    for _ in range(2):
        tasks.place_folder(SOURCE, TARGET)
    for _ in range(2):
        tasks.delete_folder(TARGET)

    tasks.place_folder(SOURCE, TARGET)  # moved, and deleted since

    assert not any(path.is_file() for path in media_root.rglob("*"))


def aged(path: Path, age: float) -> Path:
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


@pytest.mark.parametrize("area", ["incoming", "trash"])
def test_only_what_is_old_is_swept_up(media_root: Path, area: str) -> None:
    root = media_root / area
    fill(media_root, f"{area}/old")
    fill(media_root, f"{area}/young")
    for name in ("old.upload", "young.upload"):
        (root / name).touch()
    published = fill(media_root, TARGET)
    for path in (published, published.parent):
        aged(path, 100 * DAY)
    aged(root / "old", 2 * DAY + 60)
    aged(root / "young", 2 * DAY - 60)
    aged(root / "old.upload", DAY + 60)
    aged(root / "young.upload", DAY - 60)

    tasks.prune_incoming(0)

    assert {path.name for path in root.iterdir()} == {"young", "young.upload"}
    assert published.exists()


def test_sweeping_an_empty_place_is_fine(media_root: Path) -> None:
    tasks.prune_incoming(0)

    (media_root / "incoming").mkdir(parents=True)
    os.mkfifo(media_root / "incoming" / "odd")
    aged(media_root / "incoming" / "odd", 100 * DAY)
    tasks.prune_incoming(0)


def test_what_vanishes_while_sweeping_is_no_error(
    media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        fill(media_root, f"incoming/{name}")
        aged(media_root / "incoming" / name, 8 * DAY)
    seen: list[str] = []

    def vanish(path: Path) -> NoReturn:
        seen.append(path.name)
        raise FileNotFoundError(path)

    monkeypatch.setattr("shutil.rmtree", vanish)

    tasks.prune_incoming(0)

    assert sorted(seen) == ["a", "b"]


def test_sweeping_is_scheduled_every_hour_and_never_twice_at_once() -> None:
    from procrastinate.contrib.django import app

    periodic = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}

    assert periodic["viztube.media.tasks.prune_incoming"] == "17 * * * *"
    assert tasks.prune_incoming.queueing_lock == f"prune_incoming {DISK_QUEUE}"
    assert tasks.prune_incoming.queue == DISK_QUEUE


def decision(attempts: int, so_far: int, failure: type[Exception] = OSError) -> Any:
    job = Job(
        id=1,
        queue="q",
        lock=None,
        queueing_lock=None,
        task_name="t",
        attempts=so_far,
    )
    return Backoff(attempts).get_retry_decision(exception=failure(), job=job)


def test_retries_double_their_wait_up_to_an_hour() -> None:
    now = time.time()
    waits = [
        round(decision(100, so_far).retry_at.timestamp() - now)
        for so_far in (0, 1, 2, 9, 10, 12, 90)
    ]

    assert waits == [5, 10, 20, 2560, 3600, 3600, 3600]


def test_the_last_attempt_is_the_last() -> None:
    assert decision(3, 1) is not None
    assert decision(3, 2) is None
    assert decision(1, 0) is None


def test_what_a_stopping_worker_cut_off_goes_on_at_once_however_often() -> None:
    for so_far in (0, 2, 50):
        wait = decision(3, so_far, CutOff).retry_at.timestamp() - time.time()
        assert wait == pytest.approx(0, abs=1)


def test_files_are_retried_for_more_than_a_day() -> None:
    for task in (tasks.delete_folder, tasks.place_folder):
        strategy = task.retry_strategy
        assert isinstance(strategy, Backoff)
        total = sum(min(5 * 2**so_far, 3600) for so_far in range(strategy.attempts - 1))
        assert total > DAY

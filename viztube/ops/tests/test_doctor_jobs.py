"""What doctor says of jobs and workers, each made wrong for its own reason."""

from collections.abc import Callable
from typing import Any

import pytest

from videos.tasks import fold_views, transcode_video
from viztube.media.tasks import delete_folder
from viztube.ops.doctor import queue
from viztube.ops.doctor.findings import Finding, Status
from viztube.ops.tests.test_jobs import FOLDER, execute, take, worker_seen

pytestmark = pytest.mark.django_db


def waited(job: int, minutes: int) -> None:
    """Let a job have been put into the queue some time ago."""
    execute(
        "UPDATE procrastinate_events SET at = now() - make_interval(mins => %s) WHERE job_id = %s",
        minutes,
        job,
    )


def scheduled(job: int, minutes_ago: int) -> None:
    execute(
        "UPDATE procrastinate_jobs SET scheduled_at = now() - make_interval(mins => %s)"
        " WHERE id = %s",
        minutes_ago,
        job,
    )


def job() -> int:
    return int(delete_folder.defer(folder=FOLDER))


@pytest.mark.parametrize(
    ("minutes", "status"),
    [
        (0, Status.OK),
        (4, Status.OK),
        (6, Status.WARNING),
        (59, Status.WARNING),
        (61, Status.FAILED),
    ],
)
@pytest.mark.parametrize("age", [waited, scheduled])
def test_a_job_that_waits_long(
    age: Callable[[int, int], None], minutes: int, status: Status
) -> None:
    age(job(), minutes)
    job()

    finding = queue.is_kept_up_with()
    assert finding.status is status
    assert f"waited {minutes} minutes" in finding.says
    assert "delete_folder" in finding.says
    assert bool(finding.advice) is (status is not Status.OK)


def test_what_is_not_due_yet_or_runs_does_not_wait() -> None:
    later, running = job(), job()
    waited(later, 100)
    waited(running, 100)
    scheduled(later, -10)
    take(running, worker_seen(seconds_ago=1))

    assert queue.is_kept_up_with().says == "No job is due."


@pytest.mark.parametrize(
    ("seconds", "status"), [(5, Status.OK), (100, Status.WARNING), (400, Status.FAILED)]
)
def test_a_job_whose_worker_gives_no_sign_of_life(seconds: int, status: Status) -> None:
    take(job(), worker_seen(seconds_ago=seconds))

    finding = queue.has_no_stalled_jobs()
    assert finding.status is status
    if status is not Status.OK:
        assert "1 delete_folder" in finding.says
        assert finding.advice


def test_a_job_whose_worker_is_forgotten_was_lost_just_now() -> None:
    take(job(), None)

    assert queue.has_no_stalled_jobs().status is Status.WARNING


def fail(number: int, hours_ago: int) -> None:
    take(number, None)
    execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", number)
    execute(
        "UPDATE procrastinate_events SET at = now() - make_interval(hours => %s) WHERE job_id = %s",
        hours_ago,
        number,
    )


def test_jobs_that_failed_in_the_last_day() -> None:
    fail(job(), hours_ago=25)
    assert queue.has_no_failed_jobs().status is Status.OK

    fail(job(), hours_ago=23)
    fail(job(), hours_ago=1)
    finding = queue.has_no_failed_jobs()
    assert finding.status is Status.WARNING
    assert finding.says == "2 jobs have failed in the last day: 2 delete_folder."

    execute("UPDATE procrastinate_jobs SET status = 'todo'")
    assert queue.has_no_failed_jobs().status is Status.OK


def test_workers_by_their_signs_of_life() -> None:
    assert queue.has_workers().status is Status.FAILED
    worker_seen(seconds_ago=61)
    assert queue.has_workers().status is Status.FAILED
    worker_seen(seconds_ago=30)
    assert queue.has_workers().status is Status.OK


def media_queue() -> Finding:
    return queue.has_worker_of_this_machine()


def test_a_machine_whose_jobs_wait_has_no_worker() -> None:
    worker_seen(seconds_ago=1)
    elsewhere = fold_views.configure(task_kwargs={"timestamp": 0}).defer()
    waited(elsewhere, 100)
    assert media_queue().status is Status.WARNING  # nothing of this machine's either way

    lost = job()
    assert media_queue().status is Status.WARNING
    waited(lost, 6)
    finding = media_queue()
    assert finding.status is Status.FAILED
    assert "disk-main" in finding.says
    assert "MACHINE_NAME" in finding.advice


def test_a_machine_whose_jobs_have_run_lately_has_one() -> None:
    done = job()
    take(done, worker_seen(seconds_ago=1))
    execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", done)
    assert media_queue().status is Status.OK

    waited(done, 11)
    assert media_queue().status is Status.WARNING


def test_a_machine_that_is_busy_with_a_long_job_has_one() -> None:
    long, waiting = job(), job()
    take(long, worker_seen(seconds_ago=1))
    for number in (long, waiting):
        waited(number, 30)

    assert media_queue().status is Status.OK


def test_a_job_that_no_worker_holds_is_no_sign_of_one() -> None:
    take(job(), worker_seen(seconds_ago=100))
    execute("UPDATE procrastinate_events SET at = now() - make_interval(mins => 30)")

    assert media_queue().status is Status.WARNING


def transcode() -> int:
    return int(transcode_video.defer(video_id="01890000-0000-7000-8000-000000000000"))


def test_streams_that_nobody_makes(settings: Any) -> None:
    waited(transcode(), 61)
    assert queue.makes_streams().status is Status.NOT_CHECKED  # nobody is to make them
    settings.HLS_TOP_RUNG = 720
    finding = queue.makes_streams()
    assert finding.status is Status.FAILED
    assert "1 videos wait" in finding.says
    assert "--queues transcode" in finding.advice

    # One that makes streams may have many to make.
    take(transcode(), worker_seen(seconds_ago=1))
    finding = queue.makes_streams()
    assert finding.status is Status.OK
    assert "1 streams are being made; 1 have waited" in finding.says


def test_a_video_that_waits_for_its_stream_is_not_late() -> None:
    waited(transcode(), 61)

    assert queue.is_kept_up_with().says == "No job is due."

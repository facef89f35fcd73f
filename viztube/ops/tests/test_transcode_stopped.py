"""A worker that is told to stop, or a job that staff stop, in the middle of a stream."""

import signal
import time
from collections.abc import Iterator

import pytest

from viztube.ops.tests.processes import linux_only, processes_mentioning
from viztube.ops.tests.transcoders import SLOWLY, TRANSCODE, Studio, film, running_studio
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

IMPATIENT = """
from viztube.ops.management.commands import worker
worker.TRANSCODE_GRACE_SECONDS = 1
"""

# What the queue's page in admin does.
ABORT = """
from procrastinate.contrib.django import app
assert app.job_manager.cancel_job_by_id({job}, abort=True)
"""


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    with running_studio() as running:
        yield running


@pytest.fixture(scope="module")
def content() -> bytes:
    return film()


@pytest.mark.parametrize("queues", [["transcode"], ["default", "disk", "push", "transcode"]])
def test_a_worker_that_is_told_to_stop_leaves_its_stream_to_another(
    queues: list[str], studio: Studio, content: bytes
) -> None:
    worker = studio.machine.start_worker("--queues", *queues, change=SLOWLY + IMPATIENT)
    video = studio.upload(content)
    studio.wait_for_encoder(video)
    worker.send_signal(signal.SIGTERM)
    told_at = time.monotonic()
    assert worker.wait(30) == 0
    print(f"It took {time.monotonic() - told_at:.1f} s.")
    assert time.monotonic() - told_at < 10

    assert processes_mentioning(video.hex) == []
    assert list((studio.media / "incoming").iterdir()) == []
    # The attempt does not count, and the next one need not wait.
    assert studio.job(video) == ("todo", 1)
    assert studio.begun(video) == 0
    assert studio.status(video) == ("PROCESSING", "")
    worker = studio.start()
    studio.wait_for(video, "COMPLETED")
    studio.assert_complete(video)
    studio.kill(worker, video)


def test_a_stream_that_is_nearly_made_is_finished_first(studio: Studio, content: bytes) -> None:
    worker = studio.start()
    video = studio.upload(content)
    assert eventually(lambda: studio.page(video)["streamUrl"] is not None, 30)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0

    assert studio.job(video) == ("succeeded", 1)
    studio.assert_complete(video)


def test_staff_stop_a_stream_that_is_being_made(studio: Studio, content: bytes) -> None:
    worker = studio.start(change=SLOWLY)
    video = studio.upload(content)
    studio.wait_for_encoder(video)
    job = studio.cluster.count(
        "SELECT id FROM procrastinate_jobs WHERE task_name = %s AND args->>'video_id' = %s",
        TRANSCODE,
        str(video),
    )
    studio.machine.manage("shell", "-c", ABORT.format(job=job))

    studio.wait_for(video, "FAILED")
    assert studio.status(video)[1] == (
        "Making its streams was stopped by the operators of this site."
    )
    assert studio.begun(video) is None
    assert eventually(lambda: studio.job(video) == ("aborted", 1)), studio.job(video)
    studio.assert_plays(video)
    # The worker goes on with others.
    assert worker.poll() is None
    other = studio.upload(film(1))
    studio.wait_for(other, "COMPLETED")
    studio.kill(worker, other)

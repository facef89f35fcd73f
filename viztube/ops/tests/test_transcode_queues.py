"""Streams are made on a queue of their own, so many at once, and none by two at once."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.transcoders import OLD, PATIENCE, Studio, film, running_studio
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

POLLED = 6  # seconds after which every worker has looked for jobs once more
DELETIONS = """
SELECT count(*) FROM procrastinate_jobs
WHERE task_name = 'viztube.media.tasks.delete_folder' AND status = 'todo'
"""


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    with running_studio() as running:
        yield running


@pytest.fixture(scope="module")
def content() -> bytes:
    return film()


def test_everything_else_goes_on_while_a_worker_of_all_queues_makes_a_stream(
    studio: Studio, content: bytes
) -> None:
    others = studio.upload(film(1))
    studio.quick.send_signal(signal.SIGSTOP)
    worker = studio.machine.start_worker()
    studio.wait_for(others, "COMPLETED")
    # One of them hangs, and the others wait for their turn: of all jobs they take one place.
    video, waiting, last = (studio.upload(content) for _ in range(3))
    encoder = studio.wait_for_encoder(video)
    os.kill(encoder, signal.SIGSTOP)
    folder = studio.folder(others)
    studio.delete(others)
    studio.reap()

    assert eventually(lambda: not folder.exists() and not list(studio.media.glob("trash/*")))
    assert studio.encoders(video) == [encoder]
    assert [studio.job(one) for one in (waiting, last)] == [("todo", 0)] * 2
    os.kill(encoder, signal.SIGCONT)
    for one in (video, waiting, last):
        studio.wait_for(one, "COMPLETED")
    studio.assert_complete(video)
    studio.quick.send_signal(signal.SIGCONT)
    studio.kill(worker, video)


def test_a_worker_of_other_queues_makes_no_streams(studio: Studio) -> None:
    video = studio.upload(film(1))
    time.sleep(POLLED)

    # It has done what else there was to do.
    studio.reap()
    assert studio.job(video) == ("todo", 0)
    worker = studio.start()
    studio.wait_for(video, "COMPLETED")
    studio.kill(worker, video)


def test_a_worker_of_streams_does_nothing_else(studio: Studio) -> None:
    worker = studio.start()
    first = studio.upload(film(1))
    studio.wait_for(first, "COMPLETED")
    studio.quick.send_signal(signal.SIGSTOP)
    folder = studio.folder(first)
    studio.delete(first)
    second = studio.upload(film(1))
    studio.wait_for(second, "COMPLETED")
    time.sleep(POLLED)

    assert studio.cluster.count(DELETIONS) == 1
    studio.quick.send_signal(signal.SIGCONT)
    assert eventually(lambda: studio.cluster.count(DELETIONS) == 0, 30)
    assert eventually(lambda: not folder.exists())
    studio.assert_complete(second, 1)
    studio.kill(worker, second)


def test_as_many_streams_are_made_at_once_as_the_operator_wants(
    studio: Studio, content: bytes
) -> None:
    worker = studio.start("--transcodes", "2")
    videos, encoders = [], []
    for _ in range(2):
        videos.append(studio.upload(content))
        encoders.append(studio.wait_for_encoder(videos[-1]))
        # At once: it may have done before the next one begins.
        os.kill(encoders[-1], signal.SIGSTOP)
    videos.append(studio.upload(content))
    time.sleep(POLLED)

    assert [studio.job(video) for video in videos] == [("doing", 0), ("doing", 0), ("todo", 0)]
    for encoder in encoders:
        os.kill(encoder, signal.SIGCONT)
    for video in videos:
        studio.wait_for(video, "COMPLETED")
    for video in videos:
        studio.assert_complete(video)
    studio.kill(worker, videos[0])


@pytest.mark.parametrize("same", [True, False], ids=["the same worker", "another worker"])
def test_a_stream_whose_worker_only_seems_dead_is_made_once(
    same: bool, studio: Studio, content: bytes
) -> None:
    worker = studio.start("--transcodes", "2" if same else "1")
    video = studio.upload(content)
    encoder = studio.wait_for_encoder(video)
    os.kill(encoder, signal.SIGSTOP)
    studio.cluster.database.execute(OLD)
    studio.reap()
    second = worker if same else studio.start()
    # It was tried, and the place was taken.
    assert eventually(lambda: studio.job(video) == ("todo", 2), PATIENCE), studio.job(video)
    assert studio.encoders(video) == [encoder]
    os.kill(encoder, signal.SIGCONT)

    studio.wait_for(video, "COMPLETED")
    studio.assert_complete(video)
    assert studio.job(video) == ("succeeded", 2)
    for one in {worker, second}:
        studio.kill(one, video)

"""An encoder that dies, hangs or finds no room: tried again, and in the end said why."""

import os
import signal
from collections.abc import Iterator
from uuid import UUID

import pytest

from viztube.ops.tests.processes import linux_only, processes_mentioning
from viztube.ops.tests.transcoders import PATIENCE, Studio, film, running_studio
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

IMPATIENT = """
from viztube.media.hls import encoder
encoder.LEAST_SECONDS, encoder.TIMES_DURATION = 3, 0
"""
NO_ROOM = """
from viztube.media import uploads
uploads.RESERVED_BYTES = 1 << 60
"""


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    with running_studio() as running:
        yield running


@pytest.fixture(scope="module")
def content() -> bytes:
    return film()


def wait_for_attempt(studio: Studio, video: UUID, number: int) -> None:
    """Wait until an attempt has failed and the next one is due in a minute or more."""
    assert eventually(lambda: studio.job(video) == ("todo", number), PATIENCE), studio.job(video)
    assert studio.begun(video) == number
    assert studio.status(video) == ("PROCESSING", "")
    seconds = studio.cluster.count(
        "SELECT extract(epoch FROM scheduled_at - now())::int FROM procrastinate_jobs"
        " WHERE args->>'video_id' = %s AND status = 'todo' AND queue_name = 'transcode-main'",
        str(video),
    )
    assert 50 * 2 ** (number - 1) < seconds <= 60 * 2 ** (number - 1)
    assert not processes_mentioning(video.hex)
    assert not studio.workplace(video).exists()


def test_an_encoder_that_is_killed_is_started_again(studio: Studio, content: bytes) -> None:
    worker = studio.start()
    video = studio.upload(content)
    os.kill(studio.wait_for_encoder(video), signal.SIGKILL)
    wait_for_attempt(studio, video, 1)
    studio.make_due(video)
    # Once more, while the other qualities are made: the lowest can be watched meanwhile.
    assert eventually(lambda: studio.page(video)["streamUrl"] is not None, PATIENCE)
    os.kill(studio.wait_for_encoder(video), signal.SIGKILL)
    wait_for_attempt(studio, video, 2)
    assert [one["height"] for one in studio.page(video)["renditions"]] == [240]
    studio.make_due(video)

    studio.wait_for(video, "COMPLETED")
    studio.assert_complete(video)
    assert studio.job(video) == ("succeeded", 3)
    studio.kill(worker, video)


def test_an_encoder_that_is_killed_three_times_is_given_up(studio: Studio, content: bytes) -> None:
    worker = studio.start()
    video = studio.upload(content)
    for number in (1, 2):
        os.kill(studio.wait_for_encoder(video), signal.SIGKILL)
        wait_for_attempt(studio, video, number)
        studio.make_due(video)
    os.kill(studio.wait_for_encoder(video), signal.SIGKILL)

    studio.wait_for(video, "FAILED")
    assert studio.status(video)[1] == "No streams could be made of this file."
    studio.assert_plays(video)
    assert studio.job(video) == ("succeeded", 3)
    studio.kill(worker, video)


def test_an_encoder_that_hangs_is_ended_when_its_time_is_over(
    studio: Studio, content: bytes
) -> None:
    worker = studio.start(change=IMPATIENT)
    video = studio.upload(content)
    os.kill(studio.wait_for_encoder(video), signal.SIGSTOP)

    studio.wait_for(video, "FAILED")
    assert studio.status(video)[1] == "Making its streams took too long."
    studio.assert_plays(video)
    assert studio.job(video) == ("succeeded", 1)
    # The worker is not stuck.
    other = studio.upload(film(1))
    studio.wait_for(other, "COMPLETED")
    studio.kill(worker, other)


def test_a_disk_without_room_fails_until_there_is_some(studio: Studio) -> None:
    worker = studio.start(change=NO_ROOM)
    video, other = (studio.upload(film(1)) for _ in range(2))
    wait_for_attempt(studio, video, 1)
    wait_for_attempt(studio, other, 1)
    studio.make_due(video)
    wait_for_attempt(studio, video, 2)
    studio.make_due(video)

    studio.wait_for(video, "FAILED")
    assert studio.status(video)[1] == "This site had no room for its streams."
    studio.assert_plays(video)
    assert studio.job(video) == ("succeeded", 3)
    # The other one had not been given up when somebody made room.
    studio.kill(worker, video)
    worker = studio.start()
    studio.make_due(other)
    studio.wait_for(other, "COMPLETED")
    studio.assert_complete(other, 1)
    studio.kill(worker, other)

"""A worker that is killed while it makes a stream: another one goes on, and no trace is left."""

import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.transcoders import PATIENCE, SLOWLY, Studio, film, running_studio
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

MOMENTS = 20
SHORT = 2  # seconds of a film with which it does not matter how long it takes
TWICE_EVERY = 5  # how many are killed once for one that is killed twice

# A worker that kills itself once a method of Path has been called so often for what has this name.
DIE = """
import os
import signal
from pathlib import Path

real, calls = Path.{method}, []

def dying(self, *args, **kwargs):
    found = real(self, *args, **kwargs)
    if str((args or (self,))[0] if "{method}" == "rename" else self).endswith("{name}"):
        calls.append(self)
    if len(calls) == {times}:
        os.kill(os.getpid(), signal.SIGKILL)
    return found

Path.{method} = dying
"""
# A worker that kills itself once a function of a module has returned.
DIE_AFTER = """
import os
import signal
from {package} import {module}

real = {module}.{name}

def dying(*args, **kwargs):
    found = real(*args, **kwargs)
    if kwargs.get("complete", True):
        os.kill(os.getpid(), signal.SIGKILL)
    return found

{module}.{name} = dying
"""
_MASTER = "/master.m3u8"
# After each change of the disk or the database, in the order in which they come.
STEPS = {
    "the attempt is counted": DIE_AFTER.format(
        package="videos.services", module="transcoding", name="_begin"
    ),
    "the original is taken": DIE_AFTER.format(
        package="videos.services", module="ladders", name="take_original"
    ),
    "the lowest is made": DIE_AFTER.format(
        package="viztube.media.hls", module="encoder", name="check"
    ),
    "the sound is placed": DIE.format(method="rename", name="/audio", times=1),
    "the lowest is placed": DIE.format(method="rename", name="/240p", times=1),
    "a master is written": DIE.format(method="write_text", name=f"{_MASTER}.new", times=1),
    "a master is there": DIE.format(method="rename", name=_MASTER, times=1),
    "the others are placed": DIE.format(method="rename", name="/360p", times=1),
    "the second master is written": DIE.format(method="write_text", name=f"{_MASTER}.new", times=2),
    "the second master is there": DIE.format(method="rename", name=_MASTER, times=2),
    "the row says complete": DIE_AFTER.format(
        package="videos.services", module="ladders", name="publish"
    ),
}
NO_SETPRIV = """
from viztube.media.hls import encoder
encoder._WITH_US = ()
"""
# Writes other bytes than the one that comes after it.
OTHERWISE = """
from viztube.media.hls import command
command.PRESET = "ultrafast"
"""


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    with running_studio() as running:
        yield running


@pytest.fixture(scope="module")
def content() -> bytes:
    return film()


@pytest.fixture(scope="module")
def length(studio: Studio, content: bytes) -> float:
    """Return how many seconds a whole job takes, the second time."""
    worker = studio.start()
    for _ in range(2):
        video = studio.upload(content)
        assert eventually(lambda: studio.job(video)[0] != "todo")  # noqa: B023
        began = time.monotonic()
        studio.wait_for(video, "COMPLETED")
    seconds = time.monotonic() - began
    studio.assert_complete(video)
    studio.kill(worker, video)
    print(f"A job takes {seconds:.1f} s.")
    return seconds


def test_a_worker_killed_at_any_moment_loses_nothing(
    studio: Studio, content: bytes, length: float
) -> None:
    seed = int.from_bytes(os.urandom(4))
    chance = random.Random(seed)
    print(f"The seed is {seed}.")
    worker = studio.start()
    for number in range(MOMENTS):
        # One in each twentieth, from the first to the last.
        moment = length * (number + chance.random()) / MOMENTS
        video = studio.upload(content)
        assert eventually(lambda: studio.job(video)[0] != "todo")  # noqa: B023
        time.sleep(moment)
        studio.kill(worker, video)
        killed_at = studio.job(video), studio.begun(video)
        studio.take_up(video)
        worker = studio.start()
        if number % TWICE_EVERY == 0:
            time.sleep(chance.random() * length / 2)
            studio.kill(worker, video)
            studio.take_up(video)
            worker = studio.start()
        studio.wait_for(video, "COMPLETED")
        studio.assert_complete(video)
        print(f"{number}: killed {moment:.2f} s after its start, {killed_at}, {studio.job(video)}")
    studio.kill(worker, video)


def test_an_encoder_dies_with_its_worker(studio: Studio, content: bytes) -> None:
    worker = studio.start(change=SLOWLY)
    video = studio.upload(content)
    studio.wait_for_encoder(video)
    studio.kill(worker, video)
    studio.take_up(video)
    worker = studio.start()
    studio.wait_for(video, "COMPLETED")
    studio.assert_complete(video)
    studio.kill(worker, video)


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_after_a_step_loses_nothing(step: str, studio: Studio) -> None:
    worker = studio.start(change=STEPS[step])
    video = studio.upload(film(SHORT))
    assert eventually(lambda: worker.poll() is not None, PATIENCE), studio.status(video)
    assert worker.returncode == -signal.SIGKILL
    assert studio.job(video)[0] == "doing"
    studio.take_up(video)
    worker = studio.start()
    studio.wait_for(video, "COMPLETED")
    studio.assert_complete(video, SHORT)
    studio.kill(worker, video)


def test_a_video_that_kills_every_worker_is_given_up_and_blocks_no_other(
    studio: Studio, content: bytes
) -> None:
    worker = studio.start()
    video = studio.upload(content)
    other = studio.upload(film(SHORT))
    for attempt in (1, 2, 3):
        # Also the one in which the lowest quality is made, so that there is a part of a stream.
        if attempt == 1:
            assert eventually(lambda: studio.page(video)["streamUrl"] is not None, PATIENCE)
        studio.wait_for_encoder(video)
        studio.kill(worker, video)
        assert studio.begun(video) == attempt
        assert studio.begun(other) == 0
        studio.take_up(video)
        worker = studio.start()
    studio.wait_for(video, "FAILED")
    assert studio.status(video)[1] == "Making its streams was cut off 3 times."
    studio.wait_for(other, "COMPLETED")
    studio.assert_complete(other, SHORT)

    # Who watches the part that there was is not cut off; it goes later.
    assert studio.page(video)["streamUrl"] is None
    (part,) = studio.folder(video).glob("hls-*")
    assert {path.name for path in part.iterdir()} >= {"audio", "240p", "master.m3u8"}
    studio.remove_old_streams(video)
    studio.assert_plays(video)
    studio.kill(worker, video)


def test_an_encoder_that_outlives_its_worker_spoils_nothing(studio: Studio, content: bytes) -> None:
    # Where no kernel ends it (macOS), or in the millisecond before it has asked for that.
    worker = studio.start(change=NO_SETPRIV + OTHERWISE)
    video = studio.upload(content)
    old = studio.wait_for_encoder(video)
    os.kill(old, signal.SIGSTOP)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    studio.take_up(video)
    worker = studio.start(change=NO_SETPRIV)
    assert eventually(lambda: len(studio.encoders(video)) == 2, PATIENCE)
    (new,) = {*studio.encoders(video)} - {old}
    assert eventually(lambda: any(studio.workplace(video).glob("*/240p/00000.m4s")), PATIENCE)
    os.kill(new, signal.SIGSTOP)
    os.kill(old, signal.SIGCONT)
    assert eventually(lambda: studio.encoders(video) == [new], PATIENCE)
    os.kill(new, signal.SIGCONT)

    studio.wait_for(video, "COMPLETED")
    studio.assert_complete(video)
    assert studio.job(video) == ("succeeded", 2)
    studio.kill(worker, video)

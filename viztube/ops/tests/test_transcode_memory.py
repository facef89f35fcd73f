"""Making a stream fits into a small machine."""

from collections.abc import Iterator

import pytest

from viztube.ops.tests.processes import linux_only, memory
from viztube.ops.tests.transcoders import PATIENCE, Studio, film, running_studio
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

MB = 1_000_000
WORKER = 110 * MB
ENCODER = 350 * MB


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    with running_studio(HLS_TOP_RUNG="1080") as running:
        yield running


def test_a_stream_of_five_qualities_takes_little_memory(studio: Studio) -> None:
    worker = studio.start()
    idle = memory(worker.pid, "VmRSS")
    video = studio.upload(film(10, size="1920x1080"))
    peaks: dict[int, int] = {}

    def is_over() -> bool:
        for pid in studio.encoders(video):
            peaks[pid] = max(peaks.get(pid, 0), memory(pid, "VmHWM"))
        return studio.status(video)[0] != "PROCESSING"

    assert eventually(is_over, 4 * PATIENCE)
    assert studio.status(video) == ("COMPLETED", "")
    assert len(studio.page(video)["renditions"]) == 5
    peak = memory(worker.pid, "VmHWM")
    encoders = [round(one / MB) for one in peaks.values()]
    print(
        f"The worker takes {idle / MB:.0f} MB idle and {peak / MB:.0f} MB at its peak, "
        f"its encoders {encoders} MB."
    )
    assert len(encoders) == 2
    assert peak < WORKER
    assert max(peaks.values()) < ENCODER
    studio.kill(worker, video)

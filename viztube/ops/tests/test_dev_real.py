"""VizTube itself, started as `make run` does, and stopped or killed: nothing may be left of it."""

import shutil
import signal
import time
from pathlib import Path

import httpx
import pytest

from viztube.ops.tests.processes import linux_only, processes_mentioning
from viztube.ops.tests.site import Environ, running_site, starting_site
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_of_it(environ: Environ, number: signal.Signals) -> None:
    with running_site(environ) as site:
        assert f"{site.url}/api/v2/docs" in site.output
        assert httpx.get(f"{site.api}/healthcheck").status_code == 200
        names = " ".join(processes_mentioning(environ["DATA_DIR"]))
        for part in ("bin/postgres -D", "gunicorn", "manage.py worker"):
            assert part in names

        site.process.send_signal(number)

        assert site.process.wait(timeout=30) == 0
        assert not processes_mentioning(environ["DATA_DIR"])


def test_a_killed_one_leaves_nothing_and_starts_again(environ: Environ) -> None:
    with running_site(environ) as site:
        site.process.kill()
        site.process.wait()
        # The worker is asked to stop like the rest, and may finish a job first: up to a minute.
        assert eventually(lambda: not processes_mentioning(environ["DATA_DIR"]), seconds=90)

    with running_site(environ) as again:
        again.process.terminate()
        assert again.process.wait(timeout=30) == 0


@pytest.mark.parametrize("delay", [0.1, 0.4, 0.7, 1.0, 1.5, 2.5])
def test_a_stop_during_the_start_leaves_nothing(environ: Environ, delay: float) -> None:
    data_dir = Path(environ["DATA_DIR"])
    with starting_site(environ) as process:
        assert eventually((data_dir / "lock").exists)
        time.sleep(delay)
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert not processes_mentioning(str(data_dir))
    shutil.rmtree(data_dir)

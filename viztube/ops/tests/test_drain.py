"""Stopping the web server while requests are running."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from viztube.ops.tests.machines import running_cluster
from viztube.ops.tests.waiting import eventually

pytestmark = pytest.mark.slow

REQUESTS = 20


def test_sigterm_during_twenty_slow_requests_loses_none(tmp_path: Path) -> None:
    with running_cluster(tmp_path, ["main"], workers=0) as cluster:
        (machine,) = cluster.machines
        assert machine.web is not None
        address = machine.environ["DATABASE_URL"]

        def waiting() -> int:
            return cluster.count(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND query LIKE '%%videos_video%%'"
            )

        with psycopg.connect(address) as blocker, ThreadPoolExecutor(REQUESTS) as pool:
            blocker.execute("LOCK TABLE videos_video IN ACCESS EXCLUSIVE MODE")
            # More than there are threads: the others are accepted, and wait for one.
            answers = [
                pool.submit(httpx.get, f"{machine.api}/videos", timeout=60) for _ in range(REQUESTS)
            ]
            assert eventually(lambda: waiting() == 8)
            time.sleep(0.5)

            machine.web.send_signal(signal.SIGTERM)
            time.sleep(1)
            blocker.rollback()

            assert [answer.result().status_code for answer in answers] == [200] * REQUESTS
        assert machine.web.wait(20) == 0

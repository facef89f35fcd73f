"""Stopping the web server while requests are running."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from viztube.ops.tests.machines import running_cluster
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.stack import nginx_environ, running_nginx
from viztube.ops.tests.waiting import eventually

pytestmark = pytest.mark.slow

REQUESTS = 20
THREADS = 4  # of one process


@pytest.mark.parametrize(
    "behind_nginx", [False, pytest.param(True, marks=linux_only)], ids=["direct", "nginx"]
)
def test_sigterm_during_twenty_slow_requests_loses_none(tmp_path: Path, behind_nginx: bool) -> None:
    with running_cluster(tmp_path, ["main"], workers=0) as cluster, ExitStack() as running:
        (machine,) = cluster.machines
        assert machine.web is not None
        api = machine.api
        if behind_nginx:
            told = nginx_environ(tmp_path, machine.environ, api.split("/")[2])
            running.enter_context(running_nginx(tmp_path, told))
            api = f"http://127.0.0.1:{told['HTTP_PORT']}/api/v2"
        address = machine.environ["DATABASE_URL"]

        def waiting() -> int:
            return cluster.count(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND query LIKE '%%videos_video%%'"
            )

        with psycopg.connect(address) as blocker, ThreadPoolExecutor(REQUESTS) as pool:
            blocker.execute("LOCK TABLE videos_video IN ACCESS EXCLUSIVE MODE")
            # More than there are threads: the others are accepted, and wait for one.
            answers = [pool.submit(httpx.get, f"{api}/videos", timeout=60) for _ in range(REQUESTS)]
            # The two processes need not have equally many.
            assert eventually(lambda: waiting() > THREADS)
            time.sleep(0.5)

            machine.web.send_signal(signal.SIGTERM)
            time.sleep(1)
            blocker.rollback()

            assert [answer.result().status_code for answer in answers] == [200] * REQUESTS
        assert machine.web.wait(20) == 0

"""gunicorn with the shipped settings: its lines, and metrics that several workers share."""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from viztube.ops.embedded.server import free_port
from viztube.ops.slots import SHARED_MEMORY, VARIABLE
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

FOLDER = "0f" * 16
# Without these, as it is in production.
GIVEN_BY_PYTEST = {VARIABLE, "DJANGO_SETTINGS_MODULE"}
COUNTED = (
    "django_http_responses_total_by_status_view_method_total"
    '{method="GET",status="200",view="livez"}'
)


@dataclass
class Web:
    """A running gunicorn."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def workers(self) -> set[int]:
        """Return the ids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def folder(self) -> Path:
        """Return where its workers share metrics."""
        (folder,) = SHARED_MEMORY.glob(f"viztube-metrics-{self.process.pid}-*")
        return folder

    def answers(self) -> bool:
        """Tell whether it takes requests."""
        try:
            return httpx.get(f"{self.url}/livez").status_code == 200
        except httpx.HTTPError:
            return False

    def counted(self) -> float:
        """Return how many answers of /livez all workers together have counted."""
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith(COUNTED):
                return float(line.rpartition(" ")[2])
        return 0


@contextmanager
def running(tmp_path: Path) -> Iterator[Web]:
    """Run gunicorn with the shipped settings."""
    port = free_port()
    environ = {name: text for name, text in os.environ.items() if name not in GIVEN_BY_PYTEST}
    environ |= {"DEBUG": "0", "PUBLIC_URL": "https://viztube.example"}
    environ |= {"SECRET_KEY": settings.SECRET_KEY, "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY}
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", "viztube.wsgi:application"],
            cwd=settings.BASE_DIR,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    started = Web(process, f"http://127.0.0.1:{port}", log)
    try:
        assert eventually(started.answers, 30), log.read_text()
        yield started
    finally:
        process.terminate()
        process.wait(40)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with running(tmp_path) as started:
        yield started


def test_every_line_is_json(web: Web) -> None:
    httpx.get(f"{web.url}/livez?token=s3cret-in-the-query", headers={"X-Request-ID": "from-a-test"})
    refused = httpx.get(f"{web.url}/livez", headers={"Host": "elsewhere.example"})
    assert refused.status_code == 400
    # So that each thread has served a request.
    for _ in range(30):
        assert web.answers()
    # Refused by gunicorn itself, which repeats what it cannot read.
    host, _, port = web.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as bad:
        bad.sendall(f"GET /media/p/{FOLDER}/x?t=s3cret NONSENSE/9\r\n\r\n".encode())
        assert b" 400 " in bad.recv(4096)
    web.process.terminate()
    web.process.wait(40)

    text = web.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(
        {"event", "level", "logger", "request_id", "timestamp"} <= line.keys() for line in lines
    )
    events = [line["event"] for line in lines if line["logger"] == "gunicorn.error"]
    assert any(event.startswith("Starting gunicorn") for event in events)
    assert any(event.startswith("Shutting down") for event in events)
    (line,) = [line for line in lines if line["request_id"] == "from-a-test"]
    assert (line["event"], line["route"], line["queries"]) == ("request", "/livez", 0)
    assert [line for line in lines if line["logger"] == "django.security.DisallowedHost"]
    (nonsense,) = [line for line in lines if "NONSENSE" in line["event"]]
    assert nonsense["request_id"] == "-"
    assert "s3cret" not in text
    assert FOLDER not in text


def connections_of(worker: int, port: int) -> int:
    """Return how many connections to a port a worker has (Linux, proc(5))."""
    open_ones = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_, inode = line.split()[:10]
        if state == "01" and int(local.rpartition(":")[2], 16) == port:
            open_ones.add(f"socket:[{inode}]")
    held = {str(entry.readlink()) for entry in Path(f"/proc/{worker}/fd").iterdir()}
    return len(open_ones & held)


def test_connections_that_are_kept_are_spread_over_the_workers(web: Web) -> None:
    host, _, port = web.url.removeprefix("http://").partition(":")
    request = f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    fewest = []
    for _ in range(5):
        with ExitStack() as stack:
            opened = [
                stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
                for _ in range(16)
            ]
            for connection in opened:
                connection.sendall(request)
            assert all(b" 200 " in connection.recv(4096) for connection in opened)
            held = sorted(connections_of(worker, int(port)) for worker in web.workers())
            assert sum(held) == 16
            fewest.append(held[0])
    # A machine that does other things may wake one of them too late, now and then.
    assert statistics.median(fewest) >= 5, fewest

    # Nobody leaves anything to one that is gone.
    os.kill(min(web.workers()), signal.SIGKILL)
    began = time.monotonic()
    assert all(web.answers() for _ in range(20))
    assert time.monotonic() - began < 5


def cores_of(worker: int) -> list[set[int]]:
    """Return the cores that each thread of a worker may run on (Linux)."""
    return [os.sched_getaffinity(int(task.name)) for task in Path(f"/proc/{worker}/task").iterdir()]


def test_each_worker_stays_on_a_core_of_its_own(web: Web) -> None:
    ours = os.sched_getaffinity(0)

    def is_busy() -> bool:
        """Tell whether each worker has threads, which come with what it is asked."""
        return web.answers() and all(len(cores_of(one)) > 1 for one in web.workers())

    def assert_spread() -> None:
        assert eventually(is_busy, 20)
        cores = [cores_of(worker) for worker in web.workers()]
        assert len(cores) == 2
        for threads in cores:
            assert len(threads[0]) == 1
            assert threads == [threads[0]] * len(threads)
        assert len(set.union(*(threads[0] for threads in cores))) == min(2, len(ours))
        assert set.union(*(threads[0] for threads in cores)) <= ours

    assert_spread()
    # It only starts them.
    assert os.sched_getaffinity(web.process.pid) == ours
    # Who comes for one that is gone takes its place.
    gone = min(web.workers())
    os.kill(gone, signal.SIGKILL)
    assert eventually(lambda: len(web.workers()) == 2 and gone not in web.workers(), 10)
    assert_spread()


def test_on_one_core_both_workers_share_it(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        # As an operator gives a service less than the machine has.
        os.sched_setaffinity(0, {max(before)})
        with running(tmp_path) as web:
            assert len(web.workers()) == 2
            assert [cores_of(one)[0] for one in web.workers()] == [{max(before)}] * 2
    finally:
        os.sched_setaffinity(0, before)


def test_workers_count_together_and_a_new_one_goes_on_for_the_old(web: Web) -> None:
    before = web.counted()
    for _ in range(40):
        assert web.answers()
    assert web.counted() == before + 40
    files = {path.name for path in web.folder().iterdir()}
    assert {name.rpartition("_")[2] for name in files} <= {"1.db", "2.db", "main.db"}

    for _ in range(3):
        old = web.workers()
        os.kill(min(old), signal.SIGKILL)
        assert eventually(lambda: len(web.workers()) == 2 and web.workers() != old, 10)  # noqa: B023
        assert eventually(web.answers, 20)
    before_reload = web.counted()
    assert before_reload >= before + 40
    old = web.workers()
    web.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: len(web.workers()) == 2 and not web.workers() & old, 40)
    assert eventually(web.answers, 20)
    assert web.counted() >= before_reload + 1
    assert len(list(web.folder().iterdir())) <= 10

    folder = web.folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    web.process.terminate()
    web.process.wait(40)
    assert not folder.exists()

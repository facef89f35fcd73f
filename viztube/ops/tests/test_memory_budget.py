"""What everything takes of a small machine's memory, after many people have used it for a while."""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from viztube.api.tests.fixtures import GENEROUS
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.processes import family_of, pid_of
from viztube.ops.tests.stack import Stack, needs_nginx, running_stack

pytestmark = [pytest.mark.slow, needs_nginx]

PASSWORD = "demo-password"
CALLERS = 12
# `LOAD_SECONDS=600 make test-slow ARGS="viztube/ops/tests/test_memory_budget.py -s"` takes longer.
SECONDS = float(os.environ.get("LOAD_SECONDS", "30"))
MEGABYTES = {"web": 300, "all": 600}


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Run everything, nginx in front, with demo data."""
    with temporary_data_dir() as folder, running_stack(folder, RATE_LIMITS=GENEROUS) as stack:
        stack.machine.manage("seed_demo", "--force", "--password", PASSWORD)
        yield stack


def pss(pid: int) -> float:
    """Return the megabytes of a process and all below it, what they share divided among them."""
    kilobytes = 0
    for one in family_of(pid):
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        found = re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)
        kilobytes += int(found[1]) if found else 0
    return kilobytes / 1024


def parts(stack: Stack) -> dict[str, float]:
    """Return the megabytes of each part of the service."""
    machine = stack.machine
    assert machine.web is not None
    (worker,) = machine.workers
    found = {"web": machine.web.pid, "worker": worker.pid, "nginx": stack.nginx.pid}
    found |= {server.name: pid_of(server) for server in stack.servers}
    return {name: pss(pid) for name, pid in found.items()}


def visit(client: httpx.Client, number: int, statuses: Counter[int], until: float) -> None:
    """Do what people do until a time, signing in now and then."""
    name = f"user{number + 1:03}"
    turn = 0
    while time.monotonic() < until:
        if turn % 200 == 0:
            login = {"username": name, "password": PASSWORD}
            answer = client.post("/api/v2/user/login", json=login)
            statuses[answer.status_code] += 1
            client.cookies.clear()
            client.headers["Authorization"] = f"Bearer {answer.json()['data']['accessToken']}"
            videos = client.get("/api/v2/videos?limit=50").json()["data"]["docs"]
        video = videos[turn % len(videos)]
        for method, path, body in (
            ("GET", "videos", None),
            ("GET", f"videos/{video['id']}", None),
            ("GET", f"comments/{video['id']}", None),
            ("POST", f"comments/{video['id']}", {"content": f"{name}, {turn}"}),
            ("PUT" if turn % 2 else "DELETE", f"likes/v/{video['id']}", None),
            ("GET", "likes/videos", None),
            ("GET", "dashboard/stats", None),
            ("GET", f"user/c/{video['user']['username']}", None),
            ("GET", "videos?query=glaciers", None),
            ("GET", "user/watch-history", None),
        ):
            statuses[client.request(method, f"/api/v2/{path}", json=body).status_code] += 1
        statuses[client.get(video["thumbnailUrl"]).status_code] += 1
        turn += 1


def test_everything_together_stays_within_its_memory(stack: Stack) -> None:
    until = time.monotonic() + SECONDS
    statuses: Counter[int] = Counter()
    clients = [stack.client(f"203.0.113.{number}") for number in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as pool:
        visits = [
            pool.submit(visit, client, number, statuses, until)
            for number, client in enumerate(clients)
        ]
        for one in visits:
            one.result()

    used = parts(stack)
    print({name: round(megabytes) for name, megabytes in used.items()}, statuses)
    assert set(statuses) <= {200, 201, 206}
    assert used["web"] < MEGABYTES["web"]
    assert sum(used.values()) < MEGABYTES["all"]

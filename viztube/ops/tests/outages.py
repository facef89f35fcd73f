"""A service whose servers tests take away and bring back, and people who use it meanwhile."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import redis

from users.tests.factories import PASSWORD
from viztube.ops.embedded import Postgres, Valkey, process
from viztube.ops.embedded.server import Server, free_port
from viztube.ops.tests.machines import START_SECONDS, Machine
from viztube.ops.tests.processes import family_of, pid_of
from viztube.ops.tests.site import site_environ
from viztube.ops.tests.waiting import eventually

PEOPLE = [f"person-{number}" for number in range(12)]
# Each with a video.
SEED = f"""
from users.tests.factories import UserFactory
from videos.tests.factories import VideoFactory
for name in {PEOPLE}:
    VideoFactory.create(user=UserFactory.create(username=name))
"""
# gunicorn's workers, as shipped.
PROCESSES = 2


@dataclass
class Service:
    """gunicorn as it ships, a worker, PostgreSQL and Valkey."""

    machine: Machine
    postgres: Postgres
    valkey: Valkey

    @property
    def api(self) -> str:
        """Return where the API is."""
        return self.machine.api

    @property
    def root(self) -> str:
        """Return where everything else is."""
        return self.api.removesuffix("/api/v2")

    def ask(self, statement: str, *parameters: object) -> list[Any]:
        """Return the rows that a statement gives."""
        with psycopg.connect(self.machine.environ["DATABASE_URL"], autocommit=True) as database:
            return database.execute(statement, parameters).fetchall()

    def count(self, statement: str, *parameters: object) -> int:
        """Return the one number that a statement gives."""
        return int(self.ask(statement, *parameters)[0][0])

    @contextmanager
    def cache(self) -> Iterator[Any]:
        """Return a client of Valkey that is not the service's."""
        with redis.Redis.from_url(self.machine.environ["REDIS_URL"], socket_timeout=10) as client:
            yield client

    def logged(self, words: str) -> int:
        """Return how many lines of the web server's log begin with some words."""
        lines = (self.machine.folder / "web.log").read_text().splitlines()
        events = (json.loads(line).get("event", "") for line in lines if line.startswith("{"))
        return sum(str(event).startswith(words) for event in events)

    def metric(self, name: str) -> float:
        """Return a figure of ``/metrics``; 0 when it is not there."""
        lines = httpx.get(f"{self.root}/metrics", timeout=10).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def api_workers(self) -> list[int]:
        """Return the ids of gunicorn's workers."""
        assert self.machine.web is not None
        master = self.machine.web.pid
        return [pid for pid in family_of(master) if pid != master]

    def sign_in(self, number: int) -> str:
        """Return an access token of one of the people."""
        answer = httpx.post(f"{self.api}/user/login", json=login_of(number), timeout=30)
        return str(answer.json()["data"]["accessToken"])

    def videos(self) -> list[str]:
        """Return the ids of the newest videos."""
        docs = httpx.get(f"{self.api}/videos?limit=10", timeout=10).json()["data"]["docs"]
        return [video["id"] for video in docs]

    def works(self) -> bool:
        """Tell whether every process of the web server answers; a while of asking."""
        answers = [httpx.get(f"{self.api}/videos", timeout=10) for _ in range(12)]
        return all(answer.status_code == 200 for answer in answers)


def login_of(number: int) -> dict[str, str]:
    """Return what one of the people signs in with."""
    return {"username": PEOPLE[number % len(PEOPLE)], "password": PASSWORD}


@contextmanager
def running_service(folder: Path, **settings: str) -> Iterator[Service]:
    """Run everything, with some people and videos, until the end of the block."""
    # What was committed must be there after a kill.
    postgres, valkey = Postgres(folder, durable=True), Valkey(folder)
    port = free_port()
    machine = Machine({}, folder, f"http://127.0.0.1:{port}/api/v2")
    media = folder / "media"
    media.mkdir()
    try:
        machine.environ = site_environ(folder) | {
            "DATABASE_URL": postgres.start(),
            "REDIS_URL": valkey.start(),
            "MEDIA_ROOT": str(media),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "SECRET_KEY": "only-for-this-test-" * 3,
            "JWT_SIGNING_KEY": "only-for-this-test-too-" * 3,
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        machine.manage("migrate")
        machine.manage("shell", "--no-imports", "--command", SEED)
        machine.start_web()
        machine.start_worker()
        assert eventually(machine.answers, START_SECONDS), (folder / "web.log").read_text()
        service = Service(machine, postgres, valkey)
        yield service
    finally:
        machine.stop()
        for server in (postgres, valkey):
            send(server, signal.SIGCONT)
            server.stop()


def send(server: Server, number: signal.Signals) -> None:
    """Send a signal to every process of a server, the first one first: it starts others."""
    if server.child is None or server.has_ended():
        return
    for pid in family_of(pid_of(server)):
        # A process may have ended since.
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def kill(server: Server) -> None:
    """End every process of a server at once."""
    send(server, signal.SIGKILL)
    assert server.child is not None
    server.child.wait()


def revive(server: Server, address: str) -> None:
    """Start a server again where it was."""
    port = urlsplit(address).port
    assert port is not None
    # What is left of the processes that were killed may be there for a moment.
    for _ in range(20):
        server.child = server.launch(port)
        while server.child.poll() is None:
            if server.is_ready(server.child, port):
                return
            time.sleep(process.POLL_SECONDS)
        time.sleep(0.5)
    raise AssertionError(server.log.read_text())


@dataclass
class Answer:
    """What a request led to; the status is 0 when its answer was lost."""

    what: str
    status: int
    began: float
    seconds: float
    text: str = ""
    retry_after: str | None = None


@dataclass
class Load:
    """What people have seen."""

    answers: list[Answer] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def ask(self, client: httpx.Client, what: str, method: str, path: str, **more: Any) -> Answer:
        """Make a request and note what it led to."""
        began = time.monotonic()
        try:
            answer = client.request(method, path, **more)
        except httpx.TransportError as error:
            seen = Answer(what, 0, began, time.monotonic() - began, repr(error))
        else:
            took = time.monotonic() - began
            later = answer.headers.get("Retry-After")
            seen = Answer(what, answer.status_code, began, took, answer.text, later)
        self.answers.append(seen)
        return seen

    def statuses(self) -> Counter[int]:
        """Return how often each status was answered."""
        return Counter(answer.status for answer in self.answers)

    def slowest(self, status: int) -> float:
        """Return how many seconds the slowest answer of a status took."""
        return max((one.seconds for one in self.answers if one.status == status), default=0.0)

    def figures(self) -> str:
        """Return what to print of it."""
        kinds = Counter((answer.what, answer.status) for answer in self.answers)
        slow = {status: round(self.slowest(status), 2) for status in self.statuses()}
        return f"{len(self.answers)} answers {dict(kinds)}, slowest by status {slow}"


@contextmanager
def under_load(service: Service) -> Iterator[Load]:
    """Let sixteen people read, write and sign in beside the block, over a connection each."""
    load = Load()
    videos = service.videos()
    tokens = [service.sign_in(number) for number in range(4)]

    def reader(client: httpx.Client, turn: int) -> None:
        video = videos[turn % len(videos)]
        paths = ("/videos", f"/videos/{video}", f"/user/c/{PEOPLE[turn % len(PEOPLE)]}")
        load.ask(client, "read", "GET", (*paths, f"/comments/{video}")[turn % 4])

    def viewer(client: httpx.Client, turn: int) -> None:
        paths = ("/likes/videos", "/user/watch-history", "/dashboard/stats", "/videos")
        load.ask(client, "signed", "GET", paths[turn % 4])

    def writer(client: httpx.Client, turn: int) -> None:
        video = videos[turn % len(videos)]
        if turn % 2:
            method = "PUT" if turn % 4 == 1 else "DELETE"
            load.ask(client, "like", method, f"/likes/v/{video}")
        else:
            text = {"content": f"outage {time.monotonic_ns()}"}
            load.ask(client, "comment", "POST", f"/comments/{video}", json=text)

    def signer(client: httpx.Client, turn: int) -> None:
        answer = load.ask(client, "login", "POST", "/user/login", json=login_of(turn))
        client.cookies.clear()
        if answer.status == 200:
            # For the first time, so that who it speaks for is remembered.
            token = json.loads(answer.text)["data"]["accessToken"]
            headers = {"Authorization": f"Bearer {token}"}
            load.ask(client, "signed", "GET", "/likes/videos", headers=headers)
        time.sleep(0.2)

    roles: list[Callable[[httpx.Client, int], None]] = [*[reader] * 6, *[viewer] * 4]
    roles += [writer] * 4 + [signer] * 2

    def go_on(number: int, act: Callable[[httpx.Client, int], None]) -> None:
        headers = {}
        if act in (viewer, writer):
            headers["Authorization"] = f"Bearer {tokens[number % len(tokens)]}"
        with httpx.Client(base_url=service.api, headers=headers, timeout=30) as client:
            turn = number
            while not load.is_over.is_set():
                act(client, turn)
                turn += 1
                # Not as fast as it goes: what is looked for is who waits too long for what is away.
                time.sleep(0.05)

    with ExitStack() as ending:
        threads = [threading.Thread(target=go_on, args=person) for person in enumerate(roles)]
        for thread in threads:
            ending.callback(thread.join)
        ending.callback(load.is_over.set)
        for thread in threads:
            thread.start()
        yield load

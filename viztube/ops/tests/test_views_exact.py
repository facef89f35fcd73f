"""Every view is counted once, whatever is killed meanwhile."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import Any

import pytest

from viztube.ops.embedded import process
from viztube.ops.tests.outages import Service, kill, revive
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.site import TAKE_UP
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

RETRIEVALS = 10_000
# Where it is only to be seen that none is lost that was answered.
FEWER = 6_000
THREADS = 20
# While they are made, each of the three is killed so often, by turns.
KILLS = 3
FOLD = "from videos.services.views import fold_views; fold_views()"


@dataclass
class Gate:
    """Lets retrievals be made, and holds them back between two of them."""

    _open: threading.Event = field(default_factory=threading.Event)
    _inside: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._open.set()

    @contextmanager
    def retrieval(self) -> Iterator[None]:
        """Wait until the gate is open; what is begun is waited for."""
        with self._changed:
            self._changed.wait_for(self._open.is_set)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let nobody be inside during the block."""
        with self._changed:
            self._open.clear()
            self._changed.wait_for(lambda: not self._inside)
        try:
            yield
        finally:
            with self._changed:
                self._open.set()
                self._changed.notify_all()


@dataclass
class Viewers:
    """Twenty who retrieve videos until enough was retrieved and all was killed."""

    address: str
    videos: list[str]
    enough: int
    gate: Gate = field(default_factory=Gate)
    # However fast the machine is, no kill comes after the last retrieval.
    killed: threading.Event = field(default_factory=threading.Event)
    answered: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    others: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def have_made(self, retrievals: int) -> bool:
        """Tell whether so many were made."""
        return self.answered.total() + self.lost.total() >= retrievals

    def view(self, number: int) -> None:
        """Retrieve videos until it is enough."""
        turn = number
        while not (self.killed.is_set() and self.have_made(self.enough)):
            turn += 1
            with self.gate.retrieval():
                self._retrieve(self.videos[turn % len(self.videos)])

    def _retrieve(self, video: str) -> None:
        """Retrieve a video over a connection of its own: one that is kept may be dead already."""
        connection = HTTPConnection(self.address, timeout=60)
        connection.connect()
        try:
            path = f"/api/v2/videos/{video}"
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            text = answer.read().decode()
        except (HTTPException, OSError):
            with self._lock:
                self.lost[video] += 1
            return
        finally:
            connection.close()
        with self._lock:
            if answer.status == 200:
                self.answered[video] += 1
            else:
                self.others.append(text)


def kill_worker(service: Service) -> None:
    """Kill what runs the jobs, also in the middle of folding views, and start another."""
    process.kill(service.machine.workers.pop())
    service.machine.start_worker()


def kill_valkey(service: Service) -> None:
    """Kill Valkey, and start it again after a while."""
    kill(service.valkey)
    time.sleep(0.5)
    revive(service.valkey, service.machine.environ["REDIS_URL"])


def kill_api_worker(service: Service) -> None:
    """Kill one of gunicorn's workers, and wait for the one that comes instead."""
    before = service.api_workers()
    os.kill(random.choice(before), signal.SIGKILL)
    assert eventually(lambda: len(set(service.api_workers()) - set(before)) > 0, 30)


def counts(service: Service) -> tuple[dict[str, int], dict[str, int]]:
    """Return the views of each video: their total, and those of all days."""
    totals = service.ask("SELECT id::text, views FROM videos_video")
    days = service.ask(
        "SELECT video_id::text, sum(views)::int FROM videos_dailyviews GROUP BY video_id"
    )
    return dict(totals), dict(days)


def view_under_kills(service: Service, enough: int, kill_api: Callable[[Viewers], None]) -> Viewers:
    """Have videos retrieved so many times, or more, while everything is killed in turn."""
    viewers = Viewers(service.api.split("/")[2], service.videos(), enough)
    made: list[Future[Any]] = []
    # With room for what folds views meanwhile.
    with ThreadPoolExecutor(THREADS + KILLS) as pool:
        made += [pool.submit(viewers.view, number) for number in range(THREADS)]
        try:
            for kills in range(KILLS):
                assert eventually(partial(viewers.have_made, enough * kills // KILLS), 300)
                kill_worker(service)
                kill_valkey(service)
                kill_api(viewers)
                made.append(pool.submit(service.machine.manage, "shell", "-c", FOLD))
        finally:
            viewers.killed.set()
        for one in made:
            one.result()
    print(f"{viewers.answered.total()} answered, {viewers.lost.total()} lost")
    return viewers


def folded(service: Service) -> tuple[dict[str, int], dict[str, int]]:
    """Return the views once all of them are folded, as the worker does it."""
    service.machine.manage("shell", "-c", TAKE_UP)
    service.machine.manage("shell", "-c", FOLD)
    assert service.count("SELECT count(*) FROM videos_viewevent") == 0
    return counts(service)


def test_views_are_the_answered_retrievals_when_kills_fall_between_them(service: Service) -> None:
    before, _ = folded(service)

    def between(viewers: Viewers) -> None:
        with viewers.gate.closed():
            kill_api_worker(service)

    viewers = view_under_kills(service, RETRIEVALS, between)

    assert viewers.others == []
    assert viewers.lost.total() == 0
    after, days = folded(service)
    grown = {video: after[video] - before[video] for video in viewers.videos}
    assert grown == viewers.answered
    assert days == {video: views for video, views in after.items() if views}


def test_a_kill_amid_retrievals_leaves_in_doubt_only_those_without_an_answer(
    service: Service,
) -> None:
    before, _ = folded(service)

    def amid(viewers: Viewers) -> None:
        kill_api_worker(service)

    viewers = view_under_kills(service, FEWER, amid)

    assert viewers.others == []
    # Some were cut off, or there would be nothing to see here.
    assert viewers.lost.total() > 0
    after, days = folded(service)
    for video in viewers.videos:
        answered = viewers.answered[video]
        assert answered <= after[video] - before[video] <= answered + viewers.lost[video]
    assert days == {video: views for video, views in after.items() if views}

"""People who use the service all the time, and notice every request that fails."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx

from viztube.ops.tests.machines import PASSWORD
from viztube.ops.tests.stack import Stack

LIKERS = 2


@dataclass
class Traffic:
    """What people have seen."""

    stack: Stack
    video: str
    media: str
    seen: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    is_over: threading.Event = field(default_factory=threading.Event)

    def ask(
        self, client: httpx.Client, what: str, method: str, address: str, **more: object
    ) -> httpx.Response | None:
        """Make a request that must succeed; return its answer, None when it did not."""
        began = time.monotonic()
        try:
            answer = client.request(method, address, **more)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            self.failures.append(f"{what} after {time.monotonic() - began:.1f} s: {error!r}")
            return None
        self.slowest = max(self.slowest, time.monotonic() - began)
        if not answer.is_success:
            self.failures.append(f"{what}: {answer.status_code} {answer.text[:300]}")
            return None
        self.seen[what] += 1
        return answer

    def read(self, client: httpx.Client) -> None:
        """Look at the list, at a video and at its file, on a connection that is kept."""
        for address in ("/api/v2/videos", f"/api/v2/videos/{self.video}", self.media):
            self.ask(client, "read", "GET", address)

    def come_by(self, client: httpx.Client) -> None:
        """Look at the service on a connection of one's own."""
        self.ask(client, "visit", "GET", "/", headers={"Connection": "close"})

    def sign_in(self, client: httpx.Client, visitor: str) -> None:
        """Sign in and use the token."""
        headers = {"CF-Connecting-IP": visitor}
        login = {"username": "reader", "password": PASSWORD}
        answer = self.ask(
            client, "login", "POST", "/api/v2/user/login", json=login, headers=headers
        )
        client.cookies.clear()
        if answer is not None:
            token = answer.json()["data"]["accessToken"]
            headers["Authorization"] = f"Bearer {token}"
            self.ask(client, "account", "GET", "/api/v2/user/sessions", headers=headers)

    def like(self, client: httpx.Client, expected: bool) -> None:
        """Turn a like over; it must not have been turned by anyone else."""
        answer = self.ask(client, "like", "POST", f"/api/v2/likes/toggle/v/{self.video}")
        if answer is not None and answer.json()["data"]["liked"] is not expected:
            self.failures.append(f"A like was lost or came twice: {answer.text}")


@contextmanager
def constant_traffic(stack: Stack, video: str, media: str) -> Iterator[Traffic]:
    """Let people use the service beside the block, and check that nothing failed for them."""
    traffic = Traffic(stack, video, media)
    reader, visitor, signer = (stack.client("203.0.113.50") for _ in range(3))
    addresses = (f"198.18.{number // 250}.{number % 250}" for number in count())
    turns = [(stack.client("203.0.113.60"), count()) for _ in range(LIKERS)]
    for number, (client, _) in enumerate(turns):
        client.headers["Authorization"] = stack.sign_up(
            f"liker-{number}-{time.monotonic_ns()}", f"203.0.113.{100 + number}"
        ).headers["Authorization"]

    def liking(client: httpx.Client, numbers: Iterator[int]) -> Callable[[], None]:
        return lambda: traffic.like(client, next(numbers) % 2 == 0)

    people: list[tuple[Callable[[], None], float]] = [
        (lambda: traffic.read(reader), 0.02),
        (lambda: traffic.come_by(visitor), 0.05),
        (lambda: traffic.sign_in(signer, next(addresses)), 0.2),
        *((liking(client, numbers), 0.02) for client, numbers in turns),
    ]

    def go_on(act: Callable[[], None], pause: float) -> None:
        while not traffic.is_over.wait(pause):
            act()

    threads = [threading.Thread(target=go_on, args=person) for person in people]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        traffic.is_over.set()
        for thread in threads:
            thread.join()
    assert not traffic.failures, f"{len(traffic.failures)} failed: {traffic.failures[:5]}"
    assert min(traffic.seen[what] for what in ("read", "visit", "login", "account", "like")) > 0

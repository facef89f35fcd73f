"""Fifty callers change one thing again and again, against the whole service as processes."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import httpx
import pytest

from viztube.ops.tests.site import RunningSite, running_site, site_environ

pytestmark = pytest.mark.slow

CALLERS = 50
SECONDS = 2


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with running_site(site_environ(tmp_path_factory.mktemp("site"))) as running:
        yield running


@pytest.fixture
def video(site: RunningSite) -> Any:
    """Return one of the demo's videos."""
    return httpx.get(f"{site.api}/videos?limit=1").json()["data"]["docs"][0]


def again_and_again(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Have everyone make the calls in turn, until the time is over."""
    end = time.monotonic() + SECONDS

    def caller(number: int) -> list[httpx.Response]:
        answers = []
        turns = cycle(calls[number % len(calls) :] + calls[: number % len(calls)])
        while time.monotonic() < end:
            answers.append(next(turns)())
        return answers

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = [answer for some in pool.map(caller, range(CALLERS)) for answer in some]
    print(f"{len(answers)} calls")
    assert len(answers) >= CALLERS
    assert {answer.status_code for answer in answers} == {200}
    return answers


# Each call over a connection of its own, as fifty people have them.
APART = {"Connection": "close"}


@pytest.mark.parametrize("kind", ["like", "subscription"])
def test_toggles_keep_their_parity(site: RunningSite, video: Any, kind: str) -> None:
    client = site.sign_up(f"ivy-{kind}")
    path, word = {
        "like": (f"/likes/toggle/v/{video['id']}", "liked"),
        "subscription": (f"/subscriptions/c/{video['userId']}", "subscribed"),
    }[kind]

    def rows() -> int:
        page = client.get(f"/videos/{video['id']}").json()["data"]
        count: int = page["likesCount"] if kind == "like" else page["user"]["subscribersCount"]
        return count

    before = rows()

    answers = again_and_again(lambda: client.post(path, headers=APART))

    told = [answer.json()["data"][word] for answer in answers]
    assert told.count(True) - told.count(False) == len(answers) % 2
    # Rows are counted: a second one of one person would be seen.
    assert rows() - before == len(answers) % 2


def test_a_playlist_never_has_a_video_twice(site: RunningSite, video: Any) -> None:
    client = site.sign_up("jon")
    made = client.post("/playlist", json={"name": "Now"}).json()["data"]
    path = f"/playlist/{made['id']}/{video['id']}"

    again_and_again(
        lambda: client.post(path, headers=APART), lambda: client.delete(path, headers=APART)
    )

    # Every row is shown: a second one would be seen.
    videos = client.get(f"/playlist/{made['id']}").json()["data"]["videos"]
    assert [one["id"] for one in videos] in ([], [video["id"]])
    client.post(path)
    page = client.get(f"/playlist/{made['id']}").json()["data"]
    assert [one["id"] for one in page["videos"]] == [video["id"]]
    assert page["totalVideos"] == 1

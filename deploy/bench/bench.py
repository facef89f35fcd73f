"""How fast VizTube is on this machine, as ratios to a yardstick that is measured in the same run.

``make bench`` starts the shape of production with demo data, repeats each kind of call for ten
seconds with 16 connections, and writes the figures below ``.data/bench/``. Absolute figures say
something about the machine; the ratios say something about the code.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import compare
import httpx
from argon2 import PasswordHasher
from filling import AMOUNTS, PASSWORD, fill, say
from load import (
    Call,
    cpu_seconds,
    families,
    load,
    memory_mb,
    queries_a_request,
    require_wrk,
)
from shape import (
    FORWARDED,
    PROJECT,
    BenchError,
    Shape,
    is_filled,
    roots,
    running,
    start_application,
)

from users.hashers import SmallArgon2PasswordHasher

RESULTS = PROJECT / ".data" / "bench"
ROUNDS = 5
WORDS = ("bicycles", "castles", "glaciers", "painting", "homemade robots", "wild orchards")
# How far behind the first page one is that must cost the same, and their rows.
DEEP, LONG_PAGE = 10_000, 30
# What counts as fast enough: the share of the yardstick's requests a second.
TARGETS = {
    "list": 0.35,
    "stats": 0.35,
    "channel": 0.35,
    "comments": 0.35,
    "detail": 0.27,
    "liked": 0.25,
    "liked, 50 rows": 0.25,
    "search": 0.15,
}
# How many times what a hash takes on both cores.
LOGIN_TARGET = 1.3
API = "/api/v2"


def main() -> int:
    """Measure, print and write down; return 2 when that cannot be done."""
    options = _options()
    folder = options.results / f"scale-{options.scale}"
    # What takes long to fill is kept, once it is whole.
    if options.scale == 1 or not is_filled(folder):
        shutil.rmtree(folder, ignore_errors=True)
    began = datetime.now(UTC)
    try:
        require_wrk()
        options.results.mkdir(parents=True, exist_ok=True)
        with running(folder) as shape:
            fill(shape, options.scale)
            start_application(shape)
            result = Bench(shape, options.scale, options.seconds).run(options.only)
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    result |= {"scale": options.scale, "seconds": options.seconds, "at": began.isoformat()}
    path = options.results / f"{began:%Y%m%d-%H%M%S}-scale-{options.scale}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(f"{compare.table(result)}\nWritten to {path}.\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how fast VizTube is on this machine.")
    parser.add_argument("--scale", type=int, default=1, help="how many times the demo data")
    parser.add_argument("--seconds", type=int, default=10, help="how long each call is repeated")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="where data and figures go (.data/bench)"
    )
    parser.add_argument("--only", nargs="*", default=(), help="kinds of calls, by name")
    return parser.parse_args()


class Bench:
    """The calls of one signed-in person, and the load they are made with."""

    def __init__(self, shape: Shape, scale: int, seconds: int) -> None:
        self._shape, self._seconds = shape, seconds
        self._people = AMOUNTS["users"] * scale
        self._client = httpx.Client(base_url=shape.url, headers=FORWARDED, timeout=60)
        digits = max(3, len(str(self._people)))
        self._names = [f"user{number + 1:0{digits}}" for number in range(min(50, self._people))]

    def run(self, only: Sequence[str]) -> dict[str, Any]:
        """Measure each kind of call, between two measurements of memory."""
        self._sign_in()
        idle = self._memory()
        calls = self._calls()
        result: dict[str, Any] = {"calls": {}}
        for name, requests in calls.items():
            if not only or name in only:
                result["calls"][name] = self._compare(name, requests)
        if not only or "login" in only:
            result["calls"]["login"] = self._login()
        return result | {"memory": {"idle": idle, "end": self._memory()}}

    def _sign_in(self) -> None:
        name = self._names[0]
        answer = self._client.post(
            f"{API}/user/login", json={"username": name, "password": PASSWORD}
        )
        if answer.status_code != 200:
            raise BenchError(f"{name} could not sign in: {answer.text}")
        self._client.cookies.clear()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['data']['accessToken']}"
        self._me = answer.json()["data"]["user"]["id"]

    def _calls(self) -> dict[str, list[Call]]:
        """Return what is repeated for each kind of call."""
        popular = self._data("/videos?sortBy=views&limit=50")["docs"]
        ids = [video["id"] for video in popular]
        paths = {
            "list": ["/videos"],
            "stats": ["/dashboard/stats"],
            "channel": [f"/user/c/{name}" for name in self._names],
            "comments": [f"/comments/{pk}" for pk in ids],
            "detail": [f"/videos/{pk}" for pk in ids],
            "liked": ["/likes/videos?limit=10"],
            "liked, 50 rows": ["/likes/videos"],
            "search": [f"/videos?query={quote(words)}" for words in WORDS],
            **self._deep(),
        }
        bearer = ("Authorization", self._client.headers["Authorization"])
        return {
            name: [Call(f"{API}{path}", headers=(bearer,)) for path in those]
            for name, those in paths.items()
        }

    def _deep(self) -> dict[str, list[str]]:
        """Return a first page and a page by cursor far behind it, where the list is that long.

        Of pages that are so long none is remembered.
        """
        first = f"/videos?limit={LONG_PAGE}"
        cursor = self._data(f"{first}&page={DEEP - 1}")["nextCursor"]
        if cursor is None:
            return {}
        return {"page 1": [first], f"page {DEEP:,}": [f"{first}&cursor={cursor}"]}

    def _data(self, path: str) -> Any:
        answer = self._client.get(f"{API}{path}")
        if answer.status_code != 200:
            raise BenchError(f"{path} was answered {answer.status_code}: {answer.text}")
        return answer.json()["data"]

    def _compare(self, name: str, calls: Sequence[Call]) -> dict[str, Any]:
        """Measure a kind of call and, in turn with it, the yardstick with what it answered."""
        body = self._client.get(calls[0].path).content
        file = name.replace(", ", "-").replace(" ", "-")
        (self._shape.answers / f"{file}.json").write_bytes(body)
        yardstick = Call(f"/yardstick/{file}")
        ours, bare = self._in_turn(
            lambda seconds: self._measure(calls, seconds),
            lambda seconds: self._measure([yardstick], seconds),
        )
        figures = _together(ours) | {
            "bytes": len(body),
            "yardstick": _together(bare) | {"bytes": len(self._client.get(yardstick.path).content)},
            "ratio": _ratio(ours, [one["per_second"] for one in bare]),
            "target": TARGETS.get(name),
        }
        say(compare.line(name, figures) + "\n")
        return figures

    def _login(self) -> dict[str, Any]:
        """Measure logins and, in turn with them, hashes on both cores that do nothing else."""
        calls = [
            Call(
                f"{API}/user/login",
                "POST",
                body=json.dumps({"username": name, "password": PASSWORD}),
            )
            for name in self._names
        ]
        ours, hashes = self._in_turn(lambda seconds: self._measure(calls, seconds), hashes_a_second)
        figures = _together(ours) | {
            "hashes_per_second": round(statistics.median(hashes), 1),
            "times_a_hash": round(1 / _ratio(ours, hashes), 3),
            "target": LOGIN_TARGET,
        }
        say(compare.line("login", figures) + "\n")
        return figures

    def _in_turn(
        self, ours: Callable[[float], Any], other: Callable[[float], Any]
    ) -> tuple[list[Any], list[Any]]:
        """Measure two things in short rounds: what else a machine does changes from one to another.

        The first round only warms up.
        """
        seconds = self._seconds / ROUNDS
        rounds = [(ours(seconds), other(seconds)) for _ in range(ROUNDS + 1)]
        first, second = zip(*rounds[1:], strict=True)
        return list(first), list(second)

    def _measure(self, calls: Sequence[Call], seconds: float) -> dict[str, Any]:
        log = self._shape.web_log
        start = log.stat().st_size
        parts = families(roots(self._shape))
        before = {name: cpu_seconds(pids) for name, pids in parts.items()}
        seen = load(self._shape.url, calls, seconds)
        cpu = {name: cpu_seconds(pids) - before[name] for name, pids in parts.items()}
        return asdict(seen) | {"cpu": cpu, "queries": queries_a_request(log, start)}

    def _memory(self) -> dict[str, float]:
        parts = families(roots(self._shape))
        return {name: round(memory_mb(pids), 1) for name, pids in parts.items()}


def _together(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of all rounds: medians, and sums of what is counted."""
    medians = {
        name: round(statistics.median(one[name] for one in rounds), 2)
        for name in ("per_second", "p50", "p99")
    }
    sums = {name: sum(one[name] for one in rounds) for name in ("requests", "errors")}
    cpu = {name: round(sum(one["cpu"][name] for one in rounds), 2) for name in rounds[0]["cpu"]}
    counted = [one["queries"] for one in rounds if one["queries"] is not None]
    queries = round(statistics.mean(counted), 2) if counted else None
    return medians | sums | {"cpu": cpu, "queries": queries}


def _ratio(ours: Sequence[Mapping[str, Any]], others: Sequence[float]) -> float:
    """Return the median of the ratios of the rounds."""
    pairs = zip(ours, others, strict=True)
    return float(round(statistics.median(one["per_second"] / other for one, other in pairs), 3))


def hashes_a_second(seconds: float) -> float:
    """Return how many passwords both cores hash in a second, with a process for each."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        counts = list(pool.map(_hash_for, [seconds] * cores))
    return sum(counts) / seconds


def _hash_for(seconds: float) -> int:
    hasher = PasswordHasher(
        time_cost=SmallArgon2PasswordHasher.time_cost,
        memory_cost=SmallArgon2PasswordHasher.memory_cost,
        parallelism=SmallArgon2PasswordHasher.parallelism,
    )
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        hasher.hash(PASSWORD)
        count += 1
    return count


if __name__ == "__main__":
    sys.exit(main())

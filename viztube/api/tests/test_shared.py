"""Entries of the shared cache: when they count, who makes them, what becomes of them."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import ConnectionError as AwayError
from rest_framework import serializers

from viztube.api import shared
from viztube.api.shared import Kind

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_entries")]

KIND = Kind("test", lifetime=60)
BRIEF = Kind("test", lifetime=shared.RENEWAL)
TOGETHER = Kind("tests", lifetime=60, together=True)


class Shape(serializers.Serializer[Any]):
    number = serializers.IntegerField()


class Source:
    """What entries are made from: gives out its number, and counts how often."""

    def __init__(self) -> None:
        self.number = 1
        self.times = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def make(self) -> dict[str, int]:
        """Read the number, then let happen what is to happen meanwhile."""
        with self._lock:
            self.times += 1
        answer = {"number": self.number}
        self.meanwhile()
        return answer

    def read(self, kind: Kind = KIND, key: str = "a") -> Any:
        """Return the entry."""
        return shared.read(kind, key, self.make, of=Shape)


@pytest.fixture
def source() -> Source:
    return Source()


def at_once(call: Callable[[], Any], times: int = 8) -> list[Any]:
    """Return what many threads get that call at the same moment."""
    barrier = threading.Barrier(times)

    def run(_: int) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_what_is_remembered_is_not_made_again(source: Source) -> None:
    assert source.read() == source.read() == {"number": 1}
    assert source.times == 1
    assert source.read(key="b") == {"number": 1}
    assert source.times == 2


def test_everybody_gets_a_copy_of_their_own(source: Source) -> None:
    source.read()["number"] = 100

    assert source.read() == {"number": 1}


def test_what_is_forgotten_is_made_again(source: Source) -> None:
    source.read(), source.read(key="b")
    source.number = 2
    shared.forget(KIND.tag("a"))

    assert (source.read(), source.read(key="b")) == ({"number": 2}, {"number": 1})


@pytest.mark.parametrize("tag", [TOGETHER.tag("a"), TOGETHER.tag(), shared.EVERYTHING])
def test_some_are_forgotten_together(source: Source, tag: str) -> None:
    source.read(TOGETHER, "a"), source.read(TOGETHER, "b")
    source.number = 2
    shared.forget(tag)

    assert source.read(TOGETHER, "a") == source.read(TOGETHER, "b") == {"number": 2}


def test_a_change_forgets_when_it_commits(
    source: Source, django_capture_on_commit_callbacks: Any
) -> None:
    source.read()
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        shared.forget_on_commit(KIND.tag("a"))
        source.number = 2
        assert source.read() == {"number": 1}

    assert source.read() == {"number": 2}


def test_what_was_read_before_a_change_and_kept_after_it_does_not_count(source: Source) -> None:
    def change() -> None:
        source.number = 2
        shared.forget(KIND.tag("a"))
        source.meanwhile = lambda: None

    source.meanwhile = change

    # Who began before the change may still get what was.
    assert source.read() == {"number": 1}
    assert source.read() == {"number": 2}


def test_a_lost_mark_does_not_bring_back_what_was_forgotten(source: Source) -> None:
    source.read()
    shared.forget(KIND.tag("a"))
    source.number = 2
    for _ in range(2):
        # As it is lost when the server needs its place.
        shared.forget(shared.EVERYTHING)
        assert source.read() == {"number": 2}


def test_who_has_changed_something_does_not_wait_for_an_older_reader(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "PATIENCE", 60)
    began, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        assert may_end.wait(10)

    source.meanwhile = hold
    with ThreadPoolExecutor(1) as pool:
        older = pool.submit(source.read)
        assert began.wait(10)
        source.meanwhile, source.number = lambda: None, 2
        shared.forget(KIND.tag("a"))
        assert source.read() == {"number": 2}
        may_end.set()
        assert older.result() == {"number": 1}

    assert source.read() == {"number": 2}


def test_a_hit_is_one_round_trip(source: Source) -> None:
    source.read()
    seen = cache._cache.get_client(None).info("stats")  # type: ignore[attr-defined]
    source.read()
    after = cache._cache.get_client(None).info("stats")  # type: ignore[attr-defined]

    # INFO itself is the other.
    assert after["total_commands_processed"] - seen["total_commands_processed"] == 2


def test_of_many_who_miss_one_makes_it(source: Source) -> None:
    source.meanwhile = lambda: time.sleep(0.2)

    assert at_once(source.read) == [{"number": 1}] * 8
    assert source.times == 1


def test_while_one_renews_the_others_get_what_was(source: Source) -> None:
    source.read(BRIEF)
    source.number = 2
    began, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        assert may_end.wait(10)

    source.meanwhile = hold
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(source.read, BRIEF)
        assert began.wait(10)
        assert source.read(BRIEF) == {"number": 1}
        may_end.set()
        assert renewing.result() == {"number": 2}
    assert source.times == 2


def test_nobody_gets_what_was_forgotten_while_one_renews(source: Source) -> None:
    source.read(BRIEF)
    began, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        assert may_end.wait(10)

    source.meanwhile = hold
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(source.read, BRIEF)
        assert began.wait(10)
        source.meanwhile, source.number = lambda: None, 2
        shared.forget(BRIEF.tag("a"))
        assert source.read(BRIEF) == {"number": 2}
        may_end.set()
        renewing.result()


@pytest.fixture
def other_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a way to be a process that shares the cache and nothing else."""

    def change() -> None:
        monkeypatch.setattr(shared, "_flights", {})

    return change


def test_a_process_leaves_it_to_another_that_is_at_it(
    source: Source, other_process: Callable[[], None]
) -> None:
    began, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        assert may_end.wait(10)

    source.meanwhile = hold
    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(source.read)
        assert began.wait(10)
        other_process()
        waiting = pool.submit(source.read)
        time.sleep(0.1)
        assert not waiting.done()
        may_end.set()
        assert making.result() == waiting.result() == {"number": 1}
    assert source.times == 1


def test_nobody_waits_for_long_for_a_process_that_died(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "PATIENCE", 0.1)
    # It took its turn and never came back.
    monkeypatch.setattr(shared, "_give_back", lambda turn: None)
    monkeypatch.setattr(shared._Renewal, "_store", lambda *rest: None)
    source.read()
    monkeypatch.undo()

    assert source.read() == {"number": 1}
    assert source.times == 2


def test_what_fails_is_told_and_not_remembered(source: Source) -> None:
    def fail() -> None:
        raise LookupError

    source.meanwhile = fail
    for _ in range(2):
        with pytest.raises(LookupError):
            source.read()
    source.meanwhile = lambda: None

    assert source.read() == {"number": 1}


@pytest.mark.parametrize("call", ["get_many", "add", "set", "delete"])
def test_without_the_cache_it_is_made_each_time(
    source: Source, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AwayError("refused")

    monkeypatch.setattr(type(cache._cache), call, refuse)  # type: ignore[attr-defined]

    assert source.read() == {"number": 1}
    source.number = 2
    expected = {"number": 1 if call == "delete" else 2}
    assert source.read() == expected


def test_forgetting_without_the_cache_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AwayError("refused")

    monkeypatch.setattr(type(cache._cache), "delete_many", refuse)  # type: ignore[attr-defined]

    shared.forget_on_commit(shared.EVERYTHING)


def test_an_entry_ends_by_itself_at_its_lifetime(source: Source) -> None:
    source.read()
    client = cache._cache.get_client(None)  # type: ignore[attr-defined]
    keys = [key for key in client.keys("*shared:*") if client.ttl(key) == -1]

    assert keys == []
    entries = [key for key in client.keys("*shared:*:test:*") if b":mark:" not in key]
    assert entries
    assert all(client.ttl(key) <= KIND.lifetime for key in entries)


def test_another_shape_version_site_or_database_is_another_entry(
    source: Source, settings: Any
) -> None:
    class Longer(Shape):
        more = serializers.CharField()

    class Other(serializers.Serializer[Any]):
        number = serializers.CharField()

    class Nested(serializers.Serializer[Any]):
        inner = Shape(many=True)

    class NestedLonger(serializers.Serializer[Any]):
        inner = Longer(many=True)

    source.read()
    for kind, of in (
        (KIND, Longer),
        (KIND, Other),
        (KIND, Nested),
        (KIND, NestedLonger),
        (Kind("test", lifetime=60, version=2), Shape),
    ):
        before = source.times
        shared.read(kind, "a", source.make, of=of)
        assert source.times == before + 1
    settings.PUBLIC_URL = "https://another.example"
    source.read()
    assert source.times == before + 2


@pytest.mark.parametrize("name", ["", "a b", "\n", "ä" * 300, "x" * 1000])
def test_any_name_makes_a_key(source: Source, name: str) -> None:
    assert source.read(key=name) == source.read(key=name) == {"number": 1}
    assert source.times == 1
    shared.forget(KIND.tag(name))
    source.read(key=name)
    assert source.times == 2


def test_what_is_documented_are_the_lifetimes(settings: Any) -> None:
    told = settings.SPECTACULAR_SETTINGS["DESCRIPTION"]
    for kind in (shared.CHANNEL, shared.STATS, shared.VIDEO_LIST):
        assert f"{kind.lifetime} seconds late" in told
        assert f"{kind.lifetime} seconds" in str(shared.__doc__)

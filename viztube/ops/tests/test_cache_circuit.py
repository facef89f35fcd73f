"""What one process does with a Valkey that hangs, refuses or takes no writes."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from viztube.api import caching
from viztube.api.caching import CacheAway, SharedCache, guarded, insisting
from viztube.ops.embedded import Valkey
from viztube.ops.tests.outages import kill, revive
from viztube.ops.tests.processes import linux_only, pid_of
from viztube.ops.tests.waiting import eventually

pytestmark = linux_only


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait long."""
    monkeypatch.setattr(caching, "PAUSE_SECONDS", 0.1)


@pytest.fixture
def valkey(data_dir: Path) -> Iterator[Valkey]:
    server = Valkey(data_dir)
    server.address = server.start()  # type: ignore[attr-defined]
    yield server
    if server.child is not None and not server.has_ended():
        os.kill(pid_of(server), signal.SIGCONT)
    server.stop()


@pytest.fixture
def cache(valkey: Any) -> SharedCache:
    options = django_settings.CACHES["default"]["OPTIONS"]
    return SharedCache(valkey.address, {"OPTIONS": options})


def works(cache: SharedCache) -> bool:
    """Tell whether a call succeeds."""
    try:
        cache.set("works", True)
    except caching.CACHE_AWAY:
        return False
    return True


def test_a_server_that_is_away_is_asked_by_one_call_at_a_time(
    valkey: Any, cache: SharedCache, caplog: pytest.LogCaptureFixture
) -> None:
    cache.set("a", 1)
    os.kill(pid_of(valkey), signal.SIGSTOP)
    callers = 8
    together = Barrier(callers)

    def call(_: int) -> type[BaseException] | None:
        together.wait()
        try:
            cache.get("a")
        except caching.CACHE_AWAY as error:
            return type(error)
        return None

    with ThreadPoolExecutor(callers) as pool:
        # All of them before anybody knows, then all of them while it is known.
        at_first = list(pool.map(call, range(callers)))
        at_once = list(pool.map(call, range(callers)))
        assert eventually(lambda: pool.submit(guard_lets_one_try).result())
        later = list(pool.map(call, range(callers)))

    assert set(at_first) == {redis.TimeoutError}
    assert set(at_once) == {CacheAway}
    assert sorted(later, key=str).count(redis.TimeoutError) <= 1
    assert set(later) <= {redis.TimeoutError, CacheAway}
    assert caplog.text.count("_server away") == 1
    os.kill(pid_of(valkey), signal.SIGCONT)
    assert eventually(lambda: works(cache))
    assert caplog.text.count("_server away") == caplog.text.count("_server back") == 1


def guard_lets_one_try() -> bool:
    """Tell whether the pause is over, without making the call that would follow."""
    try:
        with guarded():
            pytest.fail("This says nothing of the server.")
    except CacheAway:
        return False
    except pytest.fail.Exception:
        return True


def test_an_answer_that_comes_too_late_is_nobody_elses(valkey: Any, cache: SharedCache) -> None:
    cache.set_many({"a": "of a", "b": "of b"})
    os.kill(pid_of(valkey), signal.SIGSTOP)
    with pytest.raises(redis.TimeoutError):
        cache.get("a")
    with pytest.raises(redis.TimeoutError), insisting():
        cache.set_many({"c": "of c", "d": "of d"})

    os.kill(pid_of(valkey), signal.SIGCONT)

    assert eventually(lambda: works(cache))
    assert [cache.get("b") for _ in range(3)] == ["of b"] * 3


def test_a_server_that_was_restarted_is_used_again(valkey: Any, cache: SharedCache) -> None:
    cache.set("a", 1)
    kill(valkey)
    with pytest.raises(redis.ConnectionError):
        cache.get("a")
    revive(valkey, valkey.address)

    assert eventually(lambda: works(cache))
    assert cache.get("works") is True


@pytest.mark.parametrize(
    "error", [redis.exceptions.ReadOnlyError, redis.exceptions.OutOfMemoryError]
)
def test_a_server_that_takes_no_writes_is_read(
    valkey: Any,
    cache: SharedCache,
    caplog: pytest.LogCaptureFixture,
    error: type[redis.RedisError],
) -> None:
    cache.set("a", 1)
    with redis.Redis.from_url(valkey.address) as client:
        if error is redis.exceptions.ReadOnlyError:
            client.replicaof("127.0.0.1", "1")
        else:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")

        with pytest.raises(error):
            cache.set("b", 1)
        for _ in range(5):
            with pytest.raises(CacheAway):
                cache.set("b", 1)
            assert cache.get("a") == 1
        if error is redis.exceptions.OutOfMemoryError:
            # What was changed is forgotten all the same, and nothing follows from that.
            cache.delete_many(["a"])
            assert cache.get("a") is None
            with pytest.raises(CacheAway):
                cache.set("b", 1)
        with pytest.raises(error), insisting():
            cache.set_many({"b": 1})

        client.replicaof("NO", "ONE")
        client.config_set("maxmemory", "0")
    assert eventually(lambda: works(cache))
    assert caplog.text.count("_writes away") == caplog.text.count("_writes back") == 1
    assert "_server" not in caplog.text


def test_an_answer_from_before_says_nothing_of_writes_now(
    valkey: Any, cache: SharedCache, caplog: pytest.LogCaptureFixture
) -> None:
    cache.set("a", 1)
    client: Any = cache._cache.get_client()
    with redis.Redis.from_url(valkey.address) as server:
        server.replicaof("127.0.0.1", "1")
        asked = client.ask("SET", "b", 1)
        assert cache.get("a") == 1
        with pytest.raises(CacheAway):
            cache.set("b", 1)
        server.replicaof("NO", "ONE")
    assert eventually(lambda: works(cache))

    with pytest.raises(redis.exceptions.ReadOnlyError):
        asked.answer()

    assert works(cache)
    assert caplog.text.count("_writes away") == caplog.text.count("_writes back") == 1


def test_a_script_that_writes_nothing_says_nothing_of_writes(
    valkey: Any, cache: SharedCache, caplog: pytest.LogCaptureFixture
) -> None:
    client: Any = cache._cache.get_client(write=True)

    def run(script: str) -> Any:
        return client.run("EVAL", script, 1, "a", wrote=lambda answer: answer == b"OK")

    with redis.Redis.from_url(valkey.address) as server:
        server.replicaof("127.0.0.1", "1")
        with pytest.raises(redis.exceptions.ReadOnlyError):
            run("return redis.call('SET', KEYS[1], 1)")
        for _ in range(3):
            time.sleep(caching.PAUSE_SECONDS)
            assert run("return redis.call('EXISTS', KEYS[1])") == 0
        assert "_writes back" not in caplog.text
        server.replicaof("NO", "ONE")

    time.sleep(caching.PAUSE_SECONDS)
    assert run("return redis.call('SET', KEYS[1], 1)") in {b"OK", True}
    assert caplog.text.count("_writes away") == caplog.text.count("_writes back") == 1


def test_a_mistake_in_a_call_says_nothing_of_the_server(cache: SharedCache) -> None:
    cache.set("a", ["not a number"])
    with pytest.raises(redis.ResponseError):
        cache.incr("a")

    assert works(cache)


def test_threads_that_share_the_cache_do_not_share_a_connection(cache: SharedCache) -> None:
    """The jobs of a worker do: Django's caches go with the context, and not with the thread."""
    together = Barrier(2)

    def client(_: int) -> Any:
        together.wait(10)
        return cache._cache.get_client(write=True)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(client, range(2))

    assert first is not second


def test_what_was_not_sent_is_answered_as_by_a_cache_that_is_away(cache: SharedCache) -> None:
    client: Any = cache._cache.get_client()
    asked = client.ask("GET", cache.make_key("a"))
    client.forget_asked()

    with pytest.raises(CacheAway):
        asked.answer()
    assert works(cache)


def test_what_is_asked_goes_along_and_each_gets_its_own_answer(cache: SharedCache) -> None:
    cache.set_many({"a": 1, "b": 2})
    client: Any = cache._cache.get_client()
    first = client.ask("GET", cache.make_key("a"))
    wrong = client.ask("INCR", "no", "such", "command")

    assert cache.get("b") == 2
    assert first.answer() == b"1"
    with pytest.raises(redis.ResponseError):
        wrong.answer()
    assert cache.get("b") == 2

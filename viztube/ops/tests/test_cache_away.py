"""Valkey is taken away while people use the service, and nobody notices."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from viztube.ops.tests.outages import (
    PROCESSES,
    Service,
    kill,
    revive,
    send,
    under_load,
)
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

AWAY_SECONDS = 4
SERVER = ("The cache is away", "The cache is back", 'kind="answers"')
WRITES = ("The cache takes no writes", "The cache takes writes again", 'kind="writes"')


@contextmanager
def killed(service: Service) -> Iterator[None]:
    kill(service.valkey)
    yield
    revive(service.valkey, service.machine.environ["REDIS_URL"])


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    send(service.valkey, signal.SIGSTOP)
    yield
    send(service.valkey, signal.SIGCONT)


@contextmanager
def full(service: Service) -> Iterator[None]:
    with service.cache() as cache:
        before = cache.config_get("maxmemory*")
        cache.config_set("maxmemory-policy", "noeviction")
        cache.config_set("maxmemory", "1")
        yield
        cache.config_set("maxmemory-policy", before["maxmemory-policy"])
        cache.config_set("maxmemory", before["maxmemory"])


@contextmanager
def read_only(service: Service) -> Iterator[None]:
    with service.cache() as cache:
        # Of a server that is not there: what it has it keeps, and takes nothing new.
        cache.replicaof("127.0.0.1", "1")
        yield
        cache.replicaof("NO", "ONE")


@pytest.mark.parametrize(
    ("outage", "told"),
    [(killed, SERVER), (frozen, SERVER), (full, WRITES), (read_only, WRITES)],
    ids=["killed", "hangs", "out of memory", "read-only"],
)
def test_nobody_notices(
    service: Service,
    outage: Callable[[Service], AbstractContextManager[None]],
    told: tuple[str, str, str],
) -> None:
    away, back, kind = told
    metric = f"viztube_cache_failures_total{{{kind}}}"
    lines = [service.logged(away), service.logged(back)]
    failures = service.metric(metric)

    with under_load(service) as load:
        time.sleep(1)
        with outage(service):
            time.sleep(AWAY_SECONDS)
            # What was remembered of the people may be used up: they are written anew.
            assert service.metric("viztube_cache_up") == (told is WRITES)
        assert eventually(lambda: service.logged(back) - lines[1] >= PROCESSES)
        with service.cache() as cache:
            cache.config_resetstat()
            time.sleep(1)
            used = cache.info("commandstats")

    print(load.figures())
    assert set(load.statuses()) <= {200, 201}
    # One line when it goes, one when it comes back, of each process and however many asked.
    assert service.logged(away) - lines[0] == PROCESSES
    assert service.logged(back) - lines[1] == PROCESSES
    # About once a second and process, as only one call at a time tries.
    tried = service.metric(metric) - failures
    print(f"{tried} calls failed")
    assert PROCESSES <= tried <= PROCESSES * (4 + 4 + AWAY_SECONDS)
    assert used["cmdstat_get"]["calls"] > 0
    assert used["cmdstat_get"]["failed_calls"] == 0

"""``/livez``, ``/readyz`` and ``/metrics``: what they say, to whom, and at what cost."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.db import connection, connections
from django.test import Client as Browser
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import ConnectionError as Refused

from users.models import User
from users.tests.factories import PASSWORD
from users.tests.queries import captured_queries
from viztube.api.tests.fixtures import Client
from viztube.media.queues import DISK_QUEUE
from viztube.media.tasks import delete_folder
from viztube.ops import health, slots

pytestmark = pytest.mark.django_db(transaction=True)

FINE = {"status": "ok", "database": "ok", "migrations": "ok", "cache": "ok", "queue": "ok"}


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a process does that has looked at no migration."""
    monkeypatch.setattr(health, "_migrated", False)


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise Refused("nobody listens")

    monkeypatch.setattr(type(caches["default"]), "get", refuse)
    monkeypatch.setattr("viztube.ops.metrics.cache_info", lambda: None)


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let connections of other threads go to a port on which nobody listens."""
    connection.ensure_connection()  # this thread's
    with monkeypatch.context() as away:
        away.setitem(connections.settings["default"], "PORT", 1)
        away.setitem(connections.settings["default"], "HOST", "127.0.0.1")
        away.setitem(connections.settings["default"], "OPTIONS", {})
        yield


def ready(**headers: str) -> tuple[int, Any]:
    answer = Browser().get("/readyz", headers=headers)
    return answer.status_code, answer.json()


def metrics() -> dict[tuple[str, ...], float]:
    """Return each sample by its name and the values of its labels, in the order of their names."""
    text = Browser().get("/metrics").content.decode()
    return {
        (sample.name, *(text for _, text in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def make_wait(seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = at - %s * '1 s'::interval", [seconds])


@pytest.mark.usefixtures("no_database", "no_cache")
def test_alive_is_who_answers_whatever_is_away() -> None:
    with captured_queries() as statements:
        answer = Browser().get("/livez")

    assert (answer.status_code, answer.content) == (200, b"ok")
    assert statements == []


def test_ready_is_who_has_all_it_needs() -> None:
    assert ready() == (200, FINE)


def test_what_was_applied_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ready()[0] == 200
    monkeypatch.delattr(health, "MigrationExecutor")

    assert ready() == (200, FINE)


def test_a_migration_that_is_missing_is_503_until_it_is_applied() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = 'x' || name WHERE app = 'social'")
    try:
        status, found = ready()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE django_migrations SET name = substr(name, 2) WHERE app = 'social'"
            )

    assert (status, found["status"]) == (503, "unready")
    assert (found["database"], found["migrations"]) == ("ok", "missing")
    assert ready() == (200, FINE)


@pytest.mark.usefixtures("no_database")
def test_a_database_that_is_away_is_503_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    status, found = ready()

    assert (status, found["status"]) == (503, "unready")
    assert (found["database"], found["cache"]) == ("away", "ok")
    # The line of the request says it.
    levels = {(record.name, record.levelname) for record in caplog.records}
    assert ("viztube.ops.access", "INFO") in levels
    assert not {name for name, level in levels if level == "ERROR"}


def test_a_database_that_hangs_is_503_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.2)
    looks: list[None] = []

    def hang() -> None:
        looks.append(None)
        time.sleep(1.0)

    monkeypatch.setattr(health, "look_at_database", hang)
    began = time.monotonic()
    answers = [ready()[0] for _ in range(3)]

    assert answers == [503] * 3
    assert time.monotonic() - began < 0.95
    # What waited behind it has gone.
    assert health.within(5, lambda: "free") == "free"
    assert len(looks) == 1


@pytest.mark.usefixtures("no_cache")
def test_without_the_cache_it_goes_on() -> None:
    assert ready() == (200, {**FINE, "status": "degraded", "cache": "away"})


def test_a_late_queue_is_told_and_no_reason_to_stop() -> None:
    delete_folder.defer(folder="p/" + "0" * 32)
    make_wait(health.QUEUE_LATE_SECONDS - 60)
    assert ready() == (200, FINE)
    make_wait(120)

    assert ready() == (200, {**FINE, "status": "degraded", "queue": "late"})


def test_a_job_for_later_is_not_late() -> None:
    delete_folder.configure(schedule_in={"hours": 1}).defer(folder="p/" + "0" * 32)
    make_wait(7200)

    assert ready() == (200, FINE)
    assert ("viztube_queue_waiting_jobs", DISK_QUEUE) not in metrics()


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_who_comes_through_the_proxy_is_told_nothing(path: str) -> None:
    assert Browser().get(path).status_code == 200
    assert Browser().get(path, headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
    assert Browser().post(path).status_code == 405


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
@pytest.mark.parametrize("host", ["viztube-api:8000", "localhost:8000", "127.0.0.1:8000"])
def test_inside_plain_http_is_enough(settings: Any, path: str, host: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Browser().get("/", headers={"Host": host}).status_code == 301

    assert Browser().get(path, headers={"Host": host}).status_code == 200


def test_requests_are_counted_by_view_and_method(user: User) -> None:
    name = "django_http_responses_total_by_status_view_method_total"
    key = (name, "GET", "404", "video-detail")
    latency = "django_http_requests_latency_seconds_by_view_method_count"
    before = metrics()
    path = "/api/v2/videos/0197a000-0000-7000-8000-000000000000"
    for _ in range(3):
        Browser().get(path)
    # A method that a stranger made up makes no series of its own.
    Browser().generic("MADEUP", path)
    after = metrics()

    assert after[key] == before.get(key, 0) + 3
    timed = (latency, "GET", "video-detail")
    assert after[timed] == before.get(timed, 0) + 3
    assert not [sample for sample in after if "MADEUP" in sample]
    kept = {sample[0] for sample in after if sample[0].startswith("django_http")}
    assert {name.rsplit("_", 1)[0] for name in kept} <= {
        "django_http_responses_total_by_status_view_method",
        "django_http_requests_latency_seconds_by_view_method",
    }


def test_an_error_that_nobody_caught_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: Any) -> Any:
        raise RuntimeError

    key = ("django_http_requests_latency_seconds_by_view_method_count", "GET", "landing")
    before = metrics().get(key, 0)
    monkeypatch.setattr("viztube.ops.views.render", crash)
    assert Browser(raise_request_exception=False).get("/").status_code == 500

    assert metrics()[key] == before + 1


def test_sign_ins_that_fail_are_counted(user: User) -> None:
    key = ("viztube_security_events_total", "sign_in_failed")
    before = metrics().get(key, 0)
    login = {"username": user.username, "password": PASSWORD}
    for password in ("a wrong one", "another", PASSWORD):
        Client().post("user/login", {**login, "password": password})

    assert metrics()[key] == before + 2


def test_the_queue_is_measured() -> None:
    for _ in range(2):
        delete_folder.defer(folder="p/" + "0" * 32)
    failed = delete_folder.configure(queue="elsewhere").defer(folder="p/" + "0" * 32)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [failed])
    make_wait(30)
    found = metrics()

    assert found["viztube_queue_waiting_jobs", DISK_QUEUE] == 2
    assert 30 <= found["viztube_queue_oldest_wait_seconds", DISK_QUEUE] < 40
    assert found["viztube_queue_failed_jobs", "elsewhere"] == 1
    assert found["viztube_database_up",] == 1


def test_the_cache_is_measured() -> None:
    before = metrics()
    cache.set("one", 1)
    for key in ("one", "one", "none"):
        cache.get(key)
    after = metrics()

    assert after["viztube_cache_up",] == 1
    # Other tests may use the same server.
    assert after["viztube_cache_hits_total",] >= before["viztube_cache_hits_total",] + 2
    assert after["viztube_cache_misses_total",] >= before["viztube_cache_misses_total",] + 1


@pytest.mark.usefixtures("no_cache", "no_database")
def test_what_is_away_is_measured_as_away() -> None:
    found = metrics()

    assert found["viztube_cache_up",] == found["viztube_database_up",] == 0
    assert not [sample for sample in found if sample[0].startswith("viztube_queue")]


def test_a_worker_takes_the_first_place_that_is_free() -> None:
    assert slots.free_slot([]) == "1"
    assert slots.free_slot(["1", "3"]) == "2"
    assert slots.free_slot(["2", "1"]) == "3"

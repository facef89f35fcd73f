"""``/metrics`` for Prometheus: requests of all workers, queue, cache, sign-ins."""

import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_prometheus.middleware import Metrics  # type: ignore[import-untyped]
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from viztube.ops.health import ANSWER_SECONDS, cache_info, refuse_outsiders, within
from viztube.ops.queue import Waiting, failed_by_queue, waiting_by_queue
from viztube.ops.slots import VARIABLE

# Of what django-prometheus counts: how many, how long and how they ended, by view and method. The
# rest would cost every request some twenty writes more.
KEPT = {
    "django_http_requests_latency_seconds_by_view_method",
    "django_http_responses_total_by_status_view_method",
}


class Unkept:
    """A metric that is not kept."""

    def inc(self, amount: float = 1) -> None:
        """Do nothing."""

    def observe(self, amount: float) -> None:
        """Do nothing."""

    def labels(self, **labels: str) -> "Unkept":
        """Return itself."""
        return self


class KeptMetrics(Metrics):  # type: ignore[misc] # it has no types
    """django-prometheus's metrics, as far as we keep them."""

    def register_metric(self, metric_cls: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a metric, or what stands for one."""
        if name in KEPT:
            return super().register_metric(metric_cls, name, *args, **kwargs)
        return Unkept()


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class MetricsMiddleware:
    """Counts requests, outside of most other middleware, so that it measures that too.

    In place of django-prometheus's own, which does all that is to be done for what we do not keep.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        metrics = KeptMetrics.get_instance()
        self._ended = metrics.responses_by_status_view_method
        self._took = metrics.requests_latency_by_view_method
        # Of labels there are few: to find what counts for some takes longer than to count.
        self._of = lru_cache(maxsize=4096)(self._counters)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; count the answer, and how long it took."""
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        ended, took = self._of(match and match.view_name, request.method, response.status_code)
        ended.inc()
        took.observe(time.perf_counter() - began)
        return response

    def _counters(self, view: str | None, method: str | None, status: int) -> tuple[Any, Any]:
        """Return the metrics for labels, of which strangers choose none: each takes memory."""
        labels = {
            "view": view or "<unnamed view>",
            "method": method if method in METHODS else "<invalid method>",
        }
        return self._ended.labels(status=str(status), **labels), self._took.labels(**labels)


class QueueCollector(Collector):
    """What waits in the queue and what failed, asked when Prometheus asks."""

    def collect(self) -> Iterator[Metric]:
        """Yield the figures; only ``viztube_database_up`` when the database is away."""
        found = within(ANSWER_SECONDS, look_at_queue)
        yield GaugeMetricFamily(
            "viztube_database_up", "Whether PostgreSQL answers.", value=found is not None
        )
        if found is None:
            return
        waiting, failed = found
        depth = GaugeMetricFamily(
            "viztube_queue_waiting_jobs", "Jobs that could run now.", labels=["queue"]
        )
        age = GaugeMetricFamily(
            "viztube_queue_oldest_wait_seconds",
            "How long the oldest of them has waited.",
            labels=["queue"],
        )
        given_up = GaugeMetricFamily(
            "viztube_queue_failed_jobs", "Jobs that were given up.", labels=["queue"]
        )
        for queue, state in waiting.items():
            depth.add_metric([queue], state.jobs)
            age.add_metric([queue], state.seconds)
        for queue, jobs in failed.items():
            given_up.add_metric([queue], jobs)
        yield from (depth, age, given_up)


class CacheCollector(Collector):
    """What Valkey counts itself, for all processes."""

    def collect(self) -> Iterator[Metric]:
        """Yield the figures; only ``viztube_cache_up`` when it is away."""
        info = cache_info()
        yield GaugeMetricFamily(
            "viztube_cache_up", "Whether Valkey answers.", value=info is not None
        )
        if info is not None:
            for name, key in (("hits", "keyspace_hits"), ("misses", "keyspace_misses")):
                yield CounterMetricFamily(
                    f"viztube_cache_{name}", f"Reads that were {name}.", value=info[key]
                )


def look_at_queue() -> tuple[dict[str, Waiting], dict[str, int]] | None:
    """Return what waits and what failed; None when the database is away."""
    try:
        return waiting_by_queue(), failed_by_queue()
    except DatabaseError:
        return None


@refuse_outsiders
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in the text format of Prometheus."""
    registry = CollectorRegistry()
    if VARIABLE in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(QueueCollector())
    registry.register(CacheCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

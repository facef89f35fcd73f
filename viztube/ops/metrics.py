"""``/metrics`` for Prometheus: requests of all workers, queue, cache, sign-ins."""

import os
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_prometheus.middleware import (  # type: ignore[import-untyped]
    Metrics,
    PrometheusAfterMiddleware,
)
from django_prometheus.utils import Time, TimeSince  # type: ignore[import-untyped]
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


class MetricsMiddleware(PrometheusAfterMiddleware):  # type: ignore[misc] # it has no types
    """django-prometheus's middleware, outside of all others, so that it measures them too."""

    metrics_cls = KeptMetrics

    def process_request(self, request: HttpRequest) -> None:
        """Remember when it began. All else that is done here is for metrics that we do not keep."""
        request.prometheus_after_middleware_event = Time()  # type: ignore[attr-defined]

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Count the answer, and how long it took."""
        asked = {"view": self._get_view_name(request), "method": self._method(request)}
        status = str(response.status_code)
        self.metrics.responses_by_status_view_method.labels(status=status, **asked).inc()
        began = request.prometheus_after_middleware_event  # type: ignore[attr-defined]
        self.metrics.requests_latency_by_view_method.labels(**asked).observe(TimeSince(began))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Do nothing: the answer is counted, and once is enough."""

    def label_metric(
        self, metric: Any, request: HttpRequest, response: Any = None, **labels: str
    ) -> Any:
        """Return a metric for its labels, of which strangers choose none: each takes memory."""
        if "method" in labels:
            labels["method"] = self._method(request)
        return super().label_metric(metric, request, response, **labels)


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

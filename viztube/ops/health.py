"""Whether this process runs, and whether requests should be sent to it.

Asked on the machine and inside its network: by Docker, the release script and Prometheus.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from viztube.api.caching import CACHE_AWAY
from viztube.media.queues import TRANSCODE_QUEUES
from viztube.ops.queue import waiting_by_queue

# With the cache beside it, an answer within 2 s.
ANSWER_SECONDS = 1.5
# The worker takes a job within seconds; a long one before it may keep it for some minutes.
QUEUE_LATE_SECONDS = 600

Result = TypeVar("Result")

# One at a time, so that a server that hangs holds one thread, however often it is asked.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="health")
# What was applied stays so: this process never needs less than it did.
_migrated = False


def refuse_outsiders(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view, 404 for what came through a proxy, which adds X-Forwarded-For."""

    @require_safe
    def guarded(request: HttpRequest) -> HttpResponse:
        if "X-Forwarded-For" in request.headers:
            raise Http404
        return view(request)

    return guarded


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answer that this process answers; asks nothing and nobody."""
    return HttpResponse("ok", content_type="text/plain", headers={"Cache-Control": "no-store"})


@refuse_outsiders
def readyz(request: HttpRequest) -> HttpResponse:
    """Say in one word each how the parts are; 503 unless requests can be answered.

    Without the cache, or with a late queue, they can.
    """
    found = within(ANSWER_SECONDS, look_at_database) or {
        "database": "away",
        "migrations": "unknown",
        "queue": "unknown",
    }
    found["cache"] = "ok" if cache_answers() else "away"
    ready = found["database"] == "ok" and found["migrations"] == "ok"
    degraded = found["cache"] != "ok" or found["queue"] != "ok"
    status = ("degraded" if degraded else "ok") if ready else "unready"
    response = JsonResponse(
        {"status": status, **found},
        status=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )
    # Else Django writes an error, and Sentry gets one, every ten seconds that Docker asks.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def look_at_database() -> dict[str, str] | None:
    """Return how database, migrations and queue are; None when the database is away."""
    try:
        migrated = migrations_are_applied()
        if not migrated:
            return {"database": "ok", "migrations": "missing", "queue": "unknown"}
        # Streams take minutes each, and what waits for its stream plays.
        waits = [
            waiting.seconds
            for queue, waiting in waiting_by_queue().items()
            if not queue.startswith(TRANSCODE_QUEUES)
        ]
    except DatabaseError:
        return None
    late = max(waits, default=0) > QUEUE_LATE_SECONDS
    return {"database": "ok", "migrations": "ok", "queue": "late" if late else "ok"}


def migrations_are_applied() -> bool:
    """Tell whether the database has every migration of this code; a yes is remembered."""
    global _migrated  # noqa: PLW0603 - remembered in the process, on purpose
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


def within(seconds: float, call: Callable[[], Result | None]) -> Result | None:
    """Return what a call that asks the database returns, None if it takes longer.

    A thread of its own, because nothing else bounds the wait for a server that is frozen.
    """

    def run() -> Result | None:
        try:
            return call()
        finally:
            connection.close()

    future = _thread.submit(run)
    try:
        return future.result(timeout=seconds)
    except TimeoutError:
        future.cancel()
        return None


def database_answers() -> bool:
    """Tell whether PostgreSQL answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def cache_answers() -> bool:
    """Tell whether Valkey answers; the service goes on without it."""
    try:
        cache.get("health")
    except CACHE_AWAY:
        return False
    return True


def cache_info() -> dict[str, Any] | None:
    """Return what Valkey counts, None when it is away."""
    try:
        client: Any = cache._cache.get_client()  # type: ignore[attr-defined]
        return dict(client.info("stats"))
    except CACHE_AWAY:
        return None

"""``manage.py worker``: run background jobs."""

import asyncio
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.management.base import BaseCommand
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.signals import on_stop
from procrastinate.worker import Worker
from structlog.contextvars import bind_contextvars

from viztube.media.backends import cloud
from viztube.media.queues import DEFAULT_QUEUE, DISK_QUEUE, PUSH_QUEUE, TRANSCODE_QUEUE
from viztube.ops.doctor.cloudinary import problem_with

GRACE_SECONDS = 60.0
# A stream that takes minutes would seldom be done in one more, and is gone on with later.
TRANSCODE_GRACE_SECONDS = 5.0
QUEUES = {
    "default": DEFAULT_QUEUE,
    "disk": DISK_QUEUE,
    "push": PUSH_QUEUE,
    "transcode": TRANSCODE_QUEUE,
}


class Command(BaseCommand):
    """Runs the queues of this machine until SIGTERM or SIGINT; running jobs may finish first."""

    help = (
        "Run background jobs until it is stopped: the shared queue and those of this machine "
        "(MACHINE_NAME). Stopping waits for running jobs; what is cut off is run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--concurrency",
            type=int,
            default=2,
            help="How many jobs of default and disk at once (default 2), besides one of push.",
        )
        parser.add_argument(
            "--transcodes",
            type=int,
            default=1,
            help="How many jobs of transcode at once (default 1); each may take 350 MB and two "
            "processors.",
        )
        parser.add_argument(
            "--queues",
            nargs="+",
            choices=QUEUES,
            default=list(QUEUES),
            help="Which queues: default (shared by all machines), disk (moving and deleting "
            "files), push (sending files to Cloudinary), transcode (making streams). All by "
            "default.",
        )
        parser.add_argument(
            "--once", action="store_true", help="Run the jobs that are waiting, then stop."
        )
        parser.add_argument(
            "--reload", action="store_true", help="Start anew when the code changes (development)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped."""
        changed: list[str] = []
        if options["reload"]:
            _watch_code(changed)
        self._ask_cloudinary()
        chosen = [QUEUES[name] for name in QUEUES if name in options["queues"]]
        self.stdout.write(f"Running jobs of {', '.join(chosen)}.")
        if options["once"]:
            asyncio.run(_run([(chosen, options["concurrency"])], wait=False))
        else:
            # What takes long has a turn of its own, so that others need not wait for it.
            apart = {PUSH_QUEUE: 1, TRANSCODE_QUEUE: options["transcodes"]}
            quick = [queue for queue in chosen if queue not in apart]
            pools = [(quick, options["concurrency"])] if quick else []
            pools += [([queue], apart[queue]) for queue in chosen if queue in apart]
            asyncio.run(_run(pools, wait=True))
        if changed:
            self.stdout.write(f"{changed[0]} changed: starting anew.")
            self.stdout.flush()
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606

    def _ask_cloudinary(self) -> None:
        """Say whether Cloudinary, if it is in use, takes our credentials; never a reason to stop.

        An outage passes, and all that needs no Cloudinary is to be done meanwhile.
        """
        backend = cloud()
        if backend is None:
            return
        name = backend.account.cloud_name
        if problem := problem_with(backend):
            self.stderr.write(
                f"Cloudinary ({name}) cannot be used now: {problem}; the worker goes on, and jobs "
                "that need Cloudinary are retried."
            )
        else:
            self.stdout.write(f"Cloudinary ({name}) answers.")


async def _run(pools: list[tuple[list[str], int]], *, wait: bool) -> None:
    """Run jobs over connections of the worker's own: of some queues so many at once, of others so.

    The app itself keeps Django's, so that a job that enqueues another does it in its transaction.
    """
    worker_app = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
    async with worker_app.open_async():
        workers = [
            asyncio.create_task(
                worker_app.run_worker_async(
                    queues=queues,
                    concurrency=concurrency,
                    wait=wait,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=TRANSCODE_GRACE_SECONDS
                    if queues == [TRANSCODE_QUEUE]
                    else GRACE_SECONDS,
                    worker_middleware=[_name_in_logs],
                )
            )
            for queues, concurrency in pools
        ]

        def stop() -> None:
            for worker in workers:
                # Twice would end its patience, and leave its jobs without a word to end.
                if not worker.cancelling():
                    worker.cancel()

        with on_stop(stop):
            # One that ends has been stopped or has failed: then all do.
            await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
            stop()
            for end in await asyncio.gather(*workers, return_exceptions=True):
                if isinstance(end, Exception):
                    raise end


async def _name_in_logs(
    call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker
) -> Any:
    """Run a job whose log lines say which it is; each job is a task of asyncio by itself."""
    bind_contextvars(job_id=context.job.id, task=context.job.task_name)
    return await call_next()


def _watch_code(changed: list[str]) -> None:
    """Ask this process to stop when a module changes, and note which; gunicorn's own watcher."""
    from gunicorn.reloader import Reloader

    def stop(filename: str) -> None:
        if not changed:
            changed.append(filename)
            os.kill(os.getpid(), signal.SIGTERM)

    Reloader(callback=stop).start()

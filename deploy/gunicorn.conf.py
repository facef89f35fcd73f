"""gunicorn's settings. What differs between machines is given on its command line."""

import ctypes
import gc
import logging.config
import os
import platform
import socket
import sys
import time
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from gunicorn import glogging

from viztube.api.request_ids import set_request_id
from viztube.ops import slots
from viztube.ops import workers as even_workers

try:
    from viztube.settings import DEBUG, LOGGING, MAX_BODY_BYTES
except ImproperlyConfigured as error:
    sys.exit(f"viztube: {error}")

worker_class = "viztube.ops.workers.EvenWorker"
workers = 2
threads = 4
timeout = 120  # seconds; a slow upload keeps its thread busy, never the worker's heartbeat
# Seconds after SIGTERM for what is accepted, whether it runs or waits for a thread. What the kernel
# still holds then is lost, so a release leads nginx elsewhere first.
graceful_timeout = 30
keepalive = 65  # seconds; longer than a proxy in front keeps its idle connections
max_requests = 5000
max_requests_jitter = 500
control_socket_disable = True
# Loaded once: the workers share the memory of the code, and a version that does not start ends at
# once. Neither a connection nor a thread exists before the fork. While developing, SIGHUP reloads.
preload_app = not DEBUG
# The heartbeat is a file; on a busy disk touching it may take longer than it should.
worker_tmp_dir = str(slots.SHARED_MEMORY) if os.access(slots.SHARED_MEMORY, os.W_OK) else None

LINGER_SECONDS = 2.0

# The threads share what they have freed; else each keeps the memory of its last password's hash.
M_ARENA_MAX = -8  # of glibc, malloc.h
if platform.libc_ver()[0] == "glibc":
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)

# A request makes some hundred objects, most of which are gone before it ends: looking for garbage
# after each would find little.
GARBAGE = (10_000, 20, 20)

# Before any module makes a metric.
slots.share_metrics()


class Logger(glogging.Logger):
    """gunicorn's own lines, written as all others are. Requests have one of VizTube's each."""

    def setup(self, cfg: Any) -> None:
        """Replace the handlers that gunicorn has made."""
        super().setup(cfg)
        logging.config.dictConfig(LOGGING)
        logging.captureWarnings(True)


logger_class = Logger


def pre_fork(server: Any, worker: Any) -> None:
    """Give a worker the place of one that has ended, in the files of metrics too."""
    # What is there now stays: looking for garbage in it takes time, and memory that is shared.
    gc.freeze()
    worker.slot = slots.free_slot(other.slot for other in server.WORKERS.values())


def child_exit(server: Any, worker: Any) -> None:
    """Let no worker leave connections to one that is gone."""
    even_workers.has_ended(worker.slot)


def post_fork(server: Any, worker: Any) -> None:
    """Be that worker."""
    slots.take_slot(worker.slot)
    # What it was forked with knows what else there is, for the programs that it will start.
    if preload_app:
        even_workers.stay_on_a_core(worker.slot)
    gc.set_threshold(*GARBAGE)


def post_worker_init(worker: Any) -> None:
    """Let no request wait for a database that is away, now that the application is there."""
    from viztube.api.database.base import serve_requests

    serve_requests()


def pre_request(worker: Any, request: Any) -> None:
    """Do not keep a connection alive after a large body.

    A body refused by its length is left unread; on a connection kept alive gunicorn would have to
    read all of it before the next request.
    """
    for name, value in request.headers:
        if name == "CONTENT-LENGTH" and value.isdigit() and int(value) > MAX_BODY_BYTES:
            request.force_close()


def post_request(worker: Any, request: Any, environ: dict[str, Any], response: Any) -> None:
    """After refusing a body, let the client read the answer before the connection closes.

    Closing a socket that still receives data resets it, and the client may lose the answer
    (RFC 9112, section 9.6).
    """
    # What gunicorn logs next in this thread belongs to no request yet.
    set_request_id("")
    if response is None or not request.must_close or response.status_code < 400:
        return
    client = environ.get("gunicorn.socket")
    if client is None:
        return
    deadline = time.monotonic() + LINGER_SECONDS
    try:
        client.shutdown(socket.SHUT_WR)
        while (left := deadline - time.monotonic()) > 0:
            client.settimeout(left)
            if not client.recv(65536):
                return
    except OSError:
        return

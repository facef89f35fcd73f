"""Which of gunicorn's workers this process is, as the files of its metrics are named.

prometheus_client names them for the process id, and a worker that is recycled would leave its files
behind for ever. A worker that takes the place of another goes on with its files instead.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Memory, where the machine offers it: every request writes.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - below it a folder that only we can open

_slot = "main"


def share_metrics() -> None:
    """Make the folder in which the workers of this process share metrics; before any metric is.

    The settings of gunicorn are read again at SIGHUP: the folder stays.
    """
    prefix = f"viztube-metrics-{os.getpid()}-"
    if not Path(os.environ.get(VARIABLE, "")).name.startswith(prefix):
        place = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix=prefix, dir=place)
        atexit.register(_forget_metrics, os.environ[VARIABLE], os.getpid())
    from prometheus_client import values

    values.ValueClass = values.MultiProcessValue(slot)  # type: ignore[no-untyped-call]


def _forget_metrics(folder: str, owner: int) -> None:
    """Delete the folder at the end of the process that made it, not of one of its workers."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def free_slot(taken: Iterable[str]) -> str:
    """Return the first name that no other worker has."""
    names = set(taken)
    return next(name for name in map(str, count(1)) if name not in names)


def take_slot(name: str) -> None:
    """Be this worker from now on."""
    global _slot  # noqa: PLW0603 - one a process
    _slot = name


def slot() -> str:
    """Return the name of this worker."""
    return _slot

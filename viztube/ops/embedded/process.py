"""Child processes: started in a session of their own, waited for with patience, stopped for sure.

Waiting is polling, so that whoever waits can give up between two looks: a ``check`` is a function
called at every look, which raises to abandon the wait.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

Child = subprocess.Popen[bytes]
Check = Callable[[], None]
Hurried = Callable[[], bool]

POLL_SECONDS = 0.02
SAME_IDENTITY = "same"
_LAUNCHER = Path(__file__).with_name("launcher.py")


class EmbeddedError(Exception):
    """An embedded server cannot be provided; the text is a sentence that says what to do."""


def keep_waiting() -> None:
    """Check nothing: the ``check`` of a wait that nobody interrupts."""


def not_hurried() -> bool:
    """Return False: a stop that nobody hastens."""
    return False


def start(
    command: Sequence[str],
    *,
    identity: str = SAME_IDENTITY,
    death_signal: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    output: int | IO[bytes] | None = None,
    errors: int | IO[bytes] | None = subprocess.STDOUT,
) -> Child:
    """Start a program in a session of its own; its errors go where its output goes, or apart.

    A Ctrl-C at the terminal does not reach it. On Linux it gets ``death_signal`` when this process
    dies, however that happens; ``identity`` is explained in ``launcher``.
    """
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    return subprocess.Popen(  # noqa: S603
        [*launcher, str(os.getpid()), str(int(death_signal)), identity, *command],
        env=env,
        cwd=cwd,
        stdin=stdin,
        stdout=output,
        stderr=None if output is None else errors,
        start_new_session=True,
    )


def run(
    command: Sequence[str],
    *,
    seconds: float,
    check: Check = keep_waiting,
    identity: str = SAME_IDENTITY,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    errors: int | None = subprocess.STDOUT,
) -> tuple[int | None, str]:
    """Run a program to its end; return its exit status (None: out of time) and its output.

    The output includes the errors; with ``errors=None`` those go to this process's own instead.
    """
    with tempfile.TemporaryFile() as output:
        child = start(command, identity=identity, env=env, cwd=cwd, output=output, errors=errors)
        try:
            status = wait(child, seconds, check)
        finally:
            kill(child)
        output.seek(0)
        return status, output.read().decode(errors="replace")


def wait(child: Child, seconds: float, check: Check = keep_waiting) -> int | None:
    """Wait for a child's end; return its exit status, or None when the time is over."""
    deadline = time.monotonic() + seconds
    while (status := child.poll()) is None and time.monotonic() < deadline:
        check()
        time.sleep(POLL_SECONDS)
    return status


def stop(
    child: Child,
    steps: Iterable[tuple[signal.Signals, float]],
    hurried: Hurried = not_hurried,
) -> None:
    """Ask a child to end with one signal after another, each with its patience in seconds.

    ``hurried`` is asked again and again; once it is true the patience is at most half a second.
    What is left of the child and its process group afterwards is killed.
    """
    for number, seconds in steps:
        if child.poll() is not None:
            break
        child.send_signal(number)
        asked = time.monotonic()
        while child.poll() is None:
            waited = time.monotonic() - asked
            if waited >= seconds or (hurried() and waited >= 0.5):
                break
            time.sleep(POLL_SECONDS)
    kill(child)


def kill(child: Child) -> None:
    """Kill a child with its whole process group, and wait until it is gone."""
    # The child leads its group, so this reaches what it left behind even after its own end.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()

"""Child processes: how they are started and stopped, and that none outlives its parent."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from viztube.ops.embedded import launcher, process
from viztube.ops.embedded.orphans import _children, no_orphans
from viztube.ops.tests.processes import is_alive, linux_only
from viztube.ops.tests.waiting import eventually


@linux_only
def test_children_die_with_a_killed_parent(data_dir: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from viztube.ops.embedded import Postgres, Valkey\n"
        "servers = [kind(Path(sys.argv[1])) for kind in (Postgres, Valkey)]\n"
        "[server.start() for server in servers]\n"
        "print(*(server.child.pid for server in servers), flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(data_dir)], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(is_alive(pid) for pid in pids)
        parent.kill()
    assert eventually(lambda: not any(is_alive(pid) for pid in pids), seconds=5)


def test_a_child_has_a_session_of_its_own() -> None:
    child = process.start(["sleep", "60"])
    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        process.kill(child)


def test_ignored_signals_are_not_inherited() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = process.start(["sleep", "60"])
    finally:
        signal.signal(signal.SIGINT, before)
    time.sleep(0.3)
    process.stop(child, [(signal.SIGINT, 5)])
    assert child.returncode == -signal.SIGINT


def test_stop_goes_on_to_the_next_signal() -> None:
    script = "trap '' INT; trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    with tempfile.TemporaryFile() as output:
        child = process.start(["sh", "-c", script], output=output)
        assert eventually(lambda: os.fstat(output.fileno()).st_size > 0)
        process.stop(child, [(signal.SIGINT, 0.1), (signal.SIGTERM, 5)])
    assert child.returncode == 3


def test_stop_kills_the_group_of_a_stubborn_child_at_once_when_hurried() -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait; wait; sleep 60"
    with tempfile.TemporaryFile() as output:
        child = process.start(["sh", "-c", script], output=output)
        assert eventually(lambda: os.fstat(output.fileno()).st_size > 0)
        began = time.monotonic()
        process.stop(child, [(signal.SIGTERM, 60)], lambda: True)
        output.seek(0)
        grandchild = int(output.read())
    assert time.monotonic() - began < 5
    assert child.returncode == -signal.SIGKILL
    assert eventually(lambda: not is_alive(grandchild), seconds=5)


def test_run_returns_status_and_all_output() -> None:
    command = ["sh", "-c", "echo one; echo two >&2; exit 7"]
    assert process.run(command, seconds=10) == (7, "one\ntwo\n")


def test_run_ends_when_the_time_is_over() -> None:
    assert process.run(["sleep", "60"], seconds=0.1) == (None, "")


def test_a_program_that_does_not_exist_is_named() -> None:
    status, output = process.run(["/no/such/program"], seconds=10)
    assert status == 126
    assert output == "/no/such/program cannot be run: No such file or directory.\n"


def test_a_child_whose_parent_died_too_early_does_not_start(tmp_path: Path) -> None:
    command = [sys.executable, launcher.__file__, str(os.getppid()), "15", "same"]
    ran = subprocess.run([*command, "touch", str(tmp_path / "made")], check=False)
    assert ran.returncode == 126
    assert not (tmp_path / "made").exists()


@linux_only
def test_orphans_are_killed_in_sessions_of_their_own_and_strangers_are_not(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    before = _children()
    try:
        with no_orphans():
            # Two that are handed over at once, and their children when those are killed.
            leave = "setsid sh -c ': > $0; sleep 60 & wait' {0} & until [ -e {0} ]; do :; done"
            script = "; ".join(leave.format(tmp_path / name) for name in ("one", "two"))
            assert process.run(["sh", "-c", script], seconds=5) == (0, "")
            adopted = _children() - before
            assert len([pid for pid in adopted if is_alive(pid)]) >= 2
        assert not any(is_alive(pid) for pid in adopted)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()

"""Commands on strangers' files: bounded in time and memory, killed as a whole."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from threading import BoundedSemaphore, Thread, Timer

import pytest
from django.conf import settings

from viztube.api.errors import Unavailable
from viztube.media.commands import (
    MAX_OUTPUT_FILE,
    MAX_PRINTED,
    SLOTS_A_KIND,
    CommandFailed,
    Kind,
    limit,
    run_guarded,
    slot,
)
from viztube.media.paths import SLOTS
from viztube.media.tasks import prune_incoming

GIGABYTE = 1 << 30


def python(
    program: str, *, kind: Kind = Kind.VIDEO, timeout: float = 10, memory: int = GIGABYTE
) -> bytes:
    command = [sys.executable, "-S", "-c", program]
    return run_guarded(command, kind=kind, timeout=timeout, memory=memory)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_what_a_command_prints_is_returned() -> None:
    assert python("print('hello')") == b"hello\n"


def test_a_command_gets_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a secret of ours")

    names = python("import os; print(sorted(os.environ))").decode()

    assert "PATH" in names
    assert "SECRET_KEY" not in names
    assert "DATABASE_URL" not in names


@pytest.fixture
def one_core() -> Iterator[set[int]]:
    """Keep this process on one core, as the server's are; return those that it had."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield before
    os.sched_setaffinity(0, before)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no such thing")
def test_a_command_may_use_all_cores_though_we_may_use_one(one_core: set[int]) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert os.sched_getaffinity(process.pid) == {min(one_core)}
        limit(process.pid, memory=GIGABYTE, processor=60, file=1000)

        assert os.sched_getaffinity(process.pid) >= one_core
        process.kill()
    # We stay where we are.
    assert os.sched_getaffinity(0) == {min(one_core)}


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no such thing")
def test_what_is_run_is_told_of_all_cores(one_core: set[int]) -> None:
    # It is given them from outside, a moment after it began.
    program = "import os, time; time.sleep(0.5); print(*os.sched_getaffinity(0))"

    assert {*map(int, python(program).split())} >= one_core


def test_limiting_what_has_ended_is_no_failure() -> None:
    process = subprocess.Popen(["sleep", "0"])
    process.wait()

    limit(process.pid, memory=GIGABYTE, processor=60, file=1000)


def test_nothing_is_read_from_our_input() -> None:
    assert python("import sys; print(repr(sys.stdin.read()))") == b"''\n"


def test_a_failure_carries_what_the_command_said() -> None:
    with pytest.raises(CommandFailed, match="no such codec") as caught:
        python("import sys; sys.exit('x' * 9000 + ' no such codec \\udcff')")

    assert len(str(caught.value)) < 1000


def test_a_command_killed_by_a_signal_failed() -> None:
    with pytest.raises(CommandFailed):
        python("import os; os.kill(os.getpid(), 11)")


def test_a_program_that_is_not_installed_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without folders of the caller's that may not be entered, which is another error.
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(FileNotFoundError):
        run_guarded(["no-such-program-here"], kind=Kind.VIDEO, timeout=1, memory=GIGABYTE)


def test_running_out_of_time_kills_the_whole_process_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)\n"
    )
    started = time.monotonic()

    with pytest.raises(CommandFailed, match="timed out"):
        python(program, timeout=0.6)

    assert time.monotonic() - started < 5
    numbers = [int(pid) for pid in pids.read_text().split()]
    assert len(numbers) == 2
    deadline = time.monotonic() + 5
    while any(map(is_running, numbers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, numbers))


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set on Linux")
def test_memory_and_files_are_limited(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="MemoryError"):
        python("import time; time.sleep(0.1); bytearray(400_000_000)", memory=200_000_000)

    big = tmp_path / "big"
    with pytest.raises(CommandFailed):
        python(f"import time; time.sleep(0.1); open({str(big)!r}, 'wb').write(bytes(60_000_000))")
    assert big.stat().st_size <= 50_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_the_threads_of_a_command_do_not_use_its_limit_up() -> None:
    program = """
import re, threading
together = threading.Barrier(8)
def work():
    held = bytearray(50_000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(re.search(r"VmPeak:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""

    assert int(python(program)) < 256_000  # kB


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_a_command_runs_at_low_priority_in_a_group_of_its_own() -> None:
    output = python("import os, time; time.sleep(0.1); print(os.nice(0), os.getpgid(0))")

    nice, group = output.split()
    assert int(nice) >= 10
    assert int(group) != os.getpgid(0)


def test_a_command_that_ended_before_it_was_limited_is_fine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*args: object) -> None:
        raise ProcessLookupError

    monkeypatch.setattr("os.setpriority", gone)

    assert python("print('hello')") == b"hello\n"


def test_an_error_of_ours_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def fail(pid: int, **limits: float) -> None:
        seen.append(pid)
        raise RuntimeError

    monkeypatch.setattr("viztube.media.commands.limit", fail)

    with pytest.raises(RuntimeError):
        python("import time; time.sleep(60)")
    assert not is_running(seen[0])


def test_more_output_than_fits_is_a_failure() -> None:
    with pytest.raises(CommandFailed, match="printed too much"):
        python(f"print('x' * {MAX_PRINTED + 1})")


def test_a_flood_of_output_ends_at_the_limit_on_files() -> None:
    with pytest.raises(CommandFailed):
        python(f"import sys\nwhile True: sys.stdout.write('x' * {MAX_OUTPUT_FILE // 4})")


def test_a_command_that_nobody_watches_runs_out_of_processor_time() -> None:
    # The limits come from outside, just after the start.
    program = (
        "import resource, time; time.sleep(0.1); print(resource.getrlimit(resource.RLIMIT_CPU)[0])"
    )

    assert int(python(program, timeout=3)) == 7


@pytest.mark.skipif(sys.platform != "linux", reason="written to /proc")
def test_when_memory_runs_out_a_command_goes_before_the_server() -> None:
    output = python("import time; time.sleep(0.1); print(open('/proc/self/oom_score_adj').read())")

    assert int(output) == 1000
    assert int(Path("/proc/self/oom_score_adj").read_text()) < 1000


def test_two_commands_of_a_kind_run_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many as several web processes have.
    monkeypatch.setattr("viztube.media.commands.PLACES", BoundedSemaphore(5))
    diary = tmp_path / "diary"
    program = (
        "import time\n"
        f"for word in ('+', '-'): open({str(diary)!r}, 'a').write(word); time.sleep(.3)"
    )
    threads = [Thread(target=python, args=(program,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    running = list(accumulate(1 if word == "+" else -1 for word in diary.read_text()))
    assert (len(running), max(running)) == (10, SLOTS_A_KIND)


def take_slots(kind: Kind, count: int) -> ExitStack:
    """Hold some of this machine's slots until the stack is closed."""
    held = ExitStack()
    for _ in range(count):
        held.enter_context(slot(kind))
    return held


def test_who_waits_too_long_for_a_turn_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("viztube.media.commands.SLOT_SECONDS", 0.1)
    with take_slots(Kind.VIDEO, SLOTS_A_KIND), pytest.raises(Unavailable, match="Too many files"):
        python("pass")
    with take_slots(Kind.VIDEO, SLOTS_A_KIND - 1):
        assert python("print('again')") == b"again\n"


def test_pictures_do_not_wait_behind_videos() -> None:
    with take_slots(Kind.VIDEO, SLOTS_A_KIND):
        assert python("print('at once')", kind=Kind.PICTURE) == b"at once\n"


def test_a_process_that_dies_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viztube.media.commands.SLOT_SECONDS", 5)
    python("pass")  # makes the folders
    folders = sorted((Path(settings.MEDIA_ROOT) / SLOTS).glob("video-*"))
    program = (
        "import fcntl, os, sys, time\n"
        "for name in sys.argv[1:]: fcntl.flock(os.open(name, os.O_RDONLY), fcntl.LOCK_EX)\n"
        "print(flush=True)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-S", "-c", program, *map(str, folders)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        Timer(0.2, other.kill).start()

        assert len(folders) == SLOTS_A_KIND
        assert python("print('my turn')") == b"my turn\n"
    assert other.returncode == -signal.SIGKILL


def test_what_removes_leftovers_leaves_the_turns_alone() -> None:
    with take_slots(Kind.VIDEO, SLOTS_A_KIND):
        folders = list((Path(settings.MEDIA_ROOT) / SLOTS).iterdir())
        for folder in folders:
            os.utime(folder, (0, 0))
        prune_incoming(0)

        assert len(folders) == SLOTS_A_KIND
        assert all(folder.is_dir() for folder in folders)

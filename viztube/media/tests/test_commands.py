"""Commands on strangers' files: bounded in time and memory, killed as a whole."""

import fcntl
import os
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from django.conf import settings

from viztube.api.errors import Unavailable
from viztube.media.commands import MAX_OUTPUT_FILE, MAX_PRINTED, CommandFailed, run_guarded

GIGABYTE = 1 << 30


def python(program: str, timeout: float = 10, memory: int = GIGABYTE) -> bytes:
    return run_guarded([sys.executable, "-S", "-c", program], timeout=timeout, memory=memory)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_what_a_command_prints_is_returned() -> None:
    assert python("print('hello')") == b"hello\n"


def test_nothing_is_read_from_our_input() -> None:
    assert python("import sys; print(repr(sys.stdin.read()))") == b"''\n"


def test_a_failure_carries_what_the_command_said() -> None:
    with pytest.raises(CommandFailed, match="no such codec") as caught:
        python("import sys; sys.exit('x' * 9000 + ' no such codec \\udcff')")

    assert len(str(caught.value)) < 1000


def test_a_command_killed_by_a_signal_failed() -> None:
    with pytest.raises(CommandFailed):
        python("import os; os.kill(os.getpid(), 11)")


def test_a_program_that_is_not_installed_is_told_apart() -> None:
    with pytest.raises(FileNotFoundError):
        run_guarded(["no-such-program-here"], timeout=1, memory=GIGABYTE)


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

    def fail(pid: int, memory: int, timeout: float) -> None:
        seen.append(pid)
        raise RuntimeError

    monkeypatch.setattr("viztube.media.commands._limit", fail)

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
    limit = python("import resource; print(resource.getrlimit(resource.RLIMIT_CPU)[0])", timeout=3)

    assert int(limit) == 7


def test_one_command_runs_at_a_time(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    program = (
        "import time\n"
        f"for word in ('begin', 'end'): open({str(diary)!r}, 'a').write(word + ' '); time.sleep(.1)"
    )
    threads = [Thread(target=python, args=(program,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert diary.read_text().split() == ["begin", "end"] * 3


def test_who_waits_too_long_for_a_turn_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("viztube.media.commands.SLOT_SECONDS", 0.1)
    python("pass")
    folder = os.open(settings.MEDIA_INCOMING, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        with pytest.raises(Unavailable, match="Too many files"):
            python("pass")
    finally:
        os.close(folder)
    assert python("print('again')") == b"again\n"

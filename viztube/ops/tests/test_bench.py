"""What measures the speed: that it reads wrk right, and compares with the very same bytes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from viztube.ops.tests.site import PROJECT

BENCH = PROJECT / "deploy" / "bench"
OUTPUT = """Running 10s test @ http://127.0.0.1:1
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    83.70ms   53.80ms 250.81ms   59.50%
    Req/Sec   192.05     31.70   250.00     70.00%
  Latency Distribution
     50%  812.00us
     75%  123.22ms
     90%  152.52ms
     99%    1.20s
  384 requests in 2.01s, 212.62KB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 7
Requests/sec:    191.22
Transfer/sec:    105.88KB
"""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module that runs wrk."""
    monkeypatch.syspath_prepend(BENCH)
    import load

    found: ModuleType = load
    return found


def test_what_wrk_prints_is_read(load: ModuleType) -> None:
    seen = load.parse(OUTPUT)

    assert (seen.per_second, seen.p50, seen.p99) == (191.22, 0.812, 1200)
    assert (seen.requests, seen.errors) == (384, 13)


def test_without_an_answer_there_is_no_figure(load: ModuleType) -> None:
    with pytest.raises(load.BenchError, match="latency"):
        load.parse(OUTPUT.replace("812.00us", "-nanus"))


def test_without_wrk_one_is_told_where_to_get_it(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(BENCH / "bench.py")],
        env={"PATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 2
    assert run.stderr == (
        "wrk is not here: install it (on Debian and Ubuntu: `sudo apt install wrk`).\n"
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not here")
def test_a_short_run_measures_calls_and_logins(tmp_path: Path) -> None:
    """The figures themselves say nothing: the machine does other things."""
    kept = {name: text for name, text in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    run = subprocess.run(
        [
            *(sys.executable, str(BENCH / "bench.py"), "--results", str(tmp_path)),
            *("--seconds", "15", "--only", "detail", "login"),
        ],
        env=kept,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert run.returncode == 0, run.stderr + run.stdout
    (path,) = tmp_path.glob("*.json")
    result = json.loads(path.read_text())
    assert set(result["calls"]) == {"detail", "login"}
    for name, figures in result["calls"].items():
        assert figures["errors"] == 0, name
        assert figures["requests"] > 0, name
        if name != "login":
            assert figures["yardstick"]["bytes"] == figures["bytes"], name
    assert result["memory"]["idle"].keys() >= {"web", "worker", "PostgreSQL", "Valkey"}
    assert result["memory"]["idle"]["web"] < 200

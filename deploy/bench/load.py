"""Load by ``wrk``, and what it costs: requests a second, latencies, CPU, memory, queries."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shape import FORWARDED, BenchError

THREADS, CONNECTIONS = 1, 16
TICK = os.sysconf("SC_CLK_TCK")

# wrk's requests, one after another, each as it is written here.
SCRIPT = """
local requests = {{{requests}}}
local number = 0
function request()
  number = number % #requests + 1
  return requests[number]
end
"""


@dataclass(frozen=True)
class Call:
    """A request that wrk repeats."""

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def raw(self) -> str:
        """Return the request as HTTP/1.1 has it."""
        headers = dict(FORWARDED) | dict(self.headers)
        if self.body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {text}" for name, text in headers.items()]
        return "\r\n".join([*lines, "", self.body])


@dataclass(frozen=True)
class Measured:
    """What wrk saw; latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float
    requests: int
    errors: int


def require_wrk() -> str:
    """Return the program; raises BenchError when it is not here."""
    program = shutil.which("wrk")
    if program is None:
        raise BenchError(
            "wrk is not here: install it (on Debian and Ubuntu: `sudo apt install wrk`)."
        )
    return program


def load(url: str, calls: Sequence[Call], seconds: float) -> Measured:
    """Repeat the calls in their order for some seconds; raises BenchError."""
    requests = ", ".join(json.dumps(call.raw(), ensure_ascii=True) for call in calls)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.format(requests=requests))
        script.flush()
        command = [
            require_wrk(),
            f"-t{THREADS}",
            f"-c{CONNECTIONS}",
            f"-d{max(1, round(seconds))}s",
        ]
        command += ["--latency", "--timeout", "10s", "-s", script.name, url]
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if run.returncode != 0 or " 0 requests in" in run.stdout:
        raise BenchError(f"wrk got no answers: {run.stdout}{run.stderr}")
    return parse(run.stdout)


def parse(text: str) -> Measured:
    """Read what wrk prints."""

    def number(pattern: str, default: str = "") -> str:
        found = re.search(pattern, text)
        if found is None and not default:
            raise BenchError(f"wrk printed something unexpected:\n{text}")
        return found[1] if found else default

    socket_errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    errors = int(number(r"Non-2xx or 3xx responses: (\d+)", "0"))
    errors += sum(map(int, socket_errors.groups())) if socket_errors else 0
    return Measured(
        float(number(r"Requests/sec:\s+([\d.]+)")),
        _milliseconds(number(r"\n +50% +(\S+)")),
        _milliseconds(number(r"\n +99% +(\S+)")),
        int(number(r"(\d+) requests in")),
        errors,
    )


def _milliseconds(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if found is None:
        raise BenchError(f"wrk measured no latency ({text}).")
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[found[2]]


def families(roots: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the ids of all processes of each part (Linux)."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = {}
    for name, root in roots.items():
        family = {root}
        while new := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= new
        found[name] = sorted(family)
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU time that processes have taken so far."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:13]))
    return ticks / TICK


def memory_mb(pids: Sequence[int]) -> float:
    """Return the memory of processes, what they share divided among those who share it (PSS)."""
    kilobytes = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        found = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
        kilobytes += int(found[1]) if found else 0
    return kilobytes / 1024


def queries_a_request(log: Path, start: int) -> float | None:
    """Return how many statements a request made on average, from the lines of a log."""
    with log.open("rb") as lines:
        lines.seek(start)
        counts = [found for line in lines if (found := _queries(line)) is not None]
    return sum(counts) / len(counts) if counts else None


def _queries(line: bytes) -> int | None:
    try:
        told: Any = json.loads(line)
    except ValueError:
        return None
    return told.get("queries") if isinstance(told, dict) else None

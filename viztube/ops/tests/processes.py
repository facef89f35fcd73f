"""Processes as tests look at them from outside."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from viztube.ops.embedded.server import Server

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie, which only its parent could bury, does not."""
    listing = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")


def processes_mentioning(text: str) -> list[str]:
    """Return the command lines of live processes that name a path, work in it, or inherited it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, env = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            place = os.fsencode((folder / "cwd").readlink())
        except OSError:
            continue
        if int(folder.name) != os.getpid() and text.encode() in command + env + place:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def family_of(pid: int) -> list[int]:
    """Return the ids of a process and of all below it, parents before children (Linux)."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def command_of(pid: int) -> bytes:
    """Return the command line of a process, each part ended by NUL; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def pid_of(started: Server) -> int:
    """Return the id of the process of a server that was started."""
    assert started.child is not None
    return started.child.pid


def memory(pid: int, name: str) -> int:
    """Return a figure of /proc/<pid>/status in bytes; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0

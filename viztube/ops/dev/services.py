"""The servers a command needs: provided where the environment does not name others."""

import contextlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from viztube.ops.dev import options
from viztube.ops.dev.folders import temporary_folder
from viztube.ops.dev.problems import CommandNotFound
from viztube.ops.dev.signals import StopRequested, StopSignals
from viztube.ops.embedded import Postgres, Valkey, process
from viztube.ops.embedded.orphans import no_orphans
from viztube.ops.embedded.server import Server
from viztube.ops.embedded.wheels import ffmpeg_program, postgres_program

Announce = Callable[[str], contextlib.AbstractContextManager[None]]


class Services:
    """PostgreSQL and Valkey in a data folder, each only if its address is not set already."""

    def __init__(self, data_dir: Path, *, durable: bool) -> None:
        self._candidates: dict[str, Postgres | Valkey] = {
            "DATABASE_URL": Postgres(data_dir, durable=durable),
            "REDIS_URL": Valkey(data_dir),
        }
        self.started: list[Server] = []

    def start(
        self, environ: Mapping[str, str], stop: StopSignals, announce: Announce
    ) -> dict[str, str]:
        """Start what is missing; return what to add to the environment: addresses, and programs.

        Raises EmbeddedError, or StopRequested when a signal arrives meanwhile.
        """
        addresses = {}
        for name, server in self._candidates.items():
            if not options.is_set(environ, name):
                with announce(f"{server.name} started"):
                    addresses[name] = server.start(stop.check)
                self.started.append(server)
        if "DATABASE_URL" in addresses and not options.is_set(environ, "POSTGRES_BIN"):
            # Backups want programs of the server's version.
            addresses["POSTGRES_BIN"] = str(postgres_program("pg_dump").parent)
        return addresses

    def stop(self, stop: StopSignals) -> None:
        """Stop what was started, the last one first."""
        while self.started:
            self.started.pop().stop(stop.is_urgent)


def ffmpeg_addresses(environ: Mapping[str, str]) -> dict[str, str]:
    """Return FFMPEG and FFPROBE, as far as they are not set; raises EmbeddedError."""
    names = ("FFMPEG", "FFPROBE")
    missing = [name for name in names if not options.is_set(environ, name)]
    return {name: str(ffmpeg_program(name.lower())) for name in missing}


def run_with_services(environ: Mapping[str, str], command: list[str]) -> int:
    """Run a command with servers of its own in a folder of its own; return its exit status.

    The command gets DATABASE_URL, REDIS_URL, FFMPEG, FFPROBE, MEDIA_ROOT and DEBUG unless they are
    set, and a DATA_DIR of its own, so that no running development service leaks into it. Stop
    signals are passed on to it. Raises a Problem or EmbeddedError when it cannot be started.
    """
    program = shutil.which(command[0], path=environ.get("PATH"))
    if program is None:
        raise CommandNotFound(f"There is no program {command[0]}: check how it is written.")
    data_dir = options.data_dir(environ)
    with StopSignals() as stop, temporary_folder(data_dir) as folder, no_orphans():
        services = Services(folder, durable=False)
        try:
            env = dict(environ) | {"DATA_DIR": str(folder)}
            env |= ffmpeg_addresses(environ)
            for name, default in (("MEDIA_ROOT", str(folder / "media")), ("DEBUG", "1")):
                if not options.is_set(environ, name):
                    env[name] = default
            env |= services.start(environ, stop, _silently)
            return _run(program, command[1:], env, stop)
        except StopRequested:
            return 128 + stop.received[0]
        finally:
            services.stop(stop)


def _run(program: str, arguments: list[str], env: Mapping[str, str], stop: StopSignals) -> int:
    child = process.start([program, *arguments], env=env, stdin=None)
    passed_on = 0
    while child.poll() is None:
        for number in stop.received[passed_on:]:
            child.send_signal(number)
            passed_on += 1
        # The wait is short, and a signal that arrives during it is seen right after it.
        process.wait(child, 0.1)
    process.kill(child)
    # A shell's way to say that a signal ended it.
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _silently(message: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()

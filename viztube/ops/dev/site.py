"""The whole development service in one foreground process: `make run`."""

import contextlib
import http.client
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from viztube.ops.dev.folders import locked, read_secrets
from viztube.ops.dev.options import Options, is_set
from viztube.ops.dev.problems import Problem
from viztube.ops.dev.services import Services, ffmpeg_addresses
from viztube.ops.dev.signals import StopRequested, StopSignals
from viztube.ops.embedded import process
from viztube.ops.embedded.orphans import no_orphans
from viztube.ops.embedded.private import write_private
from viztube.ops.embedded.process import Child

PROJECT = Path(__file__).resolve().parents[3]
HEALTHCHECK = "/api/v2/healthcheck"
# What `manage.py` in another terminal needs to work on the same data.
SHARED = (
    "DATABASE_URL",
    "REDIS_URL",
    "FFMPEG",
    "FFPROBE",
    "POSTGRES_BIN",
    "SECRET_KEY",
    "JWT_SIGNING_KEY",
    "PUBLIC_URL",
    "MEDIA_ROOT",
    "HLS_TOP_RUNG",
)
STEP_SECONDS = 600.0
ANSWER_SECONDS = 60.0
GRACE_SECONDS = 10.0
RESTART_SECONDS = 2.0
LOOK_SECONDS = 0.1


def say(text: str) -> None:
    """Print at once, also into a pipe; a reader that went away must not keep us from stopping."""
    with contextlib.suppress(OSError):
        print(text, flush=True)  # noqa: T201


@contextlib.contextmanager
def timed(done: str) -> Iterator[None]:
    """Say after a step what is done and how long it took; nothing if it failed."""
    began = time.monotonic()
    yield
    say(f"{done} ({time.monotonic() - began:.1f} s).")


def run_site(environ: Mapping[str, str]) -> int:
    """Run the development service until a signal stops it; return 0 then.

    Raises a Problem or EmbeddedError when it cannot start, or when a part of it dies; nothing it
    started is left running.
    """
    options = Options.read(environ)
    options.require_free_address()
    with StopSignals() as stop, locked(options.data_dir), no_orphans():
        return Site(options, environ, stop).run()


class Site:
    """The running parts: the two servers, the worker and the web server."""

    def __init__(self, options: Options, environ: Mapping[str, str], stop: StopSignals) -> None:
        self._options = options
        self._stop = stop
        self._services = Services(options.data_dir, durable=True)
        self._given = environ
        self._env: dict[str, str] = {}
        self._worker: Child | None = None
        self._web: Child | None = None
        self._has_answered = False
        # From when on a missing part is started (monotonic seconds).
        self._worker_due = self._web_due = 0.0

    def run(self) -> int:
        """Start everything, watch over it until the end, stop everything."""
        try:
            self._start()
            self._watch()
        except StopRequested:
            say("\nStopping.")
        finally:
            self.close()
        say("Stopped.")
        return 0

    def close(self) -> None:
        """Stop all parts in the order in which they need each other."""
        apps = [child for child in (self._web, self._worker) if child is not None]
        with contextlib.ExitStack() as stack:
            # Whatever fails in between, the rest of the list (in reverse) is done all the same.
            stack.callback((self._options.data_dir / "development.env").unlink, missing_ok=True)
            stack.callback(self._services.stop, self._stop)
            for child in apps:
                steps = ((signal.SIGTERM, GRACE_SECONDS),)
                stack.callback(process.stop, child, steps, self._stop.is_urgent)
            # Asked all at once, so that their patience runs side by side.
            for child in apps:
                child.send_signal(signal.SIGTERM)
        self._web = self._worker = None

    def _start(self) -> None:
        data_dir = self._options.data_dir
        say(f"VizTube keeps its data in {data_dir}. Starting; Ctrl-C stops.")
        secrets = read_secrets(data_dir)
        self._env = self._environment(secrets)
        self._env |= self._services.start(self._given, self._stop, timed)
        self._share_environment()
        with timed("Database migrated"):
            self._manage("migrate")
        with timed("Demo data ready"):
            password = {"DEMO_PASSWORD": secrets["demo_password"]}
            # Its progress goes to the terminal; what is to be read comes last.
            demo = self._manage("create_demo", password, errors=None)
        with timed("Worker and web server started"):
            self._web = self._start_web()
            self._wait_for_answer()
            self._has_answered = True
        url = self._options.public_url
        say(f"\n  Site      {url}/\n  API docs  {url}/api/v2/docs\n  Admin     {url}/admin/\n")
        say(demo.strip())
        say("\nPress Ctrl-C to stop.")

    def _environment(self, secrets: Mapping[str, str]) -> dict[str, str]:
        data_dir = self._options.data_dir
        defaults = {
            "SECRET_KEY": secrets["secret_key"],
            "JWT_SIGNING_KEY": secrets["jwt_signing_key"],
            "MEDIA_ROOT": str(data_dir / "media"),
            "HLS_TOP_RUNG": "720",
        }
        missing = {name: text for name, text in defaults.items() if not is_set(self._given, name)}
        if "MEDIA_ROOT" in missing:
            # Here, and not by whoever writes first, so that it is private.
            Path(missing["MEDIA_ROOT"]).mkdir(mode=0o700, exist_ok=True)
        chosen = {
            "DEBUG": "1" if self._options.debug else "0",
            "PUBLIC_URL": self._options.public_url,
            "DATA_DIR": str(data_dir),
            "PYTHONUNBUFFERED": "1",
        }
        return dict(self._given) | missing | chosen | ffmpeg_addresses(self._given)

    def _share_environment(self) -> None:
        lines = [f"{name}={self._env[name]}\n" for name in SHARED if self._env.get(name)]
        write_private(self._options.data_dir / "development.env", "".join(lines))

    def _manage(
        self,
        command: str,
        extra: Mapping[str, str] | None = None,
        *,
        errors: int | None = subprocess.STDOUT,
    ) -> str:
        """Run a management command and return what it printed; raises a Problem if it fails."""
        status, output = process.run(
            [sys.executable, "manage.py", command],
            seconds=STEP_SECONDS,
            check=self._stop.check,
            errors=errors,
            env=self._env | dict(extra or {}),
            cwd=PROJECT,
        )
        if status != 0:
            raise Problem(
                f"`manage.py {command}` failed: what it said should tell why.\n{output.strip()}"
            )
        return output

    def _start_worker(self) -> Child:
        command = [sys.executable, "manage.py", "worker", "--reload"]
        return process.start(command, env=self._env, cwd=PROJECT)

    def _start_web(self) -> Child:
        command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
        command += ["--reload", "--bind", self._options.bind, "viztube.wsgi:application"]
        return process.start(command, env=self._env, cwd=PROJECT)

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._answers():
            self._look_after_parts()
            if time.monotonic() > deadline:
                raise Problem(
                    f"The web server did not answer {HEALTHCHECK} within {ANSWER_SECONDS:.0f} s: "
                    "what it printed above should tell why."
                )
            time.sleep(LOOK_SECONDS)

    def _answers(self) -> bool:
        # By the name that is allowed whatever PUBLIC_URL says, and not through a proxy.
        connection = http.client.HTTPConnection(
            self._options.reachable_host, self._options.port, timeout=2
        )
        with contextlib.closing(connection):
            try:
                connection.request("GET", HEALTHCHECK, headers={"Host": "localhost"})
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False

    def _watch(self) -> NoReturn:
        while True:
            self._look_after_parts()
            time.sleep(LOOK_SECONDS)

    def _look_after_parts(self) -> None:
        """Start what ended but can be mended by an edit; raise for the rest, and to stop.

        The worker and, once it has answered, the web server die of every mistake in the code.
        """
        self._stop.check()
        if self._web is not None and self._web.poll() is not None:
            if not self._has_answered:
                raise Problem(
                    f"The web server ended by itself (status {self._web.returncode}): "
                    "what it printed above should tell why. Everything else was stopped."
                )
            self._web_due = self._after_the_end("web server", self._web)
            self._web = None
        elif self._web is None and self._has_answered and time.monotonic() >= self._web_due:
            self._web = self._start_web()
        for server in self._services.started:
            if server.has_ended():
                raise Problem(
                    f"{server.name} ended by itself: look into {server.log}. "
                    "Everything else was stopped."
                )
        if self._worker is not None and self._worker.poll() is not None:
            self._worker_due = self._after_the_end("worker", self._worker)
            self._worker = None
        elif self._worker is None and time.monotonic() >= self._worker_due:
            self._worker = self._start_worker()

    @staticmethod
    def _after_the_end(name: str, child: Child) -> float:
        """Say that a part ended, clear up what it left; return when it may start again."""
        say(
            f"The {name} ended by itself (status {child.returncode}); "
            f"it starts again in {RESTART_SECONDS:.0f} s."
        )
        process.kill(child)
        return time.monotonic() + RESTART_SECONDS

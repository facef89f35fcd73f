"""``deploy/release.sh`` replaces a version while people use the service, and nobody notices."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from viztube.media.tests.fixtures import CLIP
from viztube.ops.embedded import Postgres, Valkey
from viztube.ops.embedded.wheels import postgres_program
from viztube.ops.tests.engine import API, PORT, WORKER, Engine, answering_docker, answering_names
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.machines import START_SECONDS, Machine
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.site import PROJECT
from viztube.ops.tests.stack import Stack, nginx_environ, production_environ, running_nginx
from viztube.ops.tests.traffic import constant_traffic
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

NAME = f"{API}:{PORT}"
LAST_MIGRATION = max(path.stem for path in (PROJECT / "videos/migrations").glob("0*.py"))
MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("videos", "{last}")]
    operations = [migrations.AddField("video", "{column}", models.TextField(null=True))]
"""
SLOW_REQUESTS = 20
HOLD_SECONDS = 3
# Parts of the calls of Docker at which a release is killed, one after another.
STEPS = (
    "manage.py backup",
    "stop viztube-worker",
    " migrate",
    "--scale viztube-api=2",
    "curl -fsS --max-time 20 -o /dev/null -H",
    "http://127.0.0.1:8081/api/v2/videos",
    "drained.sh",
    "stop -t",
    "switch.sh viztube-api",
    "--no-build viztube-worker",
)


@dataclass
class Host:
    """A machine with a checkout, on which a version serves."""

    engine: Engine
    stack: Stack
    database: psycopg.Connection[Any]
    video: str
    media: str
    writer: httpx.Client

    def version(self, name: str, change: Callable[[Path], object] = lambda code: None) -> str:
        """Make an image that says another version and has one migration more."""

        def renew(code: Path) -> None:
            (code / "viztube/__init__.py").write_text(f'"""Another."""\n\n__version__ = "{name}"\n')
            migration = MIGRATION.format(last=LAST_MIGRATION, column=name)
            (code / f"videos/migrations/{LAST_MIGRATION[:4]}_{name}.py").write_text(migration)
            change(code)

        return self.engine.image(name, renew)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a release, in a process group of its own."""
        host = self.engine.host
        return subprocess.Popen(
            [str(host / "deploy/release.sh"), *arguments],
            env={"PATH": f"{host / 'bin'}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def release(self, *arguments: str) -> tuple[int, str]:
        """Release; return the exit status, and what was said and logged."""
        ran = self.begin(*arguments)
        said = ran.communicate(timeout=240)[0]
        return ran.returncode, f"{said}\n{(self.engine.host / '.release/log').read_text()}"

    def traffic(self) -> Any:
        """Return people who use the service in a block."""
        return constant_traffic(self.stack, self.video, self.media)

    def serving(self) -> tuple[list[str], list[str], str]:
        """Return the images of the apis and of the worker, and where nginx leads."""
        apis, workers = (
            [
                container.image
                for container in self.engine.of(service)
                if not container.is_stopped and container.child.poll() is None
            ]
            for service in (API, WORKER)
        )
        upstream = (Path(self.stack.environ["RUN"]) / "upstream.conf").read_text()
        return apis, workers, upstream.partition("server ")[2].partition(" ")[0]

    def columns(self) -> set[str]:
        query = (
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'videos_video'"
        )
        return {name for (name,) in self.database.execute(query)}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with temporary_data_dir() as folder, ExitStack() as running:
        # Started by root, nginx reads files as nobody.
        folder.chmod(0o711)
        environ = production_environ(folder, PORT)
        for name, server in (
            ("DATABASE_URL", Postgres(folder, durable=False)),
            ("REDIS_URL", Valkey(folder)),
        ):
            running.callback(server.stop)
            environ[name] = server.start()
        environ["POSTGRES_BIN"] = str(postgres_program("pg_dump").parent)
        place = folder / "host"
        (place / "deploy").mkdir(parents=True)
        shutil.copy(PROJECT / "deploy/release.sh", place / "deploy")
        resolver = running.enter_context(answering_names(lambda: engine))
        told = nginx_environ(folder, environ, NAME) | {"RESOLVER": resolver}
        engine = Engine(place, environ, told)
        running.callback(engine.kill)
        first = engine.image("first")
        (place / ".env").write_text(f"PUBLIC_URL=https://viztube.test\nVIZTUBE_IMAGE={first}\n")
        machine = Machine(environ, folder, "")
        machine.manage("migrate")
        machine.manage("collectstatic", "--noinput", "--verbosity", "0")
        api = engine.up(API, first)
        engine.up(WORKER, first)
        assert eventually(lambda: engine.is_ready(api), START_SECONDS), engine.log(api).read_text()
        nginx = running.enter_context(running_nginx(folder, told))
        running.enter_context(answering_docker(engine))
        stack = Stack(machine, folder, told, nginx)
        running.enter_context(stack.clients)
        database = psycopg.connect(environ["DATABASE_URL"], autocommit=True)
        running.enter_context(database)
        client = stack.client("203.0.113.1")
        # nginx has just begun to look for the name.
        assert eventually(lambda: client.get("/api/v2/healthcheck").is_success)
        stack.sign_up("reader", "203.0.113.1")
        writer = stack.sign_up("writer", "203.0.113.2")
        video = writer.post(
            "/api/v2/videos", data={"title": "x"}, files={"videoFile": CLIP.read_bytes()}
        ).json()["data"]["video"]
        media = f"/media/{video['videoFilePublicId']}"
        yield Host(engine, stack, database, video["id"], media, writer)


def test_a_new_version_takes_over_and_nobody_notices(host: Host) -> None:
    new = host.version("unnoticed")
    answers: list[Future[httpx.Response]] = []

    with host.traffic(), ThreadPoolExecutor(SLOW_REQUESTS + 1) as pool:

        def slow_down(call: str) -> None:
            """Let requests run on the old version while nginx is led to the new one."""
            if "switch.sh" in call and len(host.engine.of(API)) == 2 and not answers:
                is_locked = threading.Event()
                pool.submit(hold_rows, host, is_locked)
                assert is_locked.wait(10)
                address, content = f"/api/v2/comments/{host.video}", {"content": "slowly"}
                answers.extend(
                    pool.submit(host.writer.post, address, json=content)
                    for _ in range(SLOW_REQUESTS)
                )
                time.sleep(0.5)

        host.engine.before = slow_down
        status, said = host.release(new)
        host.engine.before = lambda call: None

    assert status == 0, said
    assert [answer.result().status_code for answer in answers] == [201] * SLOW_REQUESTS
    query = "SELECT count(*) FROM social_comment WHERE content = 'slowly'"
    assert host.database.execute(query).fetchone() == (SLOW_REQUESTS,)
    assert host.serving() == ([new], [new], NAME)
    assert "unnoticed" in host.columns()
    assert "unnoticed" in host.stack.client("203.0.113.3").get("/").text


def hold_rows(host: Host, is_locked: threading.Event) -> None:
    """Keep requests that write to a video waiting for some seconds."""
    with psycopg.connect(host.stack.machine.environ["DATABASE_URL"]) as holder:
        holder.execute("SELECT 1 FROM videos_video FOR UPDATE")
        is_locked.set()
        time.sleep(HOLD_SECONDS)


def does_not_start(code: Path) -> None:
    """Let gunicorn end at its start."""
    (code / "deploy/gunicorn.conf.py").write_text("raise SystemExit('not today')\n")


def answers_500(code: Path) -> None:
    """Let a version be ready, and yet fail at what people ask for."""
    with (code / "videos/views.py").open("a") as file:
        file.write("\n\ndel VideoViewSet.list\n")


@pytest.mark.parametrize(
    ("change", "step"),
    [(does_not_start, "Wait until it is ready: failed"), (answers_500, "Try it: failed")],
)
def test_a_version_that_fails_is_seen_by_nobody(
    host: Host, change: Callable[[Path], object], step: str
) -> None:
    before = host.serving()

    with host.traffic():
        status, said = host.release(host.version(change.__name__, change))

    assert status == 1
    assert step in said
    assert host.serving() == before


def test_a_migration_waits_for_its_lock_without_stopping_anybody(host: Host) -> None:
    new = host.version("patient")
    tries = 0

    with host.traffic(), psycopg.connect(host.stack.machine.environ["DATABASE_URL"]) as reader:
        reader.execute("SELECT count(*) FROM videos_video")

        def let_go(call: str) -> None:
            nonlocal tries
            tries += " migrate" in call
            if tries == 2:
                reader.rollback()

        host.engine.before = let_go
        status, said = host.release(new)
        host.engine.before = lambda call: None

    assert (status, tries) == (0, 2), said
    assert "lock timeout" in said
    assert "patient" in host.columns()


def test_a_release_that_is_killed_at_any_step_is_taken_up(host: Host) -> None:
    new = host.version("taken_up")

    with host.traffic():
        for step in STEPS:
            kill_at(host, step, new)
        status, said = host.release(new)

    assert status == 0, said
    assert host.serving() == ([new], [new], NAME)
    assert "taken_up" in host.columns()


def kill_at(host: Host, step: str, image: str) -> None:
    """Release, and kill the script and what it runs when it begins a step; Docker goes on."""
    killed = threading.Event()

    def kill(call: str) -> None:
        if step in call and not killed.is_set():
            killed.set()
            os.killpg(release.pid, signal.SIGKILL)

    host.engine.before = kill
    release = host.begin(image)
    said = release.communicate(timeout=240)[0]
    host.engine.before = lambda call: None
    assert killed.is_set(), said
    assert release.returncode == -signal.SIGKILL

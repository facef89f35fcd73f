"""Fixtures around files and jobs: a media root of one's own, a real clip, running the queue."""

import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from procrastinate import JobContext
from procrastinate.job_context import AbortReason

from viztube.environment import Environment
from viztube.media.tests.standin import StandIn, running_standin

CLIP = Path(__file__).parent / "data" / "bigbuckbunny.mp4"
CLIP_DURATION = 5.312  # seconds
CLIP_SIZE = (1280, 720)  # pixels


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> Path:
    """Give each test a media root of its own."""
    root = tmp_path / "media"
    settings.MEDIA_ROOT = root
    settings.MEDIA_INCOMING = root / "incoming"
    return root


@pytest.fixture(autouse=True)
def empty_queue(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no job behind after a test that really commits.

    Django's flush after such a test leaves tables alone that it does not manage.
    """
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_workers, "
            "procrastinate_periodic_defers"
        )


@pytest.fixture
def standin(settings: Any) -> Iterator[StandIn]:
    """Let Cloudinary be in use, and return what stands in for it."""
    with running_standin() as server:
        settings.CLOUDINARY_ACCOUNT = Environment({"X": server.cloudinary_url}).cloudinary("X")
        yield server


@pytest.fixture(params=["disk", "cloudinary"])
def place(request: pytest.FixtureRequest) -> str:
    """Run a test twice: with files staying on this disk, and with files going to Cloudinary."""
    if request.param == "cloudinary":
        request.getfixturevalue("standin")
    return str(request.param)


@pytest.fixture
def stored_files(media_root: Path) -> Callable[[], set[str]]:
    """Return a way to list all files below the media root."""

    def listing() -> set[str]:
        return {
            str(path.relative_to(media_root)) for path in media_root.rglob("*") if path.is_file()
        }

    return listing


@pytest.fixture
def clip() -> Any:
    """Return a real video as an open file."""
    return named_file(CLIP.read_bytes(), "bunny.mp4")


def named_file(content: bytes, name: str) -> BytesIO:
    """Return bytes as a file with a name, as a form sends it."""
    file = BytesIO(content)
    file.name = name
    return file


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), name: str = "") -> BytesIO:
    """Return a picture as a file."""
    from PIL import Image

    content = BytesIO()
    Image.new("RGB", size, "#2266aa").save(content, kind)
    return named_file(content.getvalue(), name or f"picture.{kind.lower()}")


def context_of(job: Any, reason: AbortReason | None = None) -> JobContext:
    """Return what a worker tells a job that asks: whether it is to end, and why."""
    from procrastinate.contrib.django import app

    return JobContext(app=app, job=job, start_timestamp=time.time(), abort_reason=lambda: reason)


@pytest.fixture
def run_jobs(db: None) -> Callable[[], list[str]]:
    """Return a way to run waiting jobs here and now, delayed ones too; it lists their names."""

    def run() -> list[str]:
        from procrastinate.contrib.django import app
        from procrastinate.contrib.django.models import ProcrastinateJob

        names = []
        while job := ProcrastinateJob.objects.filter(status="todo").order_by("id").first():
            task = app.tasks[job.task_name]
            context = [context_of(job)] if task.pass_context else []
            task.func(*context, **job.args)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM procrastinate_events WHERE job_id = %s", [job.id])
                cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.id])
            names.append(job.task_name.rpartition(".")[2])
        return names

    return run

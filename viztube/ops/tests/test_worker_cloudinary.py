"""`manage.py worker` while Cloudinary is in use: it says how that is, and works either way."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from urllib3 import Timeout

from videos.models import DailyViews, ProcessingStatus, Video, ViewEvent
from videos.tasks import fold_views, push_video
from videos.tests.factories import VideoFactory
from viztube.environment import Environment
from viztube.media import cloud as cloud_module
from viztube.media.queues import DISK_QUEUE, PUSH_QUEUE, TRANSCODE_QUEUE
from viztube.media.tests.standin import Fault, StandIn

pytestmark = pytest.mark.django_db(transaction=True)

RUNNING = f"Running jobs of default, {DISK_QUEUE}, {PUSH_QUEUE}, {TRANSCODE_QUEUE}.\n"
GOES_ON = "the worker goes on, and jobs that need Cloudinary are retried.\n"


@pytest.fixture(autouse=True)
def closed_connections(transactional_db: None) -> Iterator[None]:
    yield
    asyncio.run(sync_to_async(close_connection)())


def close_connection() -> None:
    """Close the connection of the thread that this runs in."""
    connection.close()


def job_of(name: str) -> Any:
    jobs: Any = ProcrastinateJob.objects.filter(task_name__endswith=f".{name}")
    return jobs.order_by("id").first()


def view_and_fold() -> None:
    """Let there be a job that needs no Cloudinary."""
    ViewEvent.objects.create(video=VideoFactory.create())
    fold_views.configure(task_kwargs={"timestamp": 0}).defer()


def assert_folded() -> None:
    assert job_of("fold_views").status == "succeeded"
    assert DailyViews.objects.get().views == 1


def test_it_says_that_cloudinary_answers(
    standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    view_and_fold()
    call_command("worker", "--once")

    said = capsys.readouterr()
    assert said.out == "Cloudinary (demo) answers.\n" + RUNNING
    assert said.err == ""
    assert [request.action for request in standin.requests] == ["ping"]
    assert_folded()


def test_without_cloudinary_nobody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("worker", "--once")

    assert capsys.readouterr() == (RUNNING, "")


FAULTS = {
    Fault.SERVER_ERROR: "Cloudinary does not answer as it should",
    Fault.UNAVAILABLE: "Cloudinary does not answer as it should",
    Fault.BAD_GATEWAY: "Cloudinary does not answer as it should",
    Fault.RATE_LIMITED: "Cloudinary's rate limit is used up for now",
    Fault.TOO_MANY: "Cloudinary's rate limit is used up for now",
    Fault.UNAUTHORIZED: "Cloudinary refuses the credentials: check CLOUDINARY_URL",
    Fault.REFUSED: "Cloudinary does not know what is asked: check CLOUDINARY_URL",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_it_says_why_cloudinary_cannot_be_used_and_works_on(
    standin: StandIn, capsys: pytest.CaptureFixture[str], fault: Fault
) -> None:
    view_and_fold()
    standin.fail("ping", fault)
    call_command("worker", "--once")

    said = capsys.readouterr()
    assert said.out == RUNNING
    assert said.err == f"Cloudinary (demo) cannot be used now: {FAULTS[fault]}; {GOES_ON}"
    assert_folded()


def test_a_cloudinary_that_answers_late_does_not_hold_the_jobs_up(
    standin: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    view_and_fold()
    standin.fail("ping", *[Fault.SLOW] * 8)
    monkeypatch.setattr(cloud_module, "PING_TIMEOUT", Timeout(connect=0.1, read=0.1))
    began = time.monotonic()
    call_command("worker", "--once")

    assert time.monotonic() - began < 4
    assert capsys.readouterr().err.endswith(GOES_ON)
    assert_folded()


def test_an_address_where_nobody_is_only_costs_the_jobs_that_need_it(
    settings: Any, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = standin.cloudinary_url.replace(standin.url.rpartition(":")[2], "1")
    settings.CLOUDINARY_ACCOUNT = Environment({"X": nowhere}).cloudinary("X")
    view_and_fold()
    video = VideoFactory.create(files=True, processing_status=ProcessingStatus.PROCESSING)
    push_video.defer(video_id=str(video.pk), since=int(time.time()))
    call_command("worker", "--once")

    assert capsys.readouterr().err.endswith(GOES_ON)
    assert_folded()
    job = job_of("push_video")
    assert (job.status, job.attempts) == ("todo", 1)
    assert Video.objects.get(pk=video.pk).processing_status == ProcessingStatus.PROCESSING


@pytest.mark.parametrize("fault", [None, Fault.UNAUTHORIZED])
def test_it_says_no_secret(
    standin: StandIn, capsys: pytest.CaptureFixture[str], fault: Fault | None
) -> None:
    if fault:
        standin.fail("ping", fault)
    call_command("worker", "--once")

    said = "".join(capsys.readouterr())
    assert standin.api_secret not in said
    assert standin.api_key not in said

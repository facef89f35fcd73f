"""Background jobs in Django admin, over HTTP."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client as DjangoClient
from procrastinate.contrib.django.models import ProcrastinateJob

from users.tests.browsers import browser_of, staff, superuser
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.tasks import settle_video
from viztube.media.tasks import delete_folder

pytestmark = pytest.mark.django_db

LIST = "/admin/procrastinate/procrastinatejob/"
VIDEO = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def admin() -> DjangoClient:
    """Return a browser of somebody who may do everything."""
    return browser_of(superuser())


@pytest.fixture
def viewer() -> DjangoClient:
    """Return a browser of staff who may only look at jobs."""
    return browser_of(staff("view_procrastinatejob"))


@pytest.fixture
def failed() -> int:
    """Return the id of a job that failed."""
    job = settle_video.defer(video_id=VIDEO)
    for status in ("doing", "failed"):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status WHERE id = %s",
                [status, job],
            )
    return job


def status(job: int) -> str:
    found: Any = ProcrastinateJob.objects.get(pk=job)
    return str(found.status)


def test_the_list_shows_jobs(admin: DjangoClient, failed: int) -> None:
    delete_folder.defer(folder="p/" + "0" * 32)
    page = admin.get(LIST).content.decode()

    assert "videos.tasks.settle_video" in page
    assert "delete_folder" in page
    assert "failed" in page
    assert "VizTube" in page


@pytest.mark.parametrize("word", ["settle", "SETTLE_VIDEO", VIDEO, "id"])
def test_a_search_finds_by_task_arguments_and_id(
    admin: DjangoClient, failed: int, word: str
) -> None:
    delete_folder.defer(folder="p/" + "f" * 32)
    page = admin.get(LIST, {"q": str(failed) if word == "id" else word}).content.decode()

    assert "Select this object for an action - Procrastinate" in page or VIDEO in page
    assert VIDEO in page
    if word != "id":
        assert "f" * 32 not in page


def test_the_filters_answer(admin: DjangoClient, failed: int) -> None:
    delete_folder.defer(folder="p/" + "f" * 32)
    page = admin.get(LIST, {"status__exact": "failed"}).content.decode()

    assert VIDEO in page
    assert "f" * 32 not in page


def test_the_page_of_a_job_shows_its_arguments_and_cannot_change_them(
    admin: DjangoClient, failed: int
) -> None:
    page = admin.get(f"{LIST}{failed}/change/").content.decode()

    assert VIDEO in page
    assert 'name="_save"' not in page
    assert admin.post(f"{LIST}{failed}/delete/", {"post": "yes"}).status_code == 403


def test_a_failed_job_can_be_retried(admin: DjangoClient, failed: int) -> None:
    answer = admin.post(LIST, {"action": "retry", "_selected_action": [failed]}, follow=True)

    assert answer.status_code == 200
    assert status(failed) == "todo"


def test_a_failed_job_whose_twin_waits_is_left_alone(admin: DjangoClient) -> None:
    locked = settle_video.configure(queueing_lock="twin")
    first = locked.defer(video_id=VIDEO)
    for state in ("doing", "failed"):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status WHERE id = %s",
                [state, first],
            )
    locked.defer(video_id=VIDEO)

    page = admin.post(LIST, {"action": "retry", "_selected_action": [first]}, follow=True)

    assert page.status_code == 200
    assert "Nothing was retried" in page.content.decode()
    assert status(first) == "failed"


def test_a_waiting_job_can_be_cancelled(admin: DjangoClient) -> None:
    job = delete_folder.defer(folder="p/" + "0" * 32)
    admin.post(LIST, {"action": "cancel", "_selected_action": [job]}, follow=True)

    assert status(job) == "cancelled"


@pytest.mark.parametrize("action", ["retry", "cancel", "abort"])
def test_staff_who_may_only_look_change_no_job(
    viewer: DjangoClient, failed: int, action: str
) -> None:
    waiting = delete_folder.defer(folder="p/" + "0" * 32)
    page = viewer.get(LIST).content.decode()
    viewer.post(LIST, {"action": action, "_selected_action": [failed, waiting]}, follow=True)

    assert VIDEO in page
    assert f'value="{action}"' not in page
    assert (status(failed), status(waiting)) == ("failed", "todo")


def test_staff_without_permissions_see_no_jobs() -> None:
    browser = DjangoClient()
    browser.force_login(UserFactory.create(is_staff=True))

    assert browser.get(LIST).status_code == 403


def test_the_list_costs_the_same_for_more_rows(admin: DjangoClient) -> None:
    costs = []
    for rows in (1, 30):
        for number in range(rows):
            delete_folder.defer(folder=f"p/{number:032x}")
        with captured_queries() as statements:
            admin.get(LIST)
        costs.append(len(statements))

    assert costs[0] == costs[1]

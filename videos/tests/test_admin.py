"""Videos in Django admin, over HTTP."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as DjangoClient
from django.utils import timezone

from users.tests.browsers import browser_of, staff, superuser
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import Video
from videos.tests.factories import VideoFactory
from videos.tests.hidden import HIDDEN
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

LIST = "/admin/videos/video/"


@pytest.fixture
def admin() -> DjangoClient:
    """Return a browser of somebody who may do everything."""
    return browser_of(superuser())


@pytest.fixture
def viewer() -> DjangoClient:
    """Return a browser of staff who may only look at videos."""
    return browser_of(staff("view_video"))


def act(browser: DjangoClient, action: str, *videos: Video, capture: Any) -> Any:
    body = {"action": action, "_selected_action": [str(video.pk) for video in videos]}
    with capture(execute=True):
        return browser.post(LIST, body, follow=True)


def test_the_list_shows_every_video_hidden_ones_too(admin: DjangoClient) -> None:
    shown = VideoFactory.create(title="A shown one")
    VideoFactory.create(title="A hidden one", is_published=False)
    VideoFactory.create(title="A removed one", removed_at=timezone.now())
    page = admin.get(LIST).content.decode()

    for text in ("A shown one", "A hidden one", "A removed one", shown.user.username):
        assert text in page


@pytest.mark.parametrize("by", ["title", "owner", "id"])
def test_a_search_finds_by_title_owner_and_id(admin: DjangoClient, by: str) -> None:
    owner = UserFactory.create(username="somebody")
    video = VideoFactory.create(title="Volcano", user=owner)
    VideoFactory.create(title="Cake")
    word = {"title": "volc", "owner": "somebody", "id": str(video.pk)}[by]
    page = admin.get(LIST, {"q": word}).content.decode()

    assert "Volcano" in page
    assert "Cake" not in page


def test_the_filters_answer(admin: DjangoClient) -> None:
    VideoFactory.create(title="Volcano")
    VideoFactory.create(title="Cake", is_published=False)
    page = admin.get(LIST, {"is_published__exact": "0"}).content.decode()

    assert "Cake" in page
    assert "Volcano" not in page


def test_the_list_costs_the_same_for_more_rows(admin: DjangoClient) -> None:
    costs = []
    for rows in (1, 30):
        VideoFactory.create_batch(rows)
        with captured_queries() as statements:
            admin.get(LIST)
        costs.append(len(statements))

    assert costs[0] == costs[1]


def test_the_page_of_a_video_plays_it(admin: DjangoClient, api: Client) -> None:
    video = VideoFactory.create(title="<b>Bold</b>", files=True)
    page = admin.get(f"{LIST}{video.pk}/change/").content.decode()

    address = f"/media/{video.video_path}"
    assert f'{address}" poster=' in page
    assert f'/media/{video.thumbnail_path}" controls' in page
    assert "<b>Bold</b>" not in page
    assert api.get(address).status == 200


def test_a_video_without_a_poster_has_a_player_too(admin: DjangoClient) -> None:
    video = VideoFactory.create(thumbnail_file="")

    assert 'poster="" controls' in admin.get(f"{LIST}{video.pk}/change/").content.decode()


def test_nothing_can_be_edited(admin: DjangoClient) -> None:
    video = VideoFactory.create(title="Before")
    page = admin.get(f"{LIST}{video.pk}/change/").content.decode()

    assert 'name="title"' not in page
    assert 'name="_save"' not in page
    answer = admin.post(f"{LIST}{video.pk}/change/", {"title": "After"})
    assert answer.status_code == 403
    assert Video.objects.get().title == "Before"


def test_nothing_can_be_added_or_deleted(admin: DjangoClient) -> None:
    video = VideoFactory.create()

    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{video.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in admin.get(LIST).content.decode()
    assert Video.objects.exists()


def test_hiding_moves_the_files(
    admin: DjangoClient, api: Client, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = VideoFactory.create_batch(2, files=True)
    hidden = VideoFactory.create(is_published=False, files=True)
    page = act(
        admin, "hide", first, second, hidden, capture=django_capture_on_commit_callbacks
    ).content.decode()

    assert "2 videos changed." in page
    for video in (first, second):
        row = Video.objects.get(pk=video.pk)
        assert row.is_published is False
        assert row.folder.startswith("h/")
        assert api.get(f"/media/{video.video_path}").status == 404
        assert api.get(f"/media/{row.video_path}").status == 200
    assert Video.objects.get(pk=hidden.pk).folder == hidden.folder


def test_publishing_moves_the_files(
    admin: DjangoClient, api: Client, django_capture_on_commit_callbacks: Any
) -> None:
    video = VideoFactory.create(is_published=False, files=True)
    page = act(admin, "publish", video, capture=django_capture_on_commit_callbacks)

    assert "1 videos changed." in page.content.decode()
    row = Video.objects.get()
    assert row.folder.startswith("p/")
    assert api.get(f"/media/{row.video_path}").status == 200
    assert api.get("videos").data["totalDocs"] == 1


def test_publishing_what_is_removed_keeps_it_hidden(
    admin: DjangoClient, api: Client, django_capture_on_commit_callbacks: Any
) -> None:
    removed = {"removed_at": timezone.now(), "is_published": False}
    video = VideoFactory.create(files=True, **removed)
    act(admin, "publish", video, capture=django_capture_on_commit_callbacks)

    assert Video.objects.get().folder == video.folder
    assert api.get(f"videos/{video.pk}").status == 404


@pytest.mark.parametrize("kind", ["owner suspended", "owner inactive"])
def test_publishing_a_video_of_who_is_put_out_keeps_its_files_hidden(
    admin: DjangoClient, api: Client, django_capture_on_commit_callbacks: Any, kind: str
) -> None:
    video = HIDDEN[kind](is_published=False, files=True)
    act(admin, "publish", video, capture=django_capture_on_commit_callbacks)

    row = Video.objects.get()
    assert (row.is_published, row.folder) == (True, video.folder)
    assert row.folder.startswith("h/")
    assert api.get(f"videos/{video.pk}").status == 404


def test_an_action_on_what_is_gone_changes_nothing(
    admin: DjangoClient, django_capture_on_commit_callbacks: Any
) -> None:
    gone = Video(pk=uuid4())
    page = act(admin, "hide", gone, capture=django_capture_on_commit_callbacks)

    assert (page.status_code, "0 videos changed." in page.content.decode()) == (200, True)


def test_staff_who_may_only_look_cannot_publish(
    viewer: DjangoClient, django_capture_on_commit_callbacks: Any
) -> None:
    video = VideoFactory.create(files=True)

    page = viewer.get(LIST).content.decode()
    assert video.title in page
    assert 'value="hide"' not in page
    assert viewer.get(f"{LIST}{video.pk}/change/").status_code == 200
    act(viewer, "hide", video, capture=django_capture_on_commit_callbacks)
    assert Video.objects.get().is_published is True


def test_staff_without_permissions_see_no_videos() -> None:
    browser = DjangoClient()
    browser.force_login(UserFactory.create(is_staff=True))

    assert browser.get(LIST).status_code == 403


def test_people_who_are_not_staff_are_sent_to_the_login() -> None:
    browser = DjangoClient()
    browser.force_login(UserFactory.create())

    answer = browser.get(LIST)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={LIST}")

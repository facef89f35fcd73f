"""What can be done with imported videos, whose files are elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from dashboard.tests.importing import Run
from dashboard.tests.old_service import CLOUD, OldService, old_id
from users.models import User
from videos.models import Video
from videos.services.standing import follow_standing
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import picture

pytestmark = pytest.mark.django_db

VIDEO = old_id("Video", 1)
FAILED = old_id("Video", 1001)
ADDRESS = f"{CLOUD}/v1.mp4"
THUMBNAIL = f"{CLOUD}/t1.jpg"


@pytest.fixture
def owner(small_old_service: OldService, run_import: Run) -> User:
    """Return whose the videos are, after an import."""
    run_import(small_old_service)
    User.objects.filter(pk=old_id("User", 1)).update(username="dirty")
    owner: User = Video.objects.get(pk=VIDEO).user
    Video.objects.filter(pk=FAILED).update(user=owner)
    return owner


@pytest.fixture
def client(owner: User, client_for: Callable[[User], Client]) -> Client:
    """Return a client of the owner."""
    return client_for(owner)


def shown(api: Client, video: str = VIDEO) -> tuple[str, str, str, str]:
    """Return where a video's files are, as its page says."""
    data = api.get(f"videos/{video}").data
    names = ("videoFileUrl", "videoFilePublicId", "thumbnailUrl", "thumbnailPublicId")
    return tuple(data[name] for name in names)


def test_its_page_and_the_list_show_the_old_addresses(api: Client, client: Client) -> None:
    assert shown(api) == (ADDRESS, "v1", THUMBNAIL, "t1")
    docs = api.get("videos", query={"limit": 100}).data["docs"]
    [listed] = [doc for doc in docs if doc["id"] == VIDEO]
    assert (listed["videoFileUrl"], listed["thumbnailUrl"]) == (ADDRESS, THUMBNAIL)
    assert listed["views"] == 13 + 1
    assert (listed["createdAt"], listed["updatedAt"]) == (
        "2024-03-30T23:31:01.008Z",
        "2024-03-30T23:31:03.011Z",
    )


def test_hiding_and_publishing_moves_no_files(api: Client, client: Client) -> None:
    folder = Video.objects.get(pk=VIDEO).folder
    for published in (False, True):
        answer = client.patch(f"videos/toggle/publish/{VIDEO}")
        assert answer.data["isPublished"] is published
        assert answer.data["videoFileUrl"] == ADDRESS
        assert api.get(f"videos/{VIDEO}").status == (200 if published else 404)
        row = Video.objects.get(pk=VIDEO)
        assert row.folder.startswith("p/" if published else "h/")
        assert row.stored_folder == row.folder != folder
    assert shown(api) == (ADDRESS, "v1", THUMBNAIL, "t1")
    assert waiting_jobs() == []


def test_a_new_thumbnail_is_ours_and_follows_the_video(
    api: Client, client: Client, stored_files: Callable[[], set[str]]
) -> None:
    answer = client.patch(f"videos/{VIDEO}", {"thumbnail": picture()})

    first = answer.data["thumbnailUrl"]
    assert first.startswith(settings.PUBLIC_URL)
    assert answer.data["thumbnailPublicId"] == first.removeprefix(f"{settings.PUBLIC_URL}/media/")
    assert answer.data["videoFileUrl"] == ADDRESS
    assert api.get(first).status == 200
    assert len(stored_files()) == 1
    second = client.patch(f"videos/{VIDEO}", {"thumbnail": picture()}).data["thumbnailUrl"]
    hidden = client.patch(f"videos/toggle/publish/{VIDEO}").data
    assert [api.get(address).status for address in (second, hidden["thumbnailUrl"])] == [404, 200]
    assert hidden["videoFileUrl"] == ADDRESS


def test_a_new_thumbnail_while_hiding(api: Client, client: Client) -> None:
    body = {"thumbnail": picture(), "isPublished": "false"}
    answer = client.patch(f"videos/{VIDEO}", body)

    assert "/media/h/" in answer.data["thumbnailUrl"]
    assert api.get(answer.data["thumbnailUrl"]).status == 200


@pytest.mark.parametrize("with_thumbnail", [False, True])
def test_it_can_be_deleted(
    api: Client,
    client: Client,
    run_jobs: Callable[[], list[str]],
    stored_files: Callable[[], set[str]],
    with_thumbnail: bool,
) -> None:
    if with_thumbnail:
        client.patch(f"videos/{VIDEO}", {"thumbnail": picture()})

    assert client.delete(f"videos/{VIDEO}").status == 200

    run_jobs()
    assert not Video.objects.filter(pk=VIDEO).exists()
    assert api.get(f"videos/{VIDEO}").status == 404
    assert stored_files() == set()


def test_a_suspension_hides_it_and_its_end_brings_it_back(api: Client, owner: User) -> None:
    for active, area, status in ((False, "h/", 404), (True, "p/", 200)):
        User.objects.filter(pk=owner.pk).update(is_active=active)
        follow_standing()
        row = Video.objects.get(pk=VIDEO)
        assert row.folder.startswith(area)
        assert row.stored_folder == row.folder
        assert api.get(f"videos/{VIDEO}").status == status
    assert waiting_jobs() == []


def test_a_failed_upload_cannot_be_published(api: Client, client: Client) -> None:
    for answer in (
        client.patch(f"videos/toggle/publish/{FAILED}"),
        client.patch(f"videos/{FAILED}", {"isPublished": True}),
        client.patch(f"videos/{FAILED}", {"isPublished": True, "title": "New"}),
    ):
        assert (answer.status, answer.code) == (400, "invalid")
        assert list(answer.body["details"]) == ["isPublished"]
    data = client.get(f"videos/{FAILED}").data
    assert (data["isPublished"], data["processingStatus"]) == (False, "FAILED")
    assert (data["videoFileUrl"], data["thumbnailUrl"], data["duration"]) == ("", "", 0)
    assert api.get(f"videos/{FAILED}").status == 404


def test_a_failed_upload_can_be_renamed_and_deleted(client: Client) -> None:
    assert client.patch(f"videos/{FAILED}", {"title": "New"}).data["title"] == "New"
    assert client.patch(f"videos/{FAILED}", {"thumbnail": picture()}).data["thumbnailUrl"]
    assert client.delete(f"videos/{FAILED}").status == 200


def test_an_imported_avatar_is_shown_and_can_be_replaced(
    owner: User, api: Client, client: Client, media_root: Path
) -> None:
    data: Any = client.get("user/current-user-details").data
    assert data["avatar"].startswith(f"{CLOUD}/a")
    assert api.get(f"videos/{VIDEO}").data["user"]["avatar"] == data["avatar"]

    replaced = client.patch("user/update-avatar", {"avatar": picture()}).data["avatar"]

    assert replaced.startswith(f"{settings.PUBLIC_URL}/media/p/")
    assert api.get(replaced).status == 200

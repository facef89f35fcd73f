"""What clients see of a video's files, wherever they are: every test runs for both places."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from users.models import User
from videos.models import Video
from videos.services.standing import follow_standing
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fetching import fetch
from viztube.media.tests.fixtures import CLIP, named_file, picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("place")]

Upload = Callable[..., dict[str, Any]]
FILES = ("videoFileUrl", "thumbnailUrl")


@pytest.fixture
def upload(user_client: Client, finish_jobs: Callable[[], None], tiny_clip_bytes: bytes) -> Upload:
    """Return a way to upload a clip and wait until all is done."""

    def send(**fields: Any) -> dict[str, Any]:
        clip = named_file(tiny_clip_bytes, "clip.mp4")
        answer = user_client.post("videos", {"title": "x", "videoFile": clip, **fields})
        assert answer.status == 201
        finish_jobs()
        return dict(user_client.get(f"videos/{answer.data['video']['id']}").data)

    return send


def statuses(video: dict[str, Any]) -> list[int]:
    return [fetch(video[name]).status for name in FILES]


def test_a_video_plays_from_the_moment_of_its_upload(
    user_client: Client, api: Client, finish_jobs: Callable[[], None], clip: Any
) -> None:
    first = user_client.post("videos", {"title": "x", "videoFile": clip}).data["video"]
    assert fetch(first["videoFileUrl"]).content == CLIP.read_bytes()
    assert fetch(first["thumbnailUrl"]).content_type == "image/jpeg"
    finish_jobs()

    later = api.get(f"videos/{first['id']}").data
    # Addresses told before go on working.
    for video in (first, later):
        assert fetch(video["videoFileUrl"]).content == CLIP.read_bytes()
        assert fetch(video["thumbnailUrl"]).content_type == "image/jpeg"
    assert later["processingStatus"] == "COMPLETED"
    told = ("id", "title", "duration", "width", "height", "isPublished", "createdAt", "updatedAt")
    assert {name: first[name] for name in told} == {name: later[name] for name in told}


def test_addresses_are_absolute_and_of_a_folder_that_nobody_guesses(upload: Upload) -> None:
    videos = [upload(), upload()]

    addresses = [video[name] for video in videos for name in FILES]
    assert all(address.startswith("http") for address in addresses)
    keys = {address.split("/")[-2] for address in addresses}
    assert len(keys) == 2
    assert all(len(key) == 32 for key in keys)
    for video in videos:
        assert video["videoFilePublicId"].startswith("p/")
        assert video["videoFilePublicId"] in video["videoFileUrl"]


def test_players_get_parts_of_a_video(upload: Upload, tiny_clip_bytes: bytes) -> None:
    part = fetch(upload()["videoFileUrl"], Range="bytes=10-19")

    assert (part.status, part.content) == (206, tiny_clip_bytes[10:20])


def test_hiding_ends_every_address_told_before(
    upload: Upload, user_client: Client, finish_jobs: Callable[[], None]
) -> None:
    seen = upload()
    assert statuses(seen) == [200, 200]
    hidden = user_client.patch(f"videos/toggle/publish/{seen['id']}").data
    finish_jobs()

    assert statuses(seen) == [404, 404]
    assert statuses(hidden) == [200, 200]
    assert hidden["videoFileUrl"].split("/")[-3] == "h"
    if seen["streamUrl"]:
        assert fetch(seen["streamUrl"]).status == 404


def test_publishing_again_gives_addresses_that_work_and_ends_the_hidden_ones(
    upload: Upload, user_client: Client, api: Client, finish_jobs: Callable[[], None]
) -> None:
    video = upload(isPublished="false")
    assert api.get(f"videos/{video['id']}").status == 404
    published = user_client.patch(f"videos/toggle/publish/{video['id']}").data
    finish_jobs()

    assert statuses(video) == [404, 404]
    assert statuses(published) == [200, 200]
    shown = api.get(f"videos/{video['id']}").data
    assert [shown[name] for name in FILES] == [published[name] for name in FILES]
    assert shown["processingStatus"] == "COMPLETED"


def test_changes_that_overtake_the_work_before_them(
    user_client: Client, finish_jobs: Callable[[], None], tiny_clip: Any
) -> None:
    first = user_client.post("videos", {"title": "x", "videoFile": tiny_clip}).data["video"]
    toggle = f"videos/toggle/publish/{first['id']}"
    told = [first, *(user_client.patch(toggle).data for _ in range(5))]
    finish_jobs()

    *old, last = told
    assert statuses(last) == [200, 200]
    assert {status for video in old for status in statuses(video)} == {404}


def test_a_new_thumbnail_replaces_the_old_one(
    upload: Upload, user_client: Client, finish_jobs: Callable[[], None]
) -> None:
    before = upload()
    body = {"thumbnail": picture("PNG")}
    changed = user_client.patch(f"videos/{before['id']}", body).data
    assert fetch(changed["thumbnailUrl"]).content_type == "image/png"
    assert fetch(changed["videoFileUrl"]).status == 200
    finish_jobs()

    after = user_client.get(f"videos/{before['id']}").data
    assert fetch(after["thumbnailUrl"]).content_type == "image/png"
    assert fetch(changed["thumbnailUrl"]).content_type == "image/png"
    assert fetch(before["thumbnailUrl"]).status == 404
    assert after["videoFileUrl"] == before["videoFileUrl"]
    assert after["streamUrl"] == before["streamUrl"]


def test_a_new_thumbnail_and_hiding_at_once(
    upload: Upload, user_client: Client, finish_jobs: Callable[[], None]
) -> None:
    before = upload()
    body = {"thumbnail": picture("PNG"), "isPublished": "false"}
    changed = user_client.patch(f"videos/{before['id']}", body).data
    finish_jobs()

    assert statuses(before) == [404, 404]
    assert statuses(changed) == [200, 200]
    assert fetch(changed["thumbnailUrl"]).content_type == "image/png"


def test_files_follow_the_standing_of_their_owner(
    upload: Upload, user: User, api: Client, finish_jobs: Callable[[], None]
) -> None:
    before = upload()
    User.objects.filter(pk=user.pk).update(suspended_until=timezone.now() + timedelta(days=1))
    assert follow_standing() == 1
    finish_jobs()
    assert statuses(before) == [404, 404]

    User.objects.filter(pk=user.pk).update(suspended_until=None)
    assert follow_standing() == 1
    finish_jobs()
    assert statuses(api.get(f"videos/{before['id']}").data) == [200, 200]


@pytest.mark.parametrize("when", ["at once", "later", "while it moves"])
def test_deleting_leaves_nothing_anywhere(
    user_client: Client,
    finish_jobs: Callable[[], None],
    everything_stored: Callable[[], set[str]],
    tiny_clip: Any,
    when: str,
) -> None:
    video = user_client.post("videos", {"title": "x", "videoFile": tiny_clip}).data["video"]
    if when != "at once":
        finish_jobs()
    if when == "while it moves":
        user_client.patch(f"videos/toggle/publish/{video['id']}")
    assert everything_stored() != set()
    assert user_client.delete(f"videos/{video['id']}").status == 200
    finish_jobs()

    assert statuses(video) == [404, 404]
    assert everything_stored() == set()
    assert not Video.objects.exists()


def test_what_was_refused_leaves_nothing_anywhere(
    user_client: Client,
    finish_jobs: Callable[[], None],
    everything_stored: Callable[[], set[str]],
) -> None:
    body = {"title": "x", "videoFile": picture("PNG", name="video.mp4")}
    assert user_client.post("videos", body).status == 415
    finish_jobs()

    assert everything_stored() == set()

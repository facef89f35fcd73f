"""Uploading a video: what the form takes and what comes back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from users.models import User
from videos.models import Video
from videos.tests.clips import SECONDS, SIZE
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import CLIP_DURATION, named_file, picture

pytestmark = pytest.mark.django_db


def test_a_real_clip_comes_back_with_its_facts_and_plays(
    user_client: Client, api: Client, clip: Any, stored_files: Callable[[], set[str]]
) -> None:
    answer = user_client.post("videos", {"title": "  Bunny ", "videoFile": clip})

    assert answer.status == 201
    video = answer.data["video"]
    assert video["title"] == "Bunny"
    assert video["duration"] == pytest.approx(CLIP_DURATION, abs=0.01)
    assert (video["width"], video["height"]) == (1280, 720)
    assert video["processingStatus"] == "COMPLETED"
    assert video["streamUrl"] is None
    folder = Video.objects.get().folder
    assert stored_files() == {f"{folder}/video.mp4", f"{folder}/poster.jpg"}
    for address in (video["videoFileUrl"], video["thumbnailUrl"]):
        assert api.get(address).status == 200


def test_only_a_title_and_a_file_are_needed(
    user_client: Client, user: User, tiny_clip: Any
) -> None:
    video = user_client.post("videos", {"title": "Plain", "videoFile": tiny_clip}).data["video"]

    assert video["description"] == ""
    assert video["isPublished"] is True
    assert video["userId"] == str(user.pk)
    assert video["views"] == 0
    assert video["duration"] == pytest.approx(SECONDS, abs=0.3)
    assert (video["width"], video["height"]) == SIZE
    assert video["videoFilePublicId"].startswith("p/")
    assert video["videoFileUrl"].endswith(video["videoFilePublicId"])
    assert video["thumbnailUrl"].endswith(video["thumbnailPublicId"])


def test_description_and_publication_are_taken_from_the_form(
    user_client: Client, api: Client, tiny_clip: Any
) -> None:
    body = {
        "title": "Draft",
        "description": "Not yet",
        "isPublished": "false",
        "videoFile": tiny_clip,
    }
    video = user_client.post("videos", body).data["video"]

    assert (video["description"], video["isPublished"]) == ("Not yet", False)
    assert video["videoFilePublicId"].startswith("h/")
    assert api.get("videos").data["docs"] == []
    assert api.get(f"videos/{video['id']}").status == 404
    address = api.get(video["videoFileUrl"])
    assert address.status == 200
    assert address.response["Cache-Control"] == "private, no-store"


def test_a_thumbnail_replaces_the_frame_of_the_video(
    user_client: Client, api: Client, tiny_clip: Any, media_root: Path
) -> None:
    from PIL import Image

    body = {
        "title": "x",
        "videoFile": tiny_clip,
        "thumbnail": picture("PNG", (32, 16)),
    }
    video = user_client.post("videos", body).data["video"]

    assert video["thumbnailPublicId"].endswith("/poster.png")
    served = api.get(video["thumbnailUrl"]).response
    assert served["Content-Type"] == "image/png"
    with Image.open(media_root / video["thumbnailPublicId"]) as image:
        assert image.size == (32, 16)


def test_the_same_file_twice_makes_two_videos_with_addresses_of_their_own(
    user_client: Client, tiny_clip_bytes: bytes
) -> None:
    addresses = {
        user_client.post(
            "videos", {"title": "Twin", "videoFile": named_file(tiny_clip_bytes, "a.mp4")}
        ).data["video"]["videoFileUrl"]
        for _ in range(2)
    }

    assert len(addresses) == 2
    assert Video.objects.filter(title="Twin").count() == 2


def test_signed_out_people_cannot_upload(
    api: Client, tiny_clip: Any, stored_files: Callable[[], set[str]]
) -> None:
    answer = api.post("videos", {"title": "x", "videoFile": tiny_clip})

    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert not Video.objects.exists()
    assert stored_files() == set()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "x" * 501}, "title"),
        ({"title": "   "}, "title"),
        ({"title": None}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"description": "x" * 10_001}, "description"),
        ({"description": "a\0b"}, "description"),
        ({"isPublished": "perhaps"}, "isPublished"),
        ({"videoFile": None}, "videoFile"),
        ({"videoFile": "a text"}, "videoFile"),
        ({"thumbnail": "a text"}, "thumbnail"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(
    user_client: Client,
    stored_files: Callable[[], set[str]],
    change: dict[str, Any],
    field: str,
) -> None:
    body = {"title": "x", "videoFile": named_file(b"never read", "a.mp4"), **change}
    answer = user_client.post(
        "videos",
        {name: value for name, value in body.items() if value is not None},
        content_type="multipart/form-data",
    )

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [field]
    assert not Video.objects.exists()
    assert stored_files() == set()


def test_the_longest_texts_are_taken(user_client: Client, tiny_clip: Any) -> None:
    body = {"title": "ä" * 500, "description": "ß" * 10_000, "videoFile": tiny_clip}
    video = user_client.post("videos", body).data["video"]

    assert (len(video["title"]), len(video["description"])) == (500, 10_000)


def test_fields_that_are_not_the_callers_to_set_are_ignored(
    user_client: Client, user: User, tiny_clip: Any
) -> None:
    body = {
        "title": "x",
        "videoFile": tiny_clip,
        "views": "1000000",
        "userId": "01890000-0000-7000-8000-000000000000",
        "duration": "1",
        "folder": "p/" + "0" * 32,
        "processingStatus": "FAILED",
    }
    video = user_client.post("videos", body).data["video"]

    assert (video["views"], video["userId"]) == (0, str(user.pk))
    assert video["processingStatus"] == "COMPLETED"
    assert Video.objects.get().folder != body["folder"]


def test_json_cannot_carry_a_file(user_client: Client) -> None:
    answer = user_client.post("videos", {"title": "x", "videoFile": "data:video/mp4;base64,AAAA"})

    assert (answer.status, list(answer.body["details"])) == (400, ["videoFile"])

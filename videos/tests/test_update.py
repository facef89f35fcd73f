"""Changing a video's texts and thumbnail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.factories import VideoFactory
from videos.tests.jobs import waiting_jobs
from videos.views import VideoViewSet
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import named_file, picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(user: User) -> Video:
    return VideoFactory.create(user=user, title="Before", description="Old", files=True)


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data"])
def test_texts_change_in_either_format(
    user_client: Client, video: Video, content_type: str
) -> None:
    body = {"title": " After ", "description": "New"}
    answer = user_client.patch(f"videos/{video.pk}", body, content_type=content_type)

    assert (answer.data["title"], answer.data["description"]) == ("After", "New")
    row = Video.objects.get()
    assert (row.title, row.description) == ("After", "New")
    assert row.updated_at > video.updated_at
    assert (row.folder, row.is_published) == (video.folder, True)


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data"])
def test_an_empty_text_clears_the_description(
    user_client: Client, video: Video, content_type: str
) -> None:
    answer = user_client.patch(f"videos/{video.pk}", {"description": ""}, content_type=content_type)

    assert (answer.data["description"], answer.data["title"]) == ("", "Before")


def test_what_is_left_out_stays(user_client: Client, video: Video) -> None:
    answer = user_client.patch(
        f"videos/{video.pk}", {"title": "After"}, content_type="multipart/form-data"
    )

    assert (answer.data["description"], answer.data["isPublished"]) == ("Old", True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": None}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": ["a"]}, "title"),
        ({"title": 5}, "title"),
        ({"description": "x" * 10_001}, "description"),
        ({"description": None}, "description"),
        ({"isPublished": "perhaps"}, "isPublished"),
        ({"isPublished": None}, "isPublished"),
        ({"isPublished": 0}, "isPublished"),
        ({"isPublished": 1.0}, "isPublished"),
        ({"isPublished": "false"}, "isPublished"),
        ({"thumbnail": "text"}, "thumbnail"),
        ({"thumbnail": None}, "thumbnail"),
        ({}, "nonFieldErrors"),
        ({"views": 5}, "nonFieldErrors"),
        ([], "nonFieldErrors"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_field_is_named_and_nothing_changes(
    user_client: Client, video: Video, body: Any, field: str
) -> None:
    answer = user_client.patch(f"videos/{video.pk}", body)

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [field]
    row = Video.objects.get()
    assert (row.title, row.description, row.updated_at) == ("Before", "Old", video.updated_at)


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "off"])
@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "application/x-www-form-urlencoded"]
)
def test_a_form_may_say_it_in_words(
    user_client: Client, video: Video, word: str, content_type: str
) -> None:
    body: Any = {"isPublished": word}
    if content_type != "multipart/form-data":
        body = f"isPublished={word}".encode()

    answer = user_client.patch(f"videos/{video.pk}", body, content_type=content_type)

    assert answer.data["isPublished"] is False


def test_what_a_form_leaves_blank_stays_as_it_is(user_client: Client, video: Video) -> None:
    answer = user_client.patch(
        f"videos/{video.pk}",
        {"title": "", "isPublished": "", "description": "New"},
        content_type="multipart/form-data",
    )

    assert (answer.data["title"], answer.data["description"]) == ("Before", "New")
    assert answer.data["isPublished"] is True


def test_nothing_to_change_is_said_in_words(user_client: Client, video: Video) -> None:
    answer = user_client.patch(f"videos/{video.pk}", {})

    assert answer.body["errors"] == [
        "Send at least one of title, description, thumbnail and isPublished."
    ]


def test_no_other_field_can_be_set(user_client: Client, video: Video, user: User) -> None:
    other = UserFactory.create()
    body = {
        "title": "After",
        "id": str(uuid4()),
        "views": 1_000_000,
        "user": str(other.pk),
        "userId": str(other.pk),
        "user_id": str(other.pk),
        "folder": "p/" + "0" * 32,
        "storedFolder": "p/" + "0" * 32,
        "stored_folder": "p/" + "0" * 32,
        "videoFile": "other.mp4",
        "video_file": "other.mp4",
        "thumbnailFile": "other.jpg",
        "duration": 1,
        "removedAt": None,
        "removed_at": "2026-01-01T00:00:00Z",
        "processingStatus": "FAILED",
        "createdAt": "2000-01-01T00:00:00Z",
    }
    assert user_client.patch(f"videos/{video.pk}", body).status == 200

    row = Video.objects.get()
    unchanged = [
        "id",
        "user_id",
        "views",
        "folder",
        "stored_folder",
        "video_file",
        "thumbnail_file",
        "duration",
        "removed_at",
        "processing_status",
        "created_at",
    ]
    assert [getattr(row, name) for name in unchanged] == [
        getattr(video, name) for name in unchanged
    ]


def test_a_new_thumbnail_gets_a_new_address_and_the_old_file_goes(
    user_client: Client,
    api: Client,
    video: Video,
    stored_files: Callable[[], set[str]],
    run_jobs: Callable[[], list[str]],
) -> None:
    old = api.get("videos").data["docs"][0]["thumbnailUrl"]
    answer = user_client.patch(f"videos/{video.pk}", {"thumbnail": picture("WEBP")})
    new = answer.data["thumbnailUrl"]

    assert new != old
    assert new.endswith(".webp")
    assert api.get(new).response["Content-Type"] == "image/webp"
    assert run_jobs() == ["remove_old_poster"]
    assert api.get(old).status == 404
    assert api.get(new).status == 200
    row = Video.objects.get()
    assert stored_files() == {row.video_path, row.thumbnail_path}


def test_two_thumbnails_in_a_row_leave_the_last(
    user_client: Client,
    video: Video,
    stored_files: Callable[[], set[str]],
    run_jobs: Callable[[], list[str]],
) -> None:
    for _ in range(2):
        user_client.patch(f"videos/{video.pk}", {"thumbnail": picture("PNG")})
    run_jobs()

    row = Video.objects.get()
    assert stored_files() == {row.video_path, row.thumbnail_path}


def test_a_first_thumbnail_removes_nothing(user_client: Client, user: User) -> None:
    video = VideoFactory.create(user=user, files=True)
    Video.objects.update(thumbnail_file="")
    answer = user_client.patch(f"videos/{video.pk}", {"thumbnail": picture("PNG")})

    assert answer.data["thumbnailUrl"].endswith(".png")
    assert waiting_jobs() == []


def test_everything_at_once(
    user_client: Client, api: Client, video: Video, run_jobs: Callable[[], list[str]]
) -> None:
    body = {
        "title": "After",
        "description": "",
        "isPublished": "false",
        "thumbnail": picture("PNG"),
    }
    answer = user_client.patch(f"videos/{video.pk}", body)
    run_jobs()

    assert (answer.data["title"], answer.data["isPublished"]) == ("After", False)
    assert answer.data["thumbnailPublicId"].startswith("h/")
    assert api.get(answer.data["thumbnailUrl"]).status == 200
    assert api.get(answer.data["videoFileUrl"]).status == 200


@pytest.mark.parametrize(
    ("content", "status"), [(b"GIF89a", 415), (b"", 400), (b"\xff\xd8\xff", 415)]
)
def test_a_bad_thumbnail_changes_nothing(
    user_client: Client,
    video: Video,
    stored_files: Callable[[], set[str]],
    content: bytes,
    status: int,
) -> None:
    files = stored_files()
    body = {"title": "After", "thumbnail": named_file(content, "a.jpg")}
    answer = user_client.patch(f"videos/{video.pk}", body)

    assert (answer.status, list(answer.body["details"])) == (status, ["thumbnail"])
    assert Video.objects.get().title == "Before"
    assert stored_files() == files


def test_a_thumbnail_over_its_limit_is_413(
    user_client: Client, video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VideoViewSet.file_fields["partial_update"], "thumbnail", 100)
    answer = user_client.patch(f"videos/{video.pk}", {"thumbnail": picture("PNG", (200, 200))})

    assert (answer.status, answer.code) == (413, "too_large")


def test_a_json_body_over_its_limit_is_413(user_client: Client, video: Video) -> None:
    answer = user_client.patch(f"videos/{video.pk}", {"description": "x" * 1_000_001})

    assert (answer.status, answer.code) == (413, "too_large")


def test_a_row_that_cannot_be_written_keeps_its_poster(
    user_client: Client,
    api: Client,
    video: Video,
    monkeypatch: pytest.MonkeyPatch,
    media_root: Path,
) -> None:
    def fail(self: Video, *args: Any, **kwargs: Any) -> None:
        raise OperationalError("the database went away")

    monkeypatch.setattr(Video, "save", fail)
    answer = user_client.patch(f"videos/{video.pk}", {"thumbnail": picture("PNG")})

    assert (answer.status, answer.code) == (503, "unavailable")
    assert waiting_jobs() == []
    assert Video.objects.get().thumbnail_file == "poster.jpg"
    assert (media_root / video.thumbnail_path).is_file()
    assert list((media_root / "incoming").iterdir()) == []


@pytest.mark.parametrize("call", ["PATCH", "DELETE", "toggle"])
def test_someone_elses_video_is_403(stranger_client: Client, video: Video, call: str) -> None:
    if call == "toggle":
        answer = stranger_client.patch(f"videos/toggle/publish/{video.pk}")
    else:
        answer = stranger_client.request(call, f"videos/{video.pk}", {"title": "Mine"})

    assert (answer.status, answer.code) == (403, "permission_denied")
    row = Video.objects.get()
    assert (row.title, row.is_published) == ("Before", True)


@pytest.mark.parametrize("call", ["PATCH", "DELETE", "toggle"])
def test_signed_out_people_change_nothing(api: Client, video: Video, call: str) -> None:
    if call == "toggle":
        answer = api.patch(f"videos/toggle/publish/{video.pk}")
    else:
        answer = api.request(call, f"videos/{video.pk}", {"title": "Mine"})

    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert Video.objects.get().title == "Before"


def test_the_views_not_folded_yet_are_in_the_answer(user_client: Client, video: Video) -> None:
    user_client.get(f"videos/{video.pk}")
    user_client.get(f"videos/{video.pk}")

    assert user_client.patch(f"videos/{video.pk}", {"title": "After"}).data["views"] == 2

"""Uploading: files are judged by what they contain and by how large they are."""

import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from videos.tests.uploading import upload
from videos.views import VideoViewSet
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import named_file, picture

pytestmark = pytest.mark.django_db

HTML = b"<script>alert(1)</script>"


def test_a_sound_without_a_picture_is_no_video(user_client: Client, tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    source = "sine=frequency=440:duration=0.2"
    command = [settings.FFMPEG, "-v", "error", "-f", "lavfi", "-i", source, "-c:a", "aac"]
    subprocess.run([*command, str(path)], check=True)

    answer = upload(user_client, path.read_bytes())

    assert answer.status == 415
    assert answer.body["errors"] == ["videoFile: has no video track"]


@pytest.mark.parametrize("content", [b"GIF89a", HTML, b"<svg/>", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_a_bad_thumbnail_refuses_the_whole_upload(
    user_client: Client,
    tiny_clip_bytes: bytes,
    assert_nothing_stays: Callable[[], None],
    content: bytes,
) -> None:
    answer = upload(user_client, tiny_clip_bytes, thumbnail=named_file(content, "a.png"))

    assert answer.status == 415
    assert list(answer.body["details"]) == ["thumbnail"]
    assert_nothing_stays()


def test_a_video_over_its_limit_is_413_while_it_arrives(
    user_client: Client,
    tiny_clip_bytes: bytes,
    monkeypatch: pytest.MonkeyPatch,
    assert_nothing_stays: Callable[[], None],
) -> None:
    limit = len(tiny_clip_bytes) - 1
    monkeypatch.setitem(VideoViewSet.file_fields["create"], "videoFile", limit)
    answer = upload(user_client, tiny_clip_bytes)

    assert (answer.status, answer.code) == (413, "too_large")
    assert answer.body["message"] == f"videoFile: may have at most {limit:,} bytes"
    assert_nothing_stays()


def test_a_video_of_exactly_the_limit_is_taken(
    user_client: Client, tiny_clip_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VideoViewSet.file_fields["create"], "videoFile", len(tiny_clip_bytes))

    assert upload(user_client, tiny_clip_bytes).status == 201


def test_an_image_has_a_smaller_limit_than_a_video(
    user_client: Client,
    tiny_clip_bytes: bytes,
    monkeypatch: pytest.MonkeyPatch,
    assert_nothing_stays: Callable[[], None],
) -> None:
    monkeypatch.setitem(VideoViewSet.file_fields["create"], "thumbnail", 100)
    thumbnail = picture("PNG", (200, 200))
    answer = upload(user_client, tiny_clip_bytes, thumbnail=thumbnail)

    assert answer.status == 413
    assert answer.body["message"] == "thumbnail: may have at most 100 bytes"
    assert_nothing_stays()


def test_a_body_that_announces_too_much_is_413_before_it_is_read(user_client: Client) -> None:
    answer = user_client.post(
        "videos", {"title": "x", "videoFile": named_file(b"x", "a")}, Content_Length="110200001"
    )

    assert answer.status == 413
    assert answer.body["message"] == "The request body may have at most 110,200,000 bytes."


def test_a_body_that_ends_early_is_400_and_leaves_nothing(
    user_client: Client, tiny_clip_bytes: bytes, assert_nothing_stays: Callable[[], None]
) -> None:
    body = {"title": "x", "videoFile": named_file(tiny_clip_bytes, "a.mp4")}
    whole = encode_multipart(BOUNDARY, body)
    shorter: Any = {"wsgi.input": BytesIO(whole[: len(whole) // 2])}
    response: Any = user_client.http.generic(
        "POST",
        "/api/v2/videos",
        whole,
        MULTIPART_CONTENT,
        headers={"Authorization": f"Bearer {user_client.token}"},
        **shorter,
    )

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert_nothing_stays()

"""Uploading a video."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from videos.models import Video
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import CLIP_DURATION, named_file

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


def test_a_text_file_is_refused_and_leaves_nothing(
    user_client: Client, stored_files: Callable[[], set[str]], media_root: Path
) -> None:
    answer = user_client.post(
        "videos", {"title": "x", "videoFile": named_file(b"hello", "video.mp4")}
    )

    assert (answer.status, answer.code) == (415, "unsupported_media")
    assert answer.body["errors"] == ["videoFile: must be an MP4, WebM, MKV or MOV video"]
    assert not Video.objects.exists()
    assert stored_files() == set()
    assert list((media_root / "incoming").iterdir()) == []


def test_a_bad_thumbnail_refuses_the_whole_upload(
    user_client: Client, clip: Any, stored_files: Callable[[], set[str]]
) -> None:
    body = {"title": "x", "videoFile": clip, "thumbnail": named_file(b"GIF89a", "a.png")}
    answer = user_client.post("videos", body)

    assert answer.status == 415
    assert list(answer.body["details"]) == ["thumbnail"]
    assert stored_files() == set()

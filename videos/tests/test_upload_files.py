"""Uploading: files are judged by what they contain and by how large they are."""

import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from videos.models import Video
from videos.tests.clips import CONTAINERS, make_clip
from videos.views import VideoViewSet
from viztube.api.tests.fixtures import Answer, Client
from viztube.media.tests.fixtures import named_file, picture

pytestmark = pytest.mark.django_db

HTML = b"<script>alert(1)</script>"
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n"
MP4_HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"


@pytest.fixture
def assert_nothing_stays(
    stored_files: Callable[[], set[str]], media_root: Path
) -> Callable[[], None]:
    def check() -> None:
        assert not Video.objects.exists()
        assert stored_files() == set()
        assert list((media_root / "incoming").iterdir()) == []

    return check


def upload(client: Client, content: bytes, name: str = "video.mp4", **fields: Any) -> Answer:
    return client.post("videos", {"title": "x", "videoFile": named_file(content, name), **fields})


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_each_container_is_taken_whatever_its_name_says(
    user_client: Client, api: Client, tmp_path: Path, container: str
) -> None:
    content = make_clip(tmp_path / "clip", container).read_bytes()
    video = upload(user_client, content, "holiday.txt").data["video"]

    assert video["videoFilePublicId"].endswith(f"/video.{container}")
    served = api.get(video["videoFileUrl"]).response
    assert b"".join(served.streaming_content) == content


def test_a_video_shot_upright_is_upright(user_client: Client, tmp_path: Path) -> None:
    plain = make_clip(tmp_path / "plain.mp4")
    turned = tmp_path / "turned.mp4"
    command = [settings.FFMPEG, "-v", "error", "-display_rotation", "90", "-i", str(plain)]
    subprocess.run([*command, "-c", "copy", str(turned)], check=True)
    video = upload(user_client, turned.read_bytes()).data["video"]

    assert (video["width"], video["height"]) == (48, 64)


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        HTML,
        PLAYLIST,
        MP4_HEAD,
        MP4_HEAD + PLAYLIST,
        b"\x1a\x45\xdf\xa3" + b"\0" * 100,
        b"RIFF\0\0\0\0AVI LIST",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    ],
    ids=["text", "html", "playlist", "mp4 head", "mp4 playlist", "ebml", "avi", "concat"],
)
def test_what_is_not_a_video_is_415_and_leaves_nothing(
    user_client: Client, assert_nothing_stays: Callable[[], None], content: bytes
) -> None:
    answer = upload(user_client, content)

    assert (answer.status, answer.code) == (415, "unsupported_media")
    assert list(answer.body["details"]) == ["videoFile"]
    assert_nothing_stays()


def test_a_text_file_is_refused_in_words(user_client: Client) -> None:
    answer = upload(user_client, b"hello")

    assert answer.body["errors"] == ["videoFile: must be an MP4, WebM, MKV or MOV video"]


def test_a_sound_without_a_picture_is_no_video(user_client: Client, tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    source = "sine=frequency=440:duration=0.2"
    command = [settings.FFMPEG, "-v", "error", "-f", "lavfi", "-i", source, "-c:a", "aac"]
    subprocess.run([*command, str(path)], check=True)

    answer = upload(user_client, path.read_bytes())

    assert answer.status == 415
    assert answer.body["errors"] == ["videoFile: has no video track"]


def test_an_empty_file_is_refused(
    user_client: Client, assert_nothing_stays: Callable[[], None]
) -> None:
    answer = upload(user_client, b"")

    assert (answer.status, list(answer.body["details"])) == (400, ["videoFile"])
    assert_nothing_stays()


@pytest.mark.parametrize(
    "name",
    ["../../evil.mp4", "/etc/passwd", "a" * 300 + ".mp4", "ü ☃ 'quoted\".mp4", "x.php"],
    ids=["climbing", "absolute", "long", "odd", "program"],
)
def test_the_name_of_a_file_never_matters(
    user_client: Client, tiny_clip_bytes: bytes, stored_files: Callable[[], set[str]], name: str
) -> None:
    answer = upload(user_client, tiny_clip_bytes, name)

    assert answer.status == 201
    folder = Video.objects.get().folder
    assert stored_files() == {f"{folder}/video.mp4", f"{folder}/poster.jpg"}


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

"""Uploading: odd but real videos are taken, with the facts that a viewer sees."""

import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from PIL import Image

from videos.models import Video
from videos.tests.clips import CONTAINERS, make_clip
from videos.tests.uploading import upload
from viztube.api.tests.fixtures import Client
from viztube.media.tests.multipart import END, MULTIPART, file_part, text_part

pytestmark = pytest.mark.django_db

H264 = ("-c:v", "libx264", "-preset", "ultrafast")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error")
SUBTITLES = ("-i", str(Path(__file__).parent / "data" / "subtitles.srt"), "-map", "0", "-map", "1")
SOUND = ("-f", "lavfi", "-i", "sine=duration=1")


class Odd(NamedTuple):
    """How ffmpeg makes a second of something odd, and what is to come of it."""

    arguments: tuple[str, ...]
    extension: str = "mp4"
    size: tuple[int, int] = (64, 48)
    seconds: float = 1


ODD = {
    "odd sides": Odd(
        (*H264, "-vf", "scale=35:19", "-pix_fmt", "yuv444p", "-f", "mp4"), size=(35, 19)
    ),
    "very wide": Odd((*H264, "-vf", "scale=1024:16", "-f", "mp4"), size=(1024, 16)),
    "very tall": Odd((*H264, "-vf", "scale=16:1024", "-f", "mp4"), size=(16, 1024)),
    "several sounds": Odd(
        (*SOUND, *SOUND, "-map", "0", "-map", "1", "-map", "2", *H264, "-c:a", "aac", "-f", "mp4")
    ),
    "a varying frame rate": Odd(
        (*H264, "-vf", "select='lt(n,3)+eq(n,7)+eq(n,9)'", "-fps_mode", "vfr", "-f", "mp4")
    ),
    "one frame": Odd((*H264, "-frames:v", "1", "-f", "mp4"), seconds=0.1),
    "ten bits": Odd((*H264, "-pix_fmt", "yuv420p10le", "-f", "mp4")),
    "index first": Odd((*H264, "-movflags", "+faststart", "-f", "mp4")),
    "fragments": Odd((*H264, "-movflags", "frag_keyframe+empty_moov", "-f", "mp4")),
    "VP9 and Opus": Odd((*SOUND, *VP9, "-c:a", "libopus", "-f", "webm"), "webm"),
    "a browser's recording": Odd(
        (*SOUND, *VP9, "-c:a", "libopus", "-live", "1", "-f", "webm"), "webm"
    ),
    "MKV": Odd((*SOUND, *H264, "-c:a", "flac", "-f", "matroska"), "mkv"),
    "MOV of a camera": Odd(
        (*SOUND, "-c:v", "prores", "-pix_fmt", "yuv422p10le", "-c:a", "pcm_s16le", "-f", "mov"),
        "mov",
    ),
    "subtitles in MP4": Odd((*SUBTITLES, *H264, "-c:s", "mov_text", "-f", "mp4")),
    "subtitles in MKV": Odd((*SUBTITLES, *H264, "-c:s", "srt", "-f", "matroska"), "mkv"),
    "styled subtitles": Odd((*SUBTITLES, *H264, "-c:s", "ass", "-f", "matroska"), "mkv"),
    "subtitles in WebM": Odd((*SUBTITLES, *VP9, "-c:s", "webvtt", "-f", "webm"), "webm"),
    **{
        f"sound as {codec}": Odd((*SOUND, *H264, "-c:a", codec, "-f", "mov"), "mov")
        for codec in ("mp2", "pcm_s24be", "pcm_mulaw", "adpcm_ms")
    },
    "HEVC": Odd((*HEVC, "-tag:v", "hvc1", "-f", "mp4")),
    "HEVC of ten bits": Odd(
        (*HEVC, "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", "-f", "mov"), "mov"
    ),
}


def shown(client: Client, address: str) -> Image.Image:
    """Return the picture at an address."""
    return Image.open(BytesIO(client.get(address).response.getvalue()))


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_video_is_taken_for_what_it_is(
    user_client: Client, api: Client, tmp_path: Path, kind: str
) -> None:
    odd = ODD[kind]
    path = tmp_path / "upload"
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1")
    command = [settings.FFMPEG, "-nostdin", "-v", "error", *source, *odd.arguments, str(path)]
    made = subprocess.run(command, capture_output=True, check=False)
    if "HEVC" in kind and b"Unknown encoder" in made.stderr:
        pytest.skip("This ffmpeg makes no HEVC.")
    assert made.returncode == 0, made.stderr

    video = upload(user_client, path.read_bytes()).data["video"]

    assert (video["width"], video["height"]) == odd.size
    assert video["duration"] == pytest.approx(odd.seconds, abs=0.05)
    assert video["videoFilePublicId"].endswith(f"/video.{odd.extension}")
    poster = shown(api, video["thumbnailUrl"])
    assert (poster.format, poster.size) == ("JPEG", odd.size)
    assert len(set(poster.convert("RGB").get_flattened_data())) > 1
    assert api.get(video["videoFileUrl"]).response.getvalue() == path.read_bytes()


@pytest.mark.parametrize(("turn", "size"), [("90", (48, 64)), ("-90", (48, 64)), ("180", (64, 48))])
def test_a_video_is_as_upright_as_it_was_shot(
    user_client: Client, api: Client, tmp_path: Path, turn: str, size: tuple[int, int]
) -> None:
    plain = make_clip(tmp_path / "plain.mp4")
    turned = tmp_path / "turned.mp4"
    command = [settings.FFMPEG, "-v", "error", "-display_rotation", turn, "-i", str(plain)]
    subprocess.run([*command, "-c", "copy", str(turned)], check=True)

    video = upload(user_client, turned.read_bytes()).data["video"]

    assert (video["width"], video["height"]) == size
    assert shown(api, video["thumbnailUrl"]).size == size


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_each_container_is_taken_whatever_its_name_says(
    user_client: Client, api: Client, tmp_path: Path, container: str
) -> None:
    content = make_clip(tmp_path / "clip", container).read_bytes()
    video = upload(user_client, content, "holiday.txt").data["video"]

    assert video["videoFilePublicId"].endswith(f"/video.{container}")
    assert api.get(video["videoFileUrl"]).response.getvalue() == content


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.mp4",
        "/etc/passwd",
        "..\\..\\evil.mp4",
        "a" * 800 + ".mp4",
        "ü ☃ 'quoted'.mp4",
        "x.php",
        "a\0b.mp4",
        "\u202e4pm.exe",
        "-i.mp4",
        "file:a.mp4",
        "%2e%2e%2fa.mp4",
        "<svg onload=alert(1)>.html",
    ],
    ids=lambda name: ascii(name)[:20],
)
def test_the_name_of_a_file_never_matters(
    user_client: Client, tiny_clip_bytes: bytes, stored_files: Callable[[], set[str]], name: str
) -> None:
    body = text_part("title") + file_part("videoFile", tiny_clip_bytes, name) + END
    answer = user_client.request("POST", "videos", body, content_type=MULTIPART)

    assert answer.status == 201
    folder = Video.objects.get().folder
    assert stored_files() == {f"{folder}/video.mp4", f"{folder}/poster.jpg"}


def test_a_name_of_three_thousand_characters_is_400(
    user_client: Client, tiny_clip_bytes: bytes, stored_files: Callable[[], set[str]]
) -> None:
    body = text_part("title") + file_part("videoFile", tiny_clip_bytes, "a" * 3000) + END
    answer = user_client.request("POST", "videos", body, content_type=MULTIPART)

    assert (answer.status, answer.code) == (400, "invalid")
    assert stored_files() == set()

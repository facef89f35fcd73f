"""Uploading: a video that is something else too stays a video; a picture becomes only one."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, is_zipfile

import pytest
from PIL import Image

from videos.tests.clips import make_clip
from videos.tests.uploading import upload
from viztube.api.tests.fixtures import Client
from viztube.media.tests.crafted import box
from viztube.media.tests.fixtures import named_file

pytestmark = pytest.mark.django_db

SCRIPT = b"<html><script>alert('stolen')</script></html>"


def archive() -> bytes:
    content = BytesIO()
    with ZipFile(content, "w") as file:
        file.writestr("index.html", SCRIPT)
    return content.getvalue()


def hidden_in(clip: bytes, folder: Path, place: str) -> bytes:
    """Return a video with a page in it."""
    if place == "metadata":
        text = SCRIPT.decode()
        return make_clip(folder / "a.mp4", "mp4", "-metadata", f"comment={text}").read_bytes()
    if place == "box behind":
        return clip + box(b"free", SCRIPT)
    if place == "zip behind":
        return clip + box(b"free", archive())
    # In fragments, which do not mind where in the file they are.
    layout = ("-movflags", "frag_keyframe+empty_moov+default_base_moof")
    return box(b"free", b"\n" + SCRIPT) + make_clip(folder / "a.mp4", "mp4", *layout).read_bytes()


@pytest.mark.parametrize("place", ["metadata", "box in front", "box behind", "zip behind"])
def test_a_page_inside_a_video_is_served_as_a_video(
    user_client: Client, api: Client, tiny_clip_bytes: bytes, tmp_path: Path, place: str
) -> None:
    content = hidden_in(tiny_clip_bytes, tmp_path, place)
    assert SCRIPT in content

    video = upload(user_client, content, "page.html").data["video"]

    for headers in ({}, {"Range": "bytes=8-200"}):
        served = api.get(video["videoFileUrl"], **headers).response
        assert served["Content-Type"] == (
            "video/quicktime" if place == "box in front" else "video/mp4"
        )
        assert served["X-Content-Type-Options"] == "nosniff"
        assert served["Content-Security-Policy"].startswith(
            "sandbox allow-same-origin; default-src 'none';"
        )
    poster = api.get(video["thumbnailUrl"]).response.getvalue()
    assert b"script" not in poster


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("extra", [SCRIPT, archive(), b"\nPK\x05\x06" + bytes(18)])
def test_what_hides_behind_a_picture_is_not_kept(
    user_client: Client, api: Client, tiny_clip_bytes: bytes, kind: str, extra: bytes
) -> None:
    content = BytesIO()
    Image.new("RGB", (64, 48), "#2266aa").save(content, kind)
    thumbnail = named_file(content.getvalue() + extra, "page.html")

    video = upload(user_client, tiny_clip_bytes, thumbnail=thumbnail).data["video"]

    served = api.get(video["thumbnailUrl"]).response
    assert served["Content-Type"] == f"image/{kind.lower()}"
    assert served["X-Content-Type-Options"] == "nosniff"
    stored = served.getvalue()
    assert extra not in stored
    assert not is_zipfile(BytesIO(stored))
    with Image.open(BytesIO(stored)) as image:
        assert (image.format, image.size) == (kind, (64, 48))

"""Uploading: what is made to break or to deceive us is refused and leaves nothing."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from videos.tests.clips import make_clip
from videos.tests.hostile import CANARY, FORMS, TARGETS, addresses_of, concat_list, session
from videos.tests.uploading import upload
from viztube.api.tests.fixtures import Answer, Client
from viztube.media import commands, probe
from viztube.media.tests.crafted import lasting, matroska, sized, with_tracks
from viztube.media.uploads import WorkingFolder

pytestmark = pytest.mark.django_db

UNKNOWN = "videoFile: must be an MP4, WebM, MKV or MOV video"
UNREADABLE = "videoFile: could not be read as a video"
CUT_OFF = "videoFile: is cut off: send the whole file"


def zip_file() -> bytes:
    content = BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello", UNKNOWN),
        (b"<!doctype html><script>alert(1)</script>", UNKNOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UNKNOWN),
        (zip_file(), UNKNOWN),
        (b"GIF89a" + bytes(60), UNKNOWN),
        (b"RIFF\0\0\0\0AVI LIST", UNKNOWN),
        (b"\x7fELF" + bytes(60), UNKNOWN),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", UNREADABLE),
        (b"\0\0\0\x08moov", "videoFile: has no video track"),
        # Boxes and elements that end where no file system reaches.
        (b"\0\0\0\x01free" + b"\xff" * 40, UNREADABLE),
        (b"\0\0\0\x01free\x0f" + b"\xff" * 40, UNREADABLE),
        (b"\x1a\x45\xdf\xa3\x01\x7f" + b"\xff" * 40, UNREADABLE),
        (b"\0\0\0\x70moov\0\0\0\x68mvhd" + bytes(20), CUT_OFF),
        (b"\0\0\0\x18moov\0\0\0\x10mvhd" + bytes(8), UNREADABLE),
        (b"\x1a\x45\xdf\xa3" + bytes(100), UNREADABLE),
        (b"\x1a\x45\xdf\xa3\x84webm\x18\x53\x80\x67\x01" + bytes(100), UNREADABLE),
    ],
    ids=lambda value: repr(value[:8]) if isinstance(value, bytes) else "",
)
def test_what_is_no_video_is_refused_with_a_reason(
    user_client: Client, assert_nothing_stays: Callable[[], None], content: bytes, reason: str
) -> None:
    answer = upload(user_client, content)

    assert (answer.status, answer.code) == (415, "unsupported_media")
    assert answer.body["errors"] == [reason]
    assert_nothing_stays()


def test_an_empty_file_is_refused(
    user_client: Client, assert_nothing_stays: Callable[[], None]
) -> None:
    answer = upload(user_client, b"")

    assert (answer.status, list(answer.body["details"])) == (400, ["videoFile"])
    assert_nothing_stays()


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return videos of each layout."""
    folder = tmp_path_factory.mktemp("whole")
    return {
        "index last": make_clip(folder / "last.mp4").read_bytes(),
        "index first": make_clip(folder / "first", "mp4", "-movflags", "+faststart").read_bytes(),
        "mov": make_clip(folder / "first", "mov", "-movflags", "+faststart").read_bytes(),
        "mkv": make_clip(folder / "mkv", "mkv").read_bytes(),
        "webm": make_clip(folder / "webm", "webm").read_bytes(),
    }


@pytest.mark.parametrize("part", [0.5, 0.95])
@pytest.mark.parametrize("layout", ["index last", "index first", "mov", "mkv", "webm"])
def test_a_file_that_was_cut_off_is_refused(
    user_client: Client,
    assert_nothing_stays: Callable[[], None],
    whole_files: dict[str, bytes],
    layout: str,
    part: float,
) -> None:
    content = whole_files[layout]
    answer = upload(user_client, content[: int(len(content) * part)])

    assert (answer.status, answer.body["errors"]) == (415, [CUT_OFF])
    assert_nothing_stays()


def jpeg() -> bytes:
    content = BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(content, "JPEG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ("mp4 duration", "videoFile: has no usable duration"),
        ("mp4 size", "videoFile: may have at most the size of 4K (4096x2304 pixels)"),
        ("mp4 tracks", UNREADABLE),
        ("mkv duration", "videoFile: has no usable duration"),
        ("mkv size", "videoFile: may have at most the size of 4K (4096x2304 pixels)"),
        ("mkv tracks", "videoFile: may have at most 31 tracks"),
    ],
)
def test_a_header_that_claims_too_much_is_refused(
    user_client: Client,
    assert_nothing_stays: Callable[[], None],
    tiny_clip_bytes: bytes,
    lie: str,
    reason: str,
) -> None:
    content = {
        "mp4 duration": lambda: lasting(tiny_clip_bytes, 10**9),
        "mp4 size": lambda: sized(tiny_clip_bytes, 60_000, 60_000),
        "mp4 tracks": lambda: with_tracks(tiny_clip_bytes, 3000),
        "mkv duration": lambda: matroska(jpeg(), seconds=1e9),
        "mkv size": lambda: matroska(jpeg(), side=60_000),
        "mkv tracks": lambda: matroska(jpeg(), tracks=3000),
    }[lie]()
    answer = upload(user_client, content)

    assert (answer.status, answer.body["errors"]) == (415, [reason])
    assert_nothing_stays()


def test_headers_made_by_the_same_hand_that_claim_little_are_taken(
    user_client: Client, tiny_clip_bytes: bytes
) -> None:
    for content in (
        lasting(tiny_clip_bytes, 1),
        sized(tiny_clip_bytes, 64, 48),
        with_tracks(tiny_clip_bytes, 2),
        matroska(jpeg(), tracks=2),
    ):
        assert upload(user_client, content).status == 201


@pytest.fixture
def canary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_clip_bytes: bytes
) -> Iterator[dict[str, str]]:
    """Put videos that nobody may see beside each upload and elsewhere, and listen for callers.

    Yields what addresses them; in the end nobody has called.
    """
    secret = make_clip(tmp_path / "secret.mp4", "mp4", "-metadata", f"comment={CANARY}")
    take = WorkingFolder.take

    def take_beside(self: WorkingFolder, *args: object) -> Path:
        (self.path / "beside.mp4").write_bytes(secret.read_bytes())
        return take(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(WorkingFolder, "take", take_beside)
    with addresses_of(secret) as addresses:
        yield {"beside": "beside.mp4"} | addresses


def assert_refused_unseen(answer: Answer, reason: str) -> None:
    assert (answer.status, answer.body["errors"]) == (415, [reason])
    assert CANARY.encode() not in answer.response.content


@pytest.mark.parametrize("target", ["beside", *TARGETS])
@pytest.mark.parametrize("form", FORMS)
def test_a_playlist_is_refused_for_its_first_bytes(
    user_client: Client,
    assert_nothing_stays: Callable[[], None],
    canary: dict[str, str],
    form: str,
    target: str,
) -> None:
    answer = upload(user_client, FORMS[form](canary[target]).encode())

    assert_refused_unseen(answer, UNKNOWN)
    assert_nothing_stays()


def test_a_session_description_is_refused(
    user_client: Client, assert_nothing_stays: Callable[[], None], canary: dict[str, str]
) -> None:
    content = session(canary["port"]).encode()

    assert_refused_unseen(upload(user_client, content), UNKNOWN)
    assert_refused_unseen(upload(user_client, b"\0\0\0\x08free\n" + content), UNREADABLE)
    assert_nothing_stays()


@pytest.mark.parametrize("target", ["beside", *TARGETS])
@pytest.mark.parametrize("form", FORMS)
def test_ffprobe_does_not_follow_a_playlist_that_gets_past_us(
    user_client: Client,
    assert_nothing_stays: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    canary: dict[str, str],
    form: str,
    target: str,
) -> None:
    monkeypatch.setattr(probe, "container_extension", lambda path: "mp4")
    answer = upload(user_client, FORMS[form](canary[target]).encode())

    assert_refused_unseen(answer, UNREADABLE)
    assert_nothing_stays()


def test_a_playlist_that_is_followed_would_show_the_canary(
    user_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    canary: dict[str, str],
) -> None:
    """The traps above would close: with nothing in its way, ffmpeg plays what a playlist names."""
    monkeypatch.setattr(probe, "container_extension", lambda path: "mp4")
    open_to_all = ("-max_pixels", str(commands.MAX_PIXELS))
    monkeypatch.setattr(probe, "INPUT_GUARDS", open_to_all)

    answer = upload(user_client, concat_list(canary["beside"]).encode())
    assert UNREADABLE not in answer.body["errors"]

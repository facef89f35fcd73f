"""Originals that got past every check of an upload, and what their streams tell: nothing."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from users.models import User
from videos.models import Transcoding
from videos.services import ladders
from videos.services.transcoding import MAX_ATTEMPTS
from videos.tests.clips import make_clip
from videos.tests.streaming import transcode_once, uploaded
from viztube.api.tests.fixtures import Client
from viztube.media import probe
from viztube.media.hls import command
from viztube.media.tests.crafted import alias, referring, url_reference
from viztube.media.tests.hostile import CANARY, FORMS, TARGETS, addresses_of, concat_list, session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

UNREADABLE = "This file could not be read as a video."
UNKNOWN = "This file must be an MP4, WebM, MKV or MOV video."
UNMADE = "No streams could be made of this file."


@pytest.fixture(autouse=True)
def streams(settings: Any) -> None:
    settings.HLS_TOP_RUNG = 360


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video that nobody may see."""
    folder = tmp_path_factory.mktemp("secrets")
    return make_clip(folder / "secret.mp4", "mp4", "-metadata", f"comment={CANARY}")


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch, secret: Path) -> str:
    """Put it beside the original of which a stream is made; return what it is called there."""
    take = ladders.take_original

    def take_beside(wanted: Transcoding, folder: Path) -> Path:
        (folder / "beside.mp4").write_bytes(secret.read_bytes())
        return take(wanted, folder)

    monkeypatch.setattr(ladders, "take_original", take_beside)
    return "beside.mp4"


@pytest.fixture
def targets(secret: Path, beside: str) -> Iterator[dict[str, str]]:
    """Return what addresses it and a port where nobody may call."""
    with addresses_of(secret) as addresses:
        yield addresses | {"beside": beside}


@pytest.fixture
def told(user: User, user_client: Client, tmp_path: Path) -> Callable[[bytes], dict[str, Any]]:
    """Return a way to have a stream made of an original; it returns what the owner is told."""

    def run(content: bytes) -> dict[str, Any]:
        original = tmp_path / "original.mp4"
        original.write_bytes(content)
        video = uploaded(original, user=user)
        for _ in range(MAX_ATTEMPTS):
            # All but the last attempt raise what may have been chance.
            with suppress(Exception):
                transcode_once(video)
        return dict(user_client.get(f"videos/{video.pk}/processing").data)

    return run


@pytest.fixture
def failure(told: Callable[[bytes], dict[str, Any]], media_root: Path) -> Callable[[bytes], str]:
    """Return a way to see the making of a stream fail; it returns why, as the owner is told.

    Nothing of it stays, and no file says what is in others.
    """

    def run(content: bytes) -> str:
        data = told(content)
        assert (data["processingStatus"], data["streamUrl"]) == ("FAILED", None)
        assert not list(media_root.rglob("*.m4s"))
        assert list((media_root / "incoming").iterdir()) == []
        for path in media_root.rglob("*"):
            assert path.is_dir() or CANARY.encode() not in path.read_bytes(), path
        return str(data["processingError"])

    return run


@pytest.mark.parametrize("target", ["beside", *TARGETS])
@pytest.mark.parametrize("form", FORMS)
def test_a_disguised_playlist_becomes_no_stream(
    failure: Callable[[bytes], str], targets: dict[str, str], form: str, target: str
) -> None:
    assert failure(FORMS[form](targets[target]).encode()) == UNKNOWN


@pytest.mark.parametrize("target", ["beside", *TARGETS])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_ffmpeg_does_not_follow_a_playlist_that_is_believed_to_be_a_video(
    failure: Callable[[bytes], str],
    monkeypatch: pytest.MonkeyPatch,
    targets: dict[str, str],
    form: str,
    target: str,
    container: str,
) -> None:
    monkeypatch.setattr(probe, "container_extension", lambda path: container)

    assert failure(FORMS[form](targets[target]).encode()) == UNREADABLE


def test_nor_a_session_description(
    failure: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch, targets: dict[str, str]
) -> None:
    monkeypatch.setattr(probe, "container_extension", lambda path: "mp4")

    assert failure(session(targets["port"]).encode()) == UNREADABLE


def without_texts(secret: Path, reference: bytes) -> bytes:
    """Return a video that refers to the secret and does not say itself what is only in that."""
    return referring(secret.read_bytes(), reference).replace(CANARY.encode(), b"x" * len(CANARY))


REFERENCES: dict[str, Callable[[dict[str, str]], bytes]] = {
    "url of a file": lambda targets: url_reference(f"file://{targets['path']}"),
    "url of a path": lambda targets: url_reference(targets["path"]),
    "url elsewhere": lambda targets: url_reference(targets["http"]),
    "alias": lambda targets: alias(targets["path"]),
}


@pytest.mark.parametrize("kind", REFERENCES)
def test_media_of_another_file_is_not_fetched(
    failure: Callable[[bytes], str], secret: Path, targets: dict[str, str], kind: str
) -> None:
    reference = REFERENCES[kind](targets)

    assert failure(without_texts(secret, reference)) == UNMADE


def test_the_traps_would_close(
    told: Callable[[bytes], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    secret: Path,
    beside: str,
) -> None:
    """With nothing in its way, ffmpeg plays what a list and an alias name."""
    monkeypatch.setattr(probe, "container_extension", lambda path: "mp4")
    listed = f"{concat_list(beside)}duration 1\n".encode()
    referred = without_texts(secret, alias(str(secret)))
    for content, guards in (
        (listed, ()),
        (referred, ("-enable_drefs", "1", "-use_absolute_path", "1")),
    ):
        for module in (probe, command):
            monkeypatch.setattr(module, "INPUT_GUARDS", guards)
        assert told(content)["processingStatus"] == "COMPLETED"

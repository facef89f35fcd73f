"""Cloudinary: what every call has, and what its failures become."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from urllib3 import Timeout
from urllib3.connectionpool import HTTPConnectionPool

from viztube.media.backends import Kind, MediaMissing, MediaRefused, MediaUnavailable, cloud
from viztube.media.cloud import CloudinaryBackend
from viztube.media.paths import new_folder
from viztube.media.tests.fixtures import CLIP, picture
from viztube.media.tests.standin import Fault, StandIn

VIDEO_ID, POSTER_ID = f"{new_folder('p')}/video", f"{new_folder('p')}/poster"
Call = Callable[[CloudinaryBackend, Path], object]


@pytest.fixture
def backend(standin: StandIn) -> CloudinaryBackend:
    standin.put("video", VIDEO_ID, CLIP.read_bytes(), format="mp4")
    standin.put("image", POSTER_ID, picture("JPEG").getvalue(), format="jpg")
    found = cloud()
    assert found is not None
    return found


CALLS: dict[str, Call] = {
    "upload": lambda backend, folder: backend.add(new_folder("p"), file_in(folder, "poster.jpg")),
    "resource": lambda backend, folder: backend.find(Kind.VIDEO, VIDEO_ID),
    "resources": lambda backend, folder: list(backend.holdings()),
    "head": lambda backend, folder: backend.delivers(backend.url(f"{VIDEO_ID}.mp4")),
    "deliver": lambda backend, folder: backend.fetch(
        backend.url(f"{VIDEO_ID}.mp4"), folder / "copy"
    ),
    "playlist": lambda backend, folder: backend.answers_with_playlist(backend.stream_url(VIDEO_ID)),
    "rename": lambda backend, folder: backend.rename(
        Kind.VIDEO, VIDEO_ID, f"{new_folder('h')}/video"
    ),
    "explicit": lambda backend, folder: backend.request_stream(VIDEO_ID),
    "destroy": lambda backend, folder: backend.remove(Kind.VIDEO, VIDEO_ID),
    "ping": lambda backend, folder: backend.ping(),
}
ACTIONS = {"head": "deliver"}


def file_in(folder: Path, name: str) -> Path:
    file = folder / name
    file.write_bytes(CLIP.read_bytes() if name.endswith("mp4") else picture("JPEG").getvalue())
    return file


@pytest.mark.parametrize("name", CALLS)
def test_no_call_waits_without_end(
    backend: CloudinaryBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    urlopen = HTTPConnectionPool.urlopen
    seen: list[Any] = []

    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs.get("timeout"))
        return urlopen(self, *args, **kwargs)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", noted)
    CALLS[name](backend, tmp_path)

    assert seen
    for timeout in seen:
        assert isinstance(timeout, Timeout)
        bounds = (timeout.connect_timeout, timeout.read_timeout)
        assert all(isinstance(bound, int | float) and 0 < bound <= 120 for bound in bounds)


# Whatever answers but a playlist only means that there is none yet.
@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"playlist"}))
@pytest.mark.parametrize(
    "fault",
    [
        Fault.SERVER_ERROR,
        Fault.UNAVAILABLE,
        Fault.BAD_GATEWAY,
        Fault.RATE_LIMITED,
        Fault.TOO_MANY,
        Fault.UNAUTHORIZED,
        Fault.CLOSED,
    ],
)
def test_a_failure_that_may_heal_is_told_as_such(
    backend: CloudinaryBackend, standin: StandIn, tmp_path: Path, name: str, fault: Fault
) -> None:
    # The SDK itself repeats questions whose connection broke.
    standin.fail(ACTIONS.get(name, name), *[fault] * 5)

    # Nobody signs in to get a file: who is turned away there will be again.
    told = MediaRefused if (name, fault) == ("deliver", Fault.UNAUTHORIZED) else MediaUnavailable
    with pytest.raises(told, match=r"^Cloudinary"):
        CALLS[name](backend, tmp_path)


def test_a_refusal_is_told_as_such(
    backend: CloudinaryBackend, standin: StandIn, tmp_path: Path
) -> None:
    standin.fail("upload", Fault.REFUSED)

    with pytest.raises(MediaRefused):
        backend.add(new_folder("p"), file_in(tmp_path, "video.mp4"))


def test_credentials_that_do_not_count_are_named(
    backend: CloudinaryBackend, standin: StandIn
) -> None:
    standin.fail("ping", Fault.UNAUTHORIZED)

    with pytest.raises(MediaUnavailable, match="check CLOUDINARY_URL"):
        backend.ping()


def test_half_a_file_is_not_taken_for_the_whole(
    backend: CloudinaryBackend, standin: StandIn, tmp_path: Path
) -> None:
    standin.fail("deliver", Fault.LOST)

    with pytest.raises(MediaUnavailable):
        backend.fetch(backend.url(f"{VIDEO_ID}.mp4"), tmp_path / "copy")


def test_what_is_not_there_is_missing(backend: CloudinaryBackend, tmp_path: Path) -> None:
    nothing = f"{new_folder('p')}/video"

    assert backend.find(Kind.VIDEO, nothing) is None
    assert not backend.delivers(backend.url(f"{nothing}.mp4"))
    assert backend.delivers(backend.url(f"{VIDEO_ID}.mp4"))
    assert backend.rename(Kind.VIDEO, nothing, f"{new_folder('h')}/video") is None
    backend.remove(Kind.VIDEO, nothing)
    with pytest.raises(MediaMissing):
        backend.request_stream(nothing)
    with pytest.raises(MediaMissing):
        backend.fetch(backend.url(f"{nothing}.mp4"), tmp_path / "copy")


def test_an_id_that_is_taken_is_never_overwritten(
    backend: CloudinaryBackend, standin: StandIn
) -> None:
    other = f"{new_folder('p')}/video"
    standin.put("video", other, b"another", format="mp4")

    with pytest.raises(MediaRefused):
        backend.rename(Kind.VIDEO, VIDEO_ID, other)
    assert standin.assets["video", other].content == b"another"


@pytest.mark.parametrize(
    ("address", "public_id"),
    [
        ("{base}/v1/p/key/video.mp4", "p/key/video"),
        ("{base}/v1700000000/old/abc.mp4", "old/abc"),
        ("{base}/abc.mp4", "abc"),
        ("{base}/old.name/abc.def.mp4", "old.name/abc.def"),
        ("{base}/abc", "abc"),
        ("https://res.cloudinary.com/other/video/upload/v1/abc.mp4", None),
        ("https://files.example/video/upload/v1/abc.mp4", None),
        ("p/key/video.mp4", None),
        ("video.mp4", None),
        ("{base}/", None),
        ("", None),
    ],
)
def test_which_id_an_address_has(
    backend: CloudinaryBackend, standin: StandIn, address: str, public_id: str | None
) -> None:
    address = address.format(base=f"{standin.url}/video/upload")

    assert backend.id_at(Kind.VIDEO, address) == public_id
    # The old service may have kept addresses without TLS.
    assert backend.id_at(Kind.VIDEO, address.replace("http:", "https:")) == public_id


def test_more_files_than_a_page_are_all_listed(
    backend: CloudinaryBackend, standin: StandIn
) -> None:
    ids = {f"{new_folder('p')}/poster" for _ in range(1001)}
    for public_id in ids:
        standin.put("image", public_id, b"x", format="jpg")

    assert {held.public_id for held in backend.holdings()} == {*ids, VIDEO_ID, POSTER_ID}

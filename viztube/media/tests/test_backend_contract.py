"""What both places promise: the disk of this machine, and Cloudinary (its stand-in)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from viztube.media.backends import Kind, MediaBackend, MediaMissing, cloud, disk
from viztube.media.paths import new_folder
from viztube.media.tests.fetching import fetch
from viztube.media.tests.fixtures import CLIP, picture

Send = Callable[[str, str], Path]


@pytest.fixture
def backend(place: str) -> MediaBackend:
    return disk() if place == "disk" else cloud() or disk()


@pytest.fixture
def folder(place: str) -> str:
    folder = new_folder("p")
    if place == "disk":
        disk().make(folder)
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    file = tmp_path / "video.mp4"
    file.write_bytes(CLIP.read_bytes())
    return file


@pytest.fixture
def poster(tmp_path: Path) -> Path:
    file = tmp_path / "poster.jpg"
    file.write_bytes(picture("JPEG").getvalue())
    return file


def test_what_was_added_is_delivered_as_it_is(
    backend: MediaBackend, folder: str, video: Path, poster: Path
) -> None:
    for file, content_type in ((video, "video/mp4"), (poster, "image/jpeg")):
        content = file.read_bytes()
        stored = backend.add(folder, file)

        answer = fetch(backend.url(f"{folder}/{file.name}"))
        assert (answer.status, answer.content_type) == (200, content_type)
        assert answer.content == content
        assert fetch(disk().url(stored.address)).content == content


def test_what_was_added_is_described(backend: MediaBackend, folder: str, video: Path) -> None:
    size = video.stat().st_size
    stored = backend.add(folder, video)

    assert stored.kind is Kind.VIDEO
    assert stored.public_id.startswith(f"{folder}/video")
    assert (stored.bytes, stored.format) == (size, "mp4")
    assert stored.made_at is not None
    assert backend.find(Kind.VIDEO, stored.public_id) == stored


def test_parts_of_a_file_are_delivered(backend: MediaBackend, folder: str, video: Path) -> None:
    content = video.read_bytes()
    stored = backend.add(folder, video)

    answer = fetch(disk().url(stored.address), Range="bytes=100-199")
    assert (answer.status, answer.content) == (206, content[100:200])


def test_adding_twice_leaves_one_file_as_it_was(
    backend: MediaBackend, folder: str, video: Path
) -> None:
    first = backend.add(folder, video)
    again = backend.add(folder, video)

    assert (first.public_id, first.bytes) == (again.public_id, again.bytes)
    assert [held.public_id for held in backend.holdings()] == [first.public_id]


def test_a_copy_comes_back(backend: MediaBackend, folder: str, video: Path, tmp_path: Path) -> None:
    content = video.read_bytes()
    stored = backend.add(folder, video)
    target = tmp_path / "copy"
    backend.fetch(stored.address, target)

    assert target.read_bytes() == content
    assert backend.find(Kind.VIDEO, stored.public_id) is not None


def test_what_was_removed_is_gone_and_removing_again_is_fine(
    backend: MediaBackend, folder: str, video: Path, poster: Path, tmp_path: Path
) -> None:
    kept = backend.add(folder, poster)
    stored = backend.add(folder, video)
    assert fetch(disk().url(stored.address)).status == 200
    for _ in range(2):
        backend.remove(Kind.VIDEO, stored.public_id)

    assert fetch(disk().url(stored.address)).status == 404
    assert backend.find(Kind.VIDEO, stored.public_id) is None
    with pytest.raises(MediaMissing):
        backend.fetch(stored.address, tmp_path / "copy")
    assert [held.public_id for held in backend.holdings()] == [kept.public_id]


def test_every_file_is_listed(backend: MediaBackend, place: str, tmp_path: Path) -> None:
    added = set()
    for area in ("p", "h"):
        for name in ("poster.jpg", "poster-0f.jpg"):
            folder = new_folder(area)
            if place == "disk":
                disk().make(folder)
            file = tmp_path / name
            file.write_bytes(picture("JPEG").getvalue())
            added.add(backend.add(folder, file).public_id)

    assert {held.public_id for held in backend.holdings()} == added
    assert all(held.kind is Kind.IMAGE for held in backend.holdings())


def test_what_is_not_there_has_no_address_to_find(backend: MediaBackend, folder: str) -> None:
    assert backend.find(Kind.IMAGE, f"{folder}/poster.jpg") is None
    assert fetch(backend.url(f"{folder}/poster.jpg")).status == 404
    assert backend.url("") == ""

"""The disk: whole folders, moved and deleted in one step, safe to repeat."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from viztube.media.backends import FolderMissing, Kind, disk
from viztube.media.disk import DiskBackend
from viztube.media.paths import HIDDEN, PUBLISHED, is_stored_folder, new_folder

KEY = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
SOURCE, TARGET = f"incoming/{KEY}", f"p/{OTHER}"


def fill(root: Path, folder: str, name: str = "video.mp4") -> Path:
    file = root / folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"0123456789")
    return file


def test_a_folder_is_moved_whole_and_moving_again_is_fine(media_root: Path) -> None:
    fill(media_root, SOURCE)

    for _ in range(3):
        disk().move(SOURCE, TARGET)

    assert (media_root / TARGET / "video.mp4").read_bytes() == b"0123456789"
    assert not (media_root / SOURCE).exists()


def test_moving_to_the_same_place_changes_nothing(media_root: Path) -> None:
    fill(media_root, TARGET)

    disk().move(TARGET, TARGET)

    assert (media_root / TARGET / "video.mp4").exists()


def test_moving_what_is_nowhere_says_so(media_root: Path) -> None:
    with pytest.raises(FolderMissing, match="neither exists"):
        disk().move(SOURCE, TARGET)


def test_a_folder_with_other_files_is_never_overwritten(media_root: Path) -> None:
    fill(media_root, SOURCE, "new.mp4")
    fill(media_root, TARGET, "old.mp4")

    with pytest.raises(OSError, match="not empty"):
        disk().move(SOURCE, TARGET)

    assert (media_root / SOURCE / "new.mp4").exists()
    assert (media_root / TARGET / "old.mp4").exists()


def test_withdrawing_takes_a_folder_out_of_what_is_served(media_root: Path) -> None:
    fill(media_root, TARGET)

    disk().withdraw(TARGET)
    disk().withdraw(TARGET)

    assert not (media_root / TARGET).exists()
    (trashed,) = (media_root / "trash").glob(f"{OTHER}-*")
    assert (trashed / "video.mp4").exists()


def test_a_deletion_that_was_cut_off_is_finished_by_the_next(
    media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(media_root, TARGET)

    def cut_off(*args: object) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as broken:
        broken.setattr(shutil, "rmtree", cut_off)
        with pytest.raises(OSError, match="away"):
            disk().delete(TARGET)
    # What comes under the same key meanwhile goes too.
    fill(media_root, TARGET, "late.mp4")
    disk().delete(TARGET)

    assert [path for path in media_root.rglob("*") if path.is_file()] == []
    assert list((media_root / "trash").iterdir()) == []


def test_a_folder_withdrawn_before_it_arrived_never_arrives(media_root: Path) -> None:
    fill(media_root, SOURCE)

    disk().withdraw(f"p/{KEY}")

    with pytest.raises(FolderMissing):
        disk().move(SOURCE, f"p/{KEY}")
    disk().delete(f"p/{KEY}")
    assert [path for path in media_root.rglob("*") if path.is_file()] == []


def test_deleting_leaves_nothing_whether_withdrawn_or_not(media_root: Path) -> None:
    fill(media_root, TARGET, "hls/720/init.mp4")
    fill(media_root, SOURCE)
    disk().withdraw(SOURCE)

    for _ in range(2):
        disk().delete(TARGET)
        disk().delete(SOURCE)

    assert [path for path in media_root.rglob("*") if path.is_file()] == []
    assert not (media_root / TARGET).exists()
    assert list((media_root / "trash").iterdir()) == []


def test_a_file_is_added_and_removed_under_its_own_name(media_root: Path, tmp_path: Path) -> None:
    fill(media_root, TARGET)
    poster = tmp_path / "poster.jpg"
    poster.write_bytes(b"poster")

    disk().add(TARGET, poster)
    assert (media_root / TARGET / "poster.jpg").read_bytes() == b"poster"
    assert not poster.exists()

    for _ in range(2):
        disk().remove(Kind.IMAGE, f"{TARGET}/poster.jpg")
    assert [file.name for file in (media_root / TARGET).iterdir()] == ["video.mp4"]


@pytest.mark.parametrize("name", [f"../{KEY}/video.mp4", "..", ".", ""])
def test_removing_a_file_stays_within_its_folder(media_root: Path, name: str) -> None:
    outside = fill(media_root, f"p/{KEY}")
    fill(media_root, TARGET)

    with pytest.raises(ValueError, match="Not a media"):
        disk().remove(Kind.VIDEO, f"{TARGET}/{name}")

    assert outside.exists()


def test_adding_to_a_folder_that_is_gone_fails_and_keeps_the_file(
    media_root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "poster.jpg"
    file.touch()

    with pytest.raises(FileNotFoundError):
        disk().add(TARGET, file)

    assert file.exists()


NOT_OURS = [
    "",
    "p",
    "p/",
    f"p/{KEY}/video.mp4",
    f"/p/{KEY}",
    f"../p/{KEY}",
    f"p/../{KEY}",
    f"p/{KEY}\n",
    f"p/{KEY[:-1]}",
    f"p/{KEY.upper()}",
    f"trash/{KEY}",
    f"q/{KEY}",
    f"{KEY}",
    "incoming",
    ".",
    "/",
]


@pytest.mark.parametrize("path", NOT_OURS)
def test_nothing_but_a_folder_of_ours_is_ever_touched(media_root: Path, path: str) -> None:
    backend = DiskBackend()
    file = fill(media_root, TARGET)

    assert not is_stored_folder(path)
    operations: list[Callable[[], object]] = [
        lambda: backend.move(path, TARGET),
        lambda: backend.move(TARGET, path),
        lambda: backend.withdraw(path),
        lambda: backend.delete(path),
        lambda: backend.remove(Kind.VIDEO, f"{path}/video.mp4"),
        lambda: backend.add(path, file),
    ]
    for operation in operations:
        with pytest.raises(ValueError, match="Not a media folder"):
            operation()
    assert file.exists()


@pytest.mark.parametrize("area", [PUBLISHED, HIDDEN])
def test_new_folders_are_ours_and_cannot_be_guessed(area: str) -> None:
    folders = {new_folder(area) for _ in range(100)}

    assert len(folders) == 100
    assert all(is_stored_folder(folder) and folder.startswith(f"{area}/") for folder in folders)


def test_addresses_are_absolute() -> None:
    assert disk().url(f"{TARGET}/video.mp4") == f"{settings.PUBLIC_URL}/media/{TARGET}/video.mp4"
    assert disk().url("") == ""
    assert disk().url("https://old.example/a.jpg") == "https://old.example/a.jpg"

"""`manage.py backup`: what is in a backup, what it costs, and when there is none."""

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command

from viztube.ops.backups.folders import complete_backups, reading, remove_older, writing
from viztube.ops.backups.making import make_backup
from viztube.ops.tests.backing_up import (
    KEY,
    POSTER,
    VIDEO,
    OwnDatabase,
    back_up,
    put,
    refused,
    restore,
    wrapped_program,
)
from viztube.ops.tests.files import mode

HIDDEN = f"h/{'f' * 32}/video.mp4"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def filled(own_database: OwnDatabase, media_root: Path) -> OwnDatabase:
    own_database.fill()
    put(media_root, VIDEO)
    put(media_root, POSTER, b"poster")
    return own_database


@pytest.fixture
def other_disk(monkeypatch: pytest.MonkeyPatch, media_root: Path) -> None:
    """Let backups be on another file system than media."""
    link = os.link

    def refuse(source: Path, target: Path) -> None:
        if Path(source).is_relative_to(media_root):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        link(source, target)

    monkeypatch.setattr(os, "link", refuse)


def media_of(made: dict[str, Any]) -> dict[str, int]:
    """Return the inode of each file of media in a backup."""
    root = Path(made["folder"]) / "media"
    return {
        path.relative_to(root).as_posix(): path.stat().st_ino
        for path in root.rglob("*")
        if path.is_file()
    }


def manifest_of(made: dict[str, Any]) -> Any:
    return json.loads((Path(made["folder"]) / "manifest.json").read_text())


def test_a_backup_has_all_of_the_database_and_of_media(
    filled: OwnDatabase, media_root: Path, to: Path
) -> None:
    for path in (f"incoming/{KEY}/video.mp4", f"trash/{KEY}-1/video.mp4", "slots/video-0/x"):
        put(media_root, path)
    made = back_up(to)

    manifest = manifest_of(made)
    rows = {name: table["rows"] for name, table in manifest["tables"].items()}
    assert rows == {"public.note": 200, "public.person": 50}
    assert {path: file["size"] for path, file in manifest["media"].items()} == {
        VIDEO: 10,
        POSTER: 6,
    }
    assert set(media_of(made)) == {VIDEO, POSTER}
    assert (made["tables"], made["rows"], made["files"], made["vanished"]) == (2, 250, 2, 0)
    assert manifest["viztube"]
    assert manifest["postgresql"].startswith("18")


def test_only_its_owner_can_look_into_a_backup(
    filled: OwnDatabase, to: Path, other_disk: None
) -> None:
    folder = Path(back_up(to)["folder"])

    for path in (to, *to.rglob("*")):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert (folder / "database.dump").stat().st_size > 0


def test_media_on_the_same_disk_takes_no_room(
    filled: OwnDatabase, media_root: Path, to: Path
) -> None:
    made = back_up(to)

    assert media_of(made) == {path: (media_root / path).stat().st_ino for path in (VIDEO, POSTER)}
    assert (made["linked"], made["copied"], made["copied_bytes"]) == (2, 0, 0)


def test_media_on_another_disk_is_copied_once(
    filled: OwnDatabase, media_root: Path, to: Path, other_disk: None
) -> None:
    first = back_up(to)
    # Hiding a video renames its folder.
    (media_root / "h").mkdir()
    (media_root / f"p/{KEY}").rename((media_root / HIDDEN).parent)
    put(media_root, POSTER, b"another")
    second = back_up(to)

    assert (first["copied"], first["copied_bytes"], first["linked"]) == (2, 16, 0)
    assert (second["copied"], second["copied_bytes"], second["linked"]) == (1, 7, 2)
    assert media_of(second)[HIDDEN] == media_of(first)[VIDEO]
    assert media_of(second)[HIDDEN] != (media_root / HIDDEN).stat().st_ino
    restore(second, verify=True)


def test_a_file_that_is_deleted_meanwhile_is_counted(
    filled: OwnDatabase, media_root: Path, to: Path
) -> None:
    made = make_backup(
        to=to, keep=None, advance=lambda *_: (media_root / VIDEO).unlink(missing_ok=True)
    )

    assert (made.files, made.vanished) == (1, 1)


def test_a_video_that_is_hidden_meanwhile_is_there_under_its_new_name_only(
    filled: OwnDatabase, media_root: Path, to: Path
) -> None:
    taken: list[str] = []

    def hide(what: str, number: int) -> None:
        taken.append(what)
        if number and len(taken) == 4:  # both files have been taken
            (media_root / "h").mkdir()
            (media_root / f"p/{KEY}").rename((media_root / HIDDEN).parent)

    made = make_backup(to=to, keep=None, advance=hide)

    assert set(media_of({"folder": made.folder})) == {
        HIDDEN,
        HIDDEN.replace("video.mp4", "poster.jpg"),
    }
    assert made.vanished == 0


def test_a_master_playlist_that_is_replaced_meanwhile_is_taken_again(
    filled: OwnDatabase, media_root: Path, to: Path
) -> None:
    master = put(media_root, f"p/{KEY}/hls-0a1b2c3d/master.m3u8", b"240p")
    taken: list[str] = []

    def replace(what: str, number: int) -> None:
        taken.append(what)
        if len(taken) == 6:  # all three files have been taken
            put(master.parent, "master.m3u8.new", b"240p and 360p").rename(master)

    made = make_backup(to=to, keep=None, advance=replace)

    copy = Path(made.folder) / "media" / master.relative_to(media_root)
    assert copy.read_bytes() == b"240p and 360p"
    assert (made.files, made.vanished) == (3, 0)
    restore({"folder": made.folder}, verify=True)


def test_what_is_deleted_after_the_snapshot_is_in_the_backup(
    filled: OwnDatabase, media_root: Path, to: Path
) -> None:
    def delete(what: str, number: int) -> None:
        if what.startswith("Rows"):
            shutil.rmtree(media_root / "p", ignore_errors=True)

    made = make_backup(to=to, keep=None, advance=delete)

    assert made.files == 2
    assert not (media_root / VIDEO).exists()


def test_a_backup_is_of_one_moment_while_people_write(filled: OwnDatabase, to: Path) -> None:
    over = threading.Event()
    written = threading.Event()

    def write() -> None:
        while not over.is_set():
            # Together, so that there are more rows at every look.
            filled.execute(
                "DELETE FROM public.note WHERE id IN (SELECT min(id) FROM public.note);"
                "INSERT INTO public.note (person_id, t) SELECT 1, 'new' FROM generate_series(1, 20)"
            )
            written.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        written.wait(10)
        before = filled.execute("SELECT count(*) FROM public.note")[0][0]
        made = back_up(to)
        after = filled.execute("SELECT count(*) FROM public.note")[0][0]
    finally:
        over.set()
        thread.join()

    assert before < after
    assert before <= manifest_of(made)["tables"]["public.note"]["rows"] <= after
    assert restore(made, verify=True).count("same") == 3


def test_the_password_is_in_no_list_of_processes(
    filled: OwnDatabase, to: Path, tmp_path: Path, settings: Any
) -> None:
    seen = tmp_path / "seen"
    script = f'echo "$@" >> {seen}\nenv | grep -c ^PGPASSWORD= >> {seen}\nexec "$real" "$@"'
    settings.POSTGRES_BIN = wrapped_program(tmp_path / "bin", "pg_dump", script)
    back_up(to)

    password = settings.DATABASES["default"]["PASSWORD"]
    assert len(password) > 8
    assert password not in seen.read_text()
    assert "--snapshot=" in seen.read_text()
    # For asking its version it gets none.
    assert seen.read_text().splitlines()[1::2] == ["0", "1"]


def test_older_backups_are_removed_after_a_success(filled: OwnDatabase, to: Path) -> None:
    names = [Path(back_up(to)["folder"]).name for _ in range(3)]
    (to / "20990101T000000Z").mkdir()  # the clock was wrong once
    made = back_up(to, keep=2)

    assert made["removed"] == names
    assert {path.name for path in complete_backups(to)} == {
        "20990101T000000Z",
        Path(made["folder"]).name,
    }
    assert back_up(to, keep=1)["removed"] == [Path(made["folder"]).name, "20990101T000000Z"]


def test_many_of_one_day_leave_those_of_the_days_before(to: Path) -> None:
    nights = [f"202601{day:02}T030001Z" for day in range(1, 11)]
    releases = [f"20260110T{hour}0000Z" for hour in range(10, 20)]
    for name in nights + releases:
        (to / name).mkdir(parents=True)
    removed = remove_older(to / releases[-1], keep=7)

    kept = [path.name for path in complete_backups(to)]
    # The newest seven, and one of each of the seven days that end with theirs.
    assert kept == nights[3:9] + releases[3:]
    assert removed == [name for name in nights + releases if name not in kept]
    assert remove_older(to / releases[-1], keep=1) == kept[:-1]


def test_the_new_backup_always_stays(to: Path) -> None:
    assert "--keep must be 1 or more" in refused("backup", to=to, keep=0)


@pytest.mark.parametrize("busy", [writing, reading])
def test_two_cannot_use_a_folder_at_once(
    filled: OwnDatabase, to: Path, busy: Callable[[Path], Any]
) -> None:
    back_up(to)
    (to / ".partial-of-the-other").mkdir()
    with busy(to):
        assert "Another backup or restoration uses" in refused("backup", to=to)

    assert (to / ".partial-of-the-other").exists()
    assert len(complete_backups(to)) == 1


def test_a_backup_that_fails_leaves_nothing_and_removes_nothing(
    filled: OwnDatabase, to: Path, tmp_path: Path, settings: Any
) -> None:
    first = back_up(to)
    script = '[ "$1" = --version ] && exec "$real" --version\necho "no such thing" >&2; exit 3'
    settings.POSTGRES_BIN = wrapped_program(tmp_path / "bin", "pg_dump", script)

    assert refused("backup", to=to, keep=1) == "pg_dump failed:\nno such thing"
    assert sorted(path.name for path in to.iterdir()) == [".lock", Path(first["folder"]).name]


def test_what_a_dead_backup_left_is_removed(filled: OwnDatabase, to: Path) -> None:
    to.mkdir()
    put(to, ".partial-20250101T000000Z/media/p/x/video.mp4")
    back_up(to)

    assert not (to / ".partial-20250101T000000Z").exists()


def test_a_disk_without_room_is_refused(
    filled: OwnDatabase, to: Path, other_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 10**6))

    assert "1 MB free: remove old backups, or name" in refused("backup", to=to)
    assert complete_backups(to) == []


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ('echo "pg_dump (PostgreSQL) 15.18 (Debian)"', "is of version 15, and the server of 18"),
        ("exit 1", "cannot be run"),
    ],
)
def test_a_wrong_pg_dump_is_refused_with_what_to_install(
    filled: OwnDatabase, to: Path, tmp_path: Path, settings: Any, script: str, problem: str
) -> None:
    settings.POSTGRES_BIN = wrapped_program(tmp_path / "bin", "pg_dump", script)

    said = refused("backup", to=to)
    assert problem in said
    assert "postgresql-client-18" in said


def test_an_empty_database_can_be_backed_up(own_database: OwnDatabase, to: Path) -> None:
    made = back_up(to)

    assert (made["tables"], made["rows"], made["files"]) == (0, 0, 0)
    assert "same" in restore(made, verify=True)


def test_a_database_that_is_gone_is_one_sentence(own_database: OwnDatabase, to: Path) -> None:
    own_database.drop()

    assert "check DATABASE_URL and the server" in refused("backup", to=to)


def test_a_backup_can_be_read_about(
    filled: OwnDatabase, to: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("backup", to=to)

    said = capsys.readouterr()
    assert "250 rows in 2 tables" in said.out
    assert "2 files, 0.0 MB; 0 of them copied (0.0 MB), 2 take no room." in said.out
    assert said.err == ""

"""`manage.py restore --verify`: what it compares and finds."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from viztube.ops.tests.backing_up import (
    KEY,
    POSTER,
    VIDEO,
    Made,
    OwnDatabase,
    back_up,
    edit,
    put,
    refused,
    restore,
)


def found_wrong(made: Made) -> dict[str, Any]:
    """Return what a verification that fails says as JSON."""
    out = StringIO()
    with pytest.raises(CommandError, match="not what it was when it was made"):
        call_command("restore", made["folder"], verify=True, json=True, stdout=out)
    found = json.loads(out.getvalue())
    assert found["identical"] is False
    return dict(found)


def test_a_verification_compares_everything_and_replaces_nothing(
    made: Made, own_database: OwnDatabase
) -> None:
    own_database.execute("DELETE FROM public.note")
    said = restore(made, verify=True)

    assert [line.split() for line in said.splitlines()] == [
        ["table", "in", "the", "backup", "restored"],
        ["public.note", "200", "200", "same"],
        ["public.person", "50", "50", "same"],
        ["media", "files", "2", "same"],
    ]
    assert own_database.execute("SELECT count(*) FROM public.note") == [(0,)]
    assert own_database.relatives() == [own_database.name]


def test_a_verification_can_be_read_by_programs(made: Made) -> None:
    found = json.loads(restore(made, verify=True, json=True))

    assert (found["identical"], found["files"], found["problems"]) == (True, 2, [])
    assert found["tables"][1]["expected"] == found["tables"][1]["found"]
    assert found["tables"][1]["found"]["rows"] == 50


def test_a_changed_byte_in_a_file_is_found(made: Made, own_database: OwnDatabase) -> None:
    (Path(made["folder"]) / "media" / VIDEO).write_bytes(b"0123456780")

    assert found_wrong(made)["problems"] == [
        f"media/{VIDEO} has other content than when it was backed up."
    ]
    assert "not what it was" in refused("restore", made["folder"], yes=True)
    assert own_database.relatives() == [own_database.name]


def test_files_that_are_missing_or_too_many_or_too_short_are_found(made: Made) -> None:
    media = Path(made["folder"]) / "media"
    (media / VIDEO).unlink()
    (media / POSTER).unlink()
    put(media, POSTER, b"post")
    put(media, f"p/{KEY}/more.mp4")

    assert found_wrong(made)["problems"] == [
        f"media/p/{KEY}/more.mp4 is not in the manifest.",
        f"media/{POSTER} has 4 bytes instead of 6.",
        f"media/{VIDEO} is missing.",
    ]


def test_a_truncated_dump_is_found(made: Made) -> None:
    dump = Path(made["folder"]) / "database.dump"
    size = dump.stat().st_size
    dump.write_bytes(dump.read_bytes()[:-100])

    assert found_wrong(made)["problems"] == [
        f"database.dump has {size - 100:,} bytes instead of {size:,}."
    ]


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("tables", "public.note", "rows"), 199),
        (("tables", "public.note", "checksum"), "1/1"),
        (("tables",), {}),
        (("migrations",), ["users.0001_initial"]),
        (("media", VIDEO, "sha256"), "0" * 64),
        (("media",), {}),
        (("dump", "sha256"), "0" * 64),
    ],
)
def test_an_edited_manifest_is_found(made: Made, keys: tuple[str, ...], value: Any) -> None:
    edit(made, *keys, value=value)

    found_wrong(made)


def test_one_row_with_another_value_is_found(made: Made, own_database: OwnDatabase) -> None:
    own_database.execute("UPDATE public.note SET weight = weight + 1e-9 WHERE id = 7")
    later = back_up(Path(made["folder"]).parent)
    manifest = json.loads((Path(later["folder"]) / "manifest.json").read_text())
    edit(made, "tables", value=manifest["tables"])

    tables = {table["name"]: table for table in found_wrong(made)["tables"]}
    assert tables["public.note"]["expected"] != tables["public.note"]["found"]
    assert tables["public.note"]["expected"]["rows"] == 200
    assert tables["public.person"]["expected"] == tables["public.person"]["found"]


def test_what_is_no_backup_is_one_sentence(made: Made, tmp_path: Path) -> None:
    assert "is no backup" in refused("restore", str(tmp_path), verify=True)
    (Path(made["folder"]) / "manifest.json").write_text("{")
    assert "is damaged" in refused("restore", made["folder"], verify=True)


def test_a_manifest_of_another_kind_is_refused(made: Made) -> None:
    edit(made, "format", value=2)

    assert "by another version" in refused("restore", made["folder"], verify=True)

"""`manage.py restore`: what it compares, what it replaces, and what is in place when it fails."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql

from viztube.ops.backups import BackupError
from viztube.ops.backups.postgres import connected
from viztube.ops.backups.scratch import maintenance, swap
from viztube.ops.tests.backing_up import (
    KEY,
    POSTER,
    VIDEO,
    OwnDatabase,
    back_up,
    put,
    refused,
    restore,
    server_does,
    session,
    wrapped_program,
)
from viztube.ops.tests.files import mode
from viztube.ops.tests.waiting import eventually

Made = dict[str, Any]
ROWS = "SELECT count(*) FROM public.person"


@pytest.fixture
def made(own_database: OwnDatabase, media_root: Path, tmp_path: Path) -> Made:
    """Return a backup of a small database and two files."""
    own_database.fill()
    put(media_root, VIDEO)
    put(media_root, POSTER, b"poster")
    return back_up(tmp_path / "backups")


@pytest.fixture
def roles(own_database: OwnDatabase, settings: Any) -> Iterator[tuple[str, str]]:
    """Let a role own the database as in production, beside one that the application has."""
    owner, app = (f"{own_database.name}_{part}" for part in ("owner", "app"))
    config = settings.DATABASES["default"]
    user, password = config["USER"], config["PASSWORD"]
    for role, right in ((owner, "CREATEDB"), (app, "NOCREATEDB")):
        server_does(
            sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                sql.Identifier(role), sql.SQL(right), password
            )
        )
    server_does(
        sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
            sql.Identifier(own_database.name), sql.Identifier(owner)
        )
    )
    config["USER"] = owner
    yield owner, app
    config["USER"] = user
    for name in own_database.relatives():
        server_does(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    for role in (owner, app):
        server_does(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    server_does(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(own_database.name)))


def edit(made: Made, *keys: str, value: Any) -> None:
    """Change one thing in a manifest."""
    path = Path(made["folder"]) / "manifest.json"
    manifest = part = json.loads(path.read_text())
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(json.dumps(manifest))


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
    assert "is no backup" in refused("restore", tmp_path, verify=True)
    (Path(made["folder"]) / "manifest.json").write_text("{")
    assert "is damaged" in refused("restore", made["folder"], verify=True)


def test_a_manifest_of_another_kind_is_refused(made: Made) -> None:
    edit(made, "format", value=2)

    assert "by another version" in refused("restore", made["folder"], verify=True)


def test_a_lost_database_and_lost_files_come_back(
    made: Made, own_database: OwnDatabase, media_root: Path
) -> None:
    own_database.drop()
    (media_root / VIDEO).unlink()
    # In its place, for the backup has the same file under another name.
    (media_root / POSTER).unlink()
    put(media_root, POSTER, b"po")
    extra = put(media_root, f"h/{'e' * 32}/video.mp4")
    said = restore(made, yes=True)

    assert own_database.execute(ROWS) == [(50,)]
    assert "there was none before" in said
    assert "2 of 2 files were put back; 1 files that the backup does not have" in said
    assert (media_root / VIDEO).read_bytes() == b"0123456789"
    assert (media_root / POSTER).read_bytes() == b"poster"
    assert mode(media_root / VIDEO) == 0o644
    assert extra.exists()
    assert list((media_root / "incoming").iterdir()) == []
    assert own_database.relatives() == [own_database.name]


def test_what_was_there_is_kept_and_whoever_is_connected_sent_away(
    made: Made, own_database: OwnDatabase
) -> None:
    own_database.execute("DELETE FROM public.note; DELETE FROM public.person WHERE id > 3")
    with session(own_database.name) as other:
        restore(made, yes=True)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")

    assert own_database.execute(ROWS) == [(50,)]
    kept = own_database.relatives()[1]
    assert kept.startswith(f"{own_database.name}_before_")
    assert OwnDatabase(kept).execute(ROWS) == [(3,)]
    # Numbers go on where they were.
    query = "INSERT INTO public.note (person_id) VALUES (1) RETURNING id"
    assert own_database.execute(query) == [(201,)]


def test_whoever_comes_back_at_once_does_not_stop_it(made: Made, own_database: OwnDatabase) -> None:
    over = threading.Event()
    seen: list[int] = []

    def come_back() -> None:
        while not over.is_set():
            with suppress(psycopg.Error):
                seen.append(own_database.execute(ROWS)[0][0])

    own_database.execute("DELETE FROM public.note; DELETE FROM public.person WHERE id > 3")
    threads = [threading.Thread(target=come_back) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        restore(made, yes=True)
        assert eventually(lambda: seen[-1] == 50)
    finally:
        over.set()
        for thread in threads:
            thread.join()

    # Never one that is only half there.
    assert set(seen) == {3, 50}


def test_the_owner_and_all_rights_are_as_they_were(
    own_database: OwnDatabase, roles: tuple[str, str], tmp_path: Path
) -> None:
    owner, app = roles
    own_database.execute(
        f"ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT ON TABLES TO {app};"
        f"REVOKE ALL ON DATABASE {own_database.name} FROM PUBLIC;"
        f"GRANT CONNECT ON DATABASE {own_database.name} TO {app};"
        f"GRANT USAGE ON SCHEMA public TO {app};"
        f"ALTER DATABASE {own_database.name} SET statement_timeout = '15s';"
        f"ALTER DATABASE {own_database.name} SET search_path = public, pg_catalog;"
        "CREATE EXTENSION pg_trgm SCHEMA public"
    )
    own_database.fill()
    rights = f"""
        SELECT (SELECT array_agg(
                    relname || relowner::regrole::text || relacl::text ORDER BY relname)
                FROM pg_class WHERE relname IN ('person', 'note')),
               (SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'),
               (SELECT array_agg(defaclacl::text) FROM pg_default_acl),
               d.datdba::regrole::text, d.datcollate, d.datlocale, d.encoding,
               has_database_privilege('{app}', d.oid, 'CONNECT'),
               has_database_privilege('{app}', d.oid, 'TEMPORARY'),
               (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid)
        FROM pg_database AS d WHERE datname = current_database()
    """
    before = own_database.execute(rights)
    made = back_up(tmp_path / "backups")
    own_database.drop()
    restore(made, yes=True)

    assert own_database.execute(rights) == before
    assert before[0][3] == owner
    assert before[0][7:9] == (True, False)


def test_a_role_that_may_not_make_databases_is_told_so(
    own_database: OwnDatabase, roles: tuple[str, str], tmp_path: Path, settings: Any
) -> None:
    made = back_up(tmp_path / "backups")
    settings.DATABASES["default"]["USER"] = roles[1]

    assert f'ALTER ROLE "{roles[1]}" CREATEDB' in refused("restore", made["folder"], yes=True)


def test_another_ones_database_is_not_replaced(
    own_database: OwnDatabase, roles: tuple[str, str], tmp_path: Path, settings: Any
) -> None:
    owner, app = roles
    made = back_up(tmp_path / "backups")
    settings.DATABASES["default"]["USER"] = app
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("viztube.ops.backups.restoring.maintenance", lambda: connected("postgres"))
        said = refused("restore", made["folder"], yes=True)

    assert f"belongs to {owner}" in said


def test_a_role_that_is_missing_is_said_before_anything_is_replaced(
    own_database: OwnDatabase, roles: tuple[str, str], tmp_path: Path
) -> None:
    own_database.fill()
    made = back_up(tmp_path / "backups")
    edit(made, "database", "grants", value=[["no_such_role", "CONNECT", "false"]])

    assert 'role "no_such_role" does not exist' in refused("restore", made["folder"], yes=True)
    assert own_database.relatives() == [own_database.name]


def test_the_application_that_is_connected_must_be_stopped_first(
    own_database: OwnDatabase, roles: tuple[str, str], tmp_path: Path, settings: Any
) -> None:
    owner, app = roles
    own_database.fill()
    made = back_up(tmp_path / "backups")
    settings.DATABASES["default"]["USER"] = app
    with session(own_database.name):
        settings.DATABASES["default"]["USER"] = owner
        said = refused("restore", made["folder"], yes=True)

    assert said.startswith(f"{app} is connected to the database")
    assert own_database.execute(ROWS) == [(50,)]


def test_without_a_terminal_nothing_is_replaced(
    made: Made, own_database: OwnDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("yes\n"))

    assert "add --yes" in refused("restore", made["folder"])
    assert own_database.relatives() == [own_database.name]


@pytest.mark.parametrize(("answer", "databases"), [("no", 1), ("", 1), ("yes", 2)])
def test_on_a_terminal_it_asks(
    made: Made,
    own_database: OwnDatabase,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    databases: int,
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    if answer == "yes":
        assert "what was there would be kept as" in restore(made)
    else:
        assert refused("restore", made["folder"]) == "Nothing was replaced."

    assert len(own_database.relatives()) == databases


def test_a_dry_run_says_what_would_be_and_does_nothing(
    made: Made, own_database: OwnDatabase, media_root: Path
) -> None:
    (media_root / VIDEO).unlink()
    said = restore(made, dry_run=True)

    assert f"would be kept as {own_database.name}_before_" in said
    assert "1 of 2 files would be put back" in said
    assert own_database.relatives() == [own_database.name]
    assert not (media_root / VIDEO).exists()


def test_a_restoration_that_fails_half_way_leaves_the_old_database(
    made: Made, own_database: OwnDatabase, tmp_path: Path, settings: Any
) -> None:
    script = '[ "$1" = --version ] && exec "$real" --version\necho "torn" >&2; exit 1'
    settings.POSTGRES_BIN = wrapped_program(tmp_path / "bin", "pg_restore", script)

    assert "pg_restore failed:\ntorn\nNothing was replaced" in refused(
        "restore", made["folder"], yes=True
    )
    assert own_database.relatives() == [own_database.name]
    assert own_database.execute(ROWS) == [(50,)]


def test_a_renaming_that_fails_is_taken_back_with_the_one_before_it(
    own_database: OwnDatabase,
) -> None:
    with maintenance() as server, pytest.raises(BackupError, match="as it was: stop VizTube"):
        swap(server, "no_such_database", f"{own_database.name}_before_x")

    assert own_database.relatives() == [own_database.name]


def test_what_a_dead_restoration_left_is_dropped(made: Made, own_database: OwnDatabase) -> None:
    for name in ("restore_20250101T000000Z", "restore_of_mine"):
        server_does(
            sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{own_database.name}_{name}"))
        )
    restore(made, verify=True)

    assert own_database.relatives() == [own_database.name, f"{own_database.name}_restore_of_mine"]


def test_two_restorations_take_turns(made: Made) -> None:
    with maintenance():
        assert "Another restoration is running" in refused("restore", made["folder"], verify=True)


def test_a_backup_copied_elsewhere_can_be_restored(made: Made, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = Path(made["folder"]).rename(elsewhere / "mine")

    assert "same" in restore({"folder": str(folder)}, verify=True)
    assert list(elsewhere.iterdir()) == [folder]


def test_options_that_do_not_go_together_are_refused(made: Made) -> None:
    assert "--json goes with --verify" in refused("restore", made["folder"], json=True, yes=True)

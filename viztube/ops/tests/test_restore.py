"""`manage.py restore`: what it replaces, and what is in place when it fails."""

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from viztube.ops.backups import BackupError, restoring
from viztube.ops.backups.postgres import connected
from viztube.ops.backups.scratch import maintenance, swap
from viztube.ops.tests.backing_up import (
    POSTER,
    VIDEO,
    Made,
    OwnDatabase,
    back_up,
    edit,
    put,
    refused,
    restore,
    server_does,
    session,
    wrapped_program,
)
from viztube.ops.tests.files import mode
from viztube.ops.tests.waiting import eventually

ROWS = "SELECT count(*) FROM public.person"


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


def test_files_from_another_disk_can_be_read_by_the_web_server(
    made: Made, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (media_root / VIDEO).unlink()
    (Path(made["folder"]) / "media" / VIDEO).chmod(0o600)

    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    restore(made, yes=True)

    assert (media_root / VIDEO).read_bytes() == b"0123456789"
    assert mode(media_root / VIDEO) == 0o644


def test_nobody_can_agree_to_a_damaged_backup(made: Made, own_database: OwnDatabase) -> None:
    edit(made, "tables", "public.note", "rows", value=199)
    done = restoring.restore(Path(made["folder"]), confirm=lambda *_: True, advance=lambda *_: None)

    assert done is None
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

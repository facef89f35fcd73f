"""What ``import_v2`` takes, refuses and says."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from dashboard.imports import rows
from dashboard.imports.address import OldDatabaseError, parse_address
from dashboard.imports.old_database import open_old_database
from dashboard.imports.people import People
from dashboard.imports.run import ADVISORY_LOCK
from dashboard.tests.importing import Lines, Run, failed
from dashboard.tests.old_service import OldService, old_id, our_database
from dashboard.tests.test_import_v2 import SAME
from social.models import Like, Playlist
from users.models import User
from users.tests.factories import UserFactory
from videos.models import DailyViews, Video, WatchHistory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reports without a name lie in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


def test_a_dry_run_says_the_same_and_writes_nothing(
    small_old_service: OldService, run_import: Run, tmp_path: Path
) -> None:
    out = StringIO()
    address = f"--from={small_old_service.address}"
    call_command("import_v2", address, "--dry-run", stdout=out)

    assert not DailyViews.objects.exists()
    assert not any(model._default_manager.exists() for model in SAME)
    dry = (tmp_path / "import_v2-dry-run.jsonl").read_text()
    assert "nothing was imported" in out.getvalue()
    real = StringIO()
    call_command("import_v2", address, stdout=real)
    assert out.getvalue().splitlines()[:10] == real.getvalue().splitlines()[:10]
    assert dry == (tmp_path / "import_v2-report.jsonl").read_text()


def test_the_counts_are_a_table(small_old_service: OldService) -> None:
    out = StringIO()
    call_command("import_v2", f"--from={small_old_service.address}", stdout=out)

    head, *lines = out.getvalue().splitlines()
    assert head.split("  ")[0] == "table"
    assert head.endswith("read  imported  already there  changed  refused")
    assert len({len(line) for line in (head, *lines[:9])}) == 1
    assert lines[9:] == [
        "What was changed and refused is in import_v2-report.jsonl.",
        "Every row of the old database is here or was refused.",
    ]


def test_what_was_not_looked_at_again_is_told(small_old_service: OldService) -> None:
    call_command("import_v2", f"--from={small_old_service.address}", stdout=StringIO())
    out = StringIO()
    call_command("import_v2", f"--from={small_old_service.address}", stdout=out)

    assert out.getvalue().endswith(
        "\nRows that were here already stayed as they are: what the old service has changed in "
        "them since is not here.\nEvery row of the old database is here or was refused.\n"
    )


def test_nothing_is_said_where_nobody_looks(
    small_old_service: OldService, run_import: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    run_import(small_old_service)

    assert capfd.readouterr() == ("", "")


def test_what_this_service_has_already_keeps_its_place(
    old_service: OldService, run_import: Run, report: Lines
) -> None:
    here = UserFactory.create(username="person1", email="person2@example.com", password=None)
    run_import(old_service)
    user = User.objects.get(pk=old_id("User", 3))
    video = Video.objects.get(pk=old_id("Video", 1))
    own = Like.objects.filter(user=user, video=video)
    own.delete()
    own_like = Like.objects.create(user=user, video=video)
    WatchHistory.objects.filter(user=user, video=video).delete()
    WatchHistory.objects.create(user=user, video=video, watched_at=video.created_at)
    pair = {"userId": str(user.pk), "videoId": str(video.pk)}
    for table in ("Like", "WatchHistory"):
        old_service.execute(
            f'DELETE FROM "{table}" WHERE "userId" = %(userId)s AND "videoId" = %(videoId)s', pair
        )
        old_service.add(table, 300_000_000, **pair)

    numbers = run_import(old_service)

    person1 = User.objects.get(pk=old_id("User", 1))
    assert person1.username == f"person1-{old_id('User', 1)[-8:]}"
    assert User.objects.get(pk=old_id("User", 2)).email.endswith("@duplicate.invalid")
    here.refresh_from_db()
    assert (here.username, here.email) == ("person1", "person2@example.com")
    reasons = {
        line["table"]: line["reason"]
        for line in report()
        if line["id"] == old_id(line["table"], 300_000_000)
    }
    assert reasons == {
        "Like": "the same person likes the same thing here already",
        "WatchHistory": "the same person has watched the same video here",
    }
    assert own.get() == own_like
    assert numbers["Like"][0] == sum(numbers["Like"][index] for index in (1, 2, 4))


def test_a_row_that_only_the_database_refuses_takes_no_other_with_it(
    small_old_service: OldService,
    run_import: Run,
    report: Lines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dashboard.imports.social.COMMENT_LENGTH", 5500)
    numbers = run_import(small_old_service)

    read, imported, _, changed, refused = numbers["Comment"]
    assert (read, changed) == (imported + refused, 0)
    row_id = old_id("Comment", 100_001)
    [line] = [line for line in report() if line["id"] == row_id]
    assert line["reason"] == "the database refuses it: social_comment_content_length"
    assert len(line["old"]["content"]) == 300_000
    for name in ("User", "Video", "Like"):
        assert numbers[name][1] > 0


def test_a_name_taken_at_the_very_moment_is_looked_at_anew(
    small_old_service: OldService, run_import: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, calls = People.prepare, []

    def slow(self: Any, batch: Any) -> None:
        prepare(self, batch)
        calls.append(1)
        if len(calls) == 1:
            self._usernames.discard("person1")

    UserFactory.create(username="person1", password=None)
    monkeypatch.setattr(People, "prepare", slow)
    numbers = run_import(small_old_service)

    assert len(calls) == 2
    assert numbers["User"][0] == numbers["User"][1] + numbers["User"][4]
    assert User.objects.get(pk=old_id("User", 1)).username.startswith("person1-")


def test_videos_of_who_is_suspended_here_stay_hidden(
    old_service: OldService, run_import: Run
) -> None:
    run_import(old_service)
    User.objects.filter(pk=old_id("User", 1)).update(is_active=False)
    video = old_service.add("Video", 5000)
    run_import(old_service)

    row = Video.objects.get(pk=video)
    assert row.is_published
    assert row.folder.startswith("h/")


def test_what_was_deleted_here_during_the_import_is_noticed(
    small_old_service: OldService, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.imports import run

    real = run._verify

    def later(kind: Any, *args: Any) -> None:
        Playlist.objects.filter(pk=old_id("Playlist", 1)).delete()
        real(kind, *args)

    monkeypatch.setattr(run, "_verify", later)
    assert failed(small_old_service.address).startswith("The numbers of Playlist do not add up")


def test_two_imports_at_once_are_one_too_many(small_old_service: OldService) -> None:
    with psycopg.connect(our_database()) as one:
        one.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        assert failed(small_old_service.address).startswith("Another import is running")
        # The server notices a closed connection a moment later.
        one.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
    call_command("import_v2", f"--from={small_old_service.address}", stdout=StringIO())


def test_an_import_leaves_the_lock_behind_for_the_next_one(small_old_service: OldService) -> None:
    failed("postgresql://user:hunter2@127.0.0.1:1/x")
    with psycopg.connect(our_database()) as one:
        query = "SELECT pg_try_advisory_lock(%s)"
        assert one.execute(query, [ADVISORY_LOCK]).fetchone() == (True,)


def test_the_old_database_is_only_read_and_stands_still(
    small_old_service: OldService, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    connect = psycopg.connect

    def remembered(*args: Any, **kwargs: Any) -> Any:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(psycopg, "connect", remembered)
    with open_old_database(parse_address(small_old_service.address)):
        [session] = opened
        for name, value in (
            ("transaction_read_only", "on"),
            ("transaction_isolation", "repeatable read"),
        ):
            assert session.execute(f"SHOW {name}").fetchone() == (value,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            session.execute('DELETE FROM "User"')
    assert session.closed


@pytest.mark.parametrize(
    ("address", "start"),
    [
        ("mysql://user:hunter2@host/name", "--from must be the address of a PostgreSQL"),
        ("prisma://user:hunter2@host/name", "--from must be the address of a PostgreSQL"),
        ("user:hunter2@host", "--from must be the address of a PostgreSQL"),
        ("", "--from must be the address of a PostgreSQL"),
        ("postgres://user:pa@hunter2@host/name", "--from is no address like"),
        ("postgres://user:pa/hunter2@host/name", "--from is no address like"),
        ("postgres://user:pa?hunter2@host/name", "--from is no address like"),
        ("postgres://user:pa#hunter2@host/name", "--from is no address like"),
        ("postgres://user:hunter2%zz@host/name", "--from is no address like"),
        ("postgres://user:pa[hunter2@host/name", "--from is no address like"),
        ("postgres://user:hunter2@host/name?sslmod=require", "--from has a parameter that neither"),
        ("postgres://user:hunter2@127.0.0.1:1/name", "No connection to the old database: check"),
    ],
)
def test_an_address_that_leads_nowhere_is_a_sentence(address: str, start: str) -> None:
    assert failed(address).startswith(start)


def test_a_wrong_password_is_not_repeated(small_old_service: OldService) -> None:
    address = small_old_service.address.replace(small_old_service.password, "hunter2")

    assert failed(address).startswith("No connection to the old database")
    # The server repeats the name of the user.
    same = address.replace("://viztube:", "://hunter2:")
    assert same != address
    assert 'for user "***"' in failed(same)


@pytest.mark.parametrize(
    ("query", "kept", "schema"),
    [
        ("", "connect_timeout=10", None),
        ("schema=public&connection_limit=5&pool_timeout=0", "connect_timeout=10", "public"),
        ("pgbouncer=true&connect_timeout=3", "connect_timeout=3", None),
        ("sslmode=require&schema=my%20own", "sslmode=require&connect_timeout=10", "my own"),
        ("schema=", "connect_timeout=10", None),
    ],
)
def test_parameters_go_where_they_are_understood(query: str, kept: str, schema: str | None) -> None:
    parsed = parse_address(f"postgres://user:p%40ss@host:5432/name?{query}")

    assert parsed.conninfo == f"postgresql://user:p%40ss@host:5432/name?{kept}"
    assert (parsed.schema, parsed.password) == (schema, "p@ss")
    assert "ss" not in repr(parsed).removeprefix("OldAddress")
    with pytest.raises(OldDatabaseError):
        parse_address(f"postgres://user@host/name?{query}&other=1")


def test_the_socket_of_this_machine_is_an_address_too() -> None:
    parsed = parse_address("postgres:///name?host=/run/postgresql")

    assert parsed.conninfo == "postgresql:///name?host=/run/postgresql&connect_timeout=10"


def test_tables_in_another_schema_are_found(old_service: OldService, run_import: Run) -> None:
    old_service.execute('ALTER SCHEMA public RENAME TO "Tenant 1"; CREATE SCHEMA public')
    with pytest.raises(CommandError, match="there is no table User"):
        run_import(old_service)

    address = old_service.address.replace("schema=public", "schema=Tenant%201")
    call_command("import_v2", f"--from={address}", stdout=StringIO())
    assert User.objects.exists()


def test_a_database_that_is_another_is_told_what_it_lacks(old_service: OldService) -> None:
    old_service.execute('DROP TABLE "WatchHistory"; ALTER TABLE "Video" DROP COLUMN views')

    said = failed(old_service.address)

    assert "there is no table WatchHistory" in said
    assert "Video has no column views" in said
    assert "schema" in said
    assert not User.objects.exists()


def test_a_user_that_may_not_read_is_told_so(old_service: OldService, tmp_path: Path) -> None:
    name = f"reader_{os.getpid()}"
    grant = 'GRANT SELECT ON "User", "Video" TO'
    old_service.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2'; {grant} {name}")
    try:
        place = old_service.address.partition("@")[2]
        said = failed(f"postgresql://{name}:hunter2@{place}")
    finally:
        old_service.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")

    assert "its user may not read Comment" in said
    assert "may not read User" not in said


def test_our_own_database_without_its_tables_is_a_sentence(small_old_service: OldService) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE social_tweet RENAME TO elsewhere")

    with pytest.raises(CommandError, match="migrate` first"), transaction.atomic():
        call_command("import_v2", f"--from={small_old_service.address}")


def test_help_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("import_v2", "--help")

    said = capsys.readouterr().out
    assert ended.value.code == 0
    for word in ("--from", "--dry-run", "--report", "goes on", "postgresql://"):
        assert word in said


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("https://res.cloudinary.com/a/b.mp4", True),
        ("HTTP://example.com", True),
        ("https://example.com/ä?x=1#y", True),
        ("https:///a", False),
        ("https://", False),
        ("http://[", False),
        ("//example.com/a", False),
        ("ftp://example.com/a", False),
        ("https://example.com/a b", False),
        ("https://example.com/a\n", False),
    ],
)
def test_what_is_a_web_address(text: str, fits: bool) -> None:
    assert rows.is_web_address(text) is fits

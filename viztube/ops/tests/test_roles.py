"""The two roles of production: one changes tables, the other only their rows."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from viztube.ops.dev.services import ffmpeg_addresses
from viztube.ops.embedded import Postgres, Valkey
from viztube.ops.embedded.server import HOST
from viztube.ops.embedded.wheels import postgres_program
from viztube.ops.tests.site import KEPT, PROJECT, Environ

pytestmark = pytest.mark.slow

PROGRAMS = postgres_program("psql").parent


class Deployed(Postgres):
    """A server with the settings of production, but for where it listens."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        settings = folder / "postgresql.conf"
        shutil.copy(PROJECT / "deploy/postgres/postgresql.conf", settings)
        self._settings = {
            "config_file": str(settings),
            "listen_addresses": HOST,
            "unix_socket_directories": "",
        }


@dataclass
class Host:
    """A machine with the secrets and the database of production."""

    folder: Path
    server: str
    cache: str

    def secret(self, name: str) -> str:
        return (self.folder / name).read_text().strip()

    def address(self, role: str) -> str:
        made = urlsplit(self.secret(f"{role}/database_url"))
        return made._replace(
            netloc=f"{made.username}:{made.password}@{urlsplit(self.server).netloc.split('@')[1]}"
        ).geturl()

    def connect(self, role: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.address(role), autocommit=True)

    def environ(self, role: str) -> Environ:
        kept = {name: text for name, text in os.environ.items() if name in KEPT}
        return (
            kept
            | ffmpeg_addresses(kept)
            | {
                "PUBLIC_URL": "https://viztube.test",
                "SECRET_KEY_FILE": str(self.folder / "app/secret_key"),
                "JWT_SIGNING_KEY_FILE": str(self.folder / "app/jwt_signing_key"),
                "CLOUDINARY_URL_FILE": str(self.folder / "app/cloudinary_url"),
                "SENTRY_DSN_FILE": str(self.folder / "app/sentry_dsn"),
                "DATABASE_URL": self.address(role),
                "REDIS_URL": self.cache,
                "MEDIA_ROOT": str(self.folder / "media"),
                "POSTGRES_BIN": str(PROGRAMS),
            }
        )

    def manage(self, role: str, *command: str) -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=PROJECT,
            env=self.environ(role),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def make_roles(self) -> None:
        """Run what the image of PostgreSQL runs when its database is new."""
        superuser = urlsplit(self.server)
        subprocess.run(
            ["sh", "deploy/postgres/roles.sh"],
            cwd=PROJECT,
            env={
                "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
                "SECRETS": str(self.folder / "database"),
                "POSTGRES_USER": str(superuser.username),
                "PGHOST": str(superuser.hostname),
                "PGPORT": str(superuser.port),
                "PGPASSWORD": str(superuser.password),
            },
            check=True,
            capture_output=True,
        )


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    for name in ("app", "owner", "database", "cache", "media"):
        (folder / name).mkdir()
    secrets = {"SECRETS": str(folder), "CERTIFICATES": str(folder), "PATH": os.environ["PATH"]}
    subprocess.run(["sh", "deploy/secrets.sh"], cwd=PROJECT, env=secrets, check=True)
    database, cache = Deployed(folder), Valkey(folder)
    try:
        made = Host(folder, database.start(), cache.start())
        with psycopg.connect(f"{made.server[: -len('/viztube')]}/postgres", autocommit=True) as own:
            # The image of PostgreSQL makes no database of that name.
            own.execute("DROP DATABASE viztube")
        made.make_roles()
        made.make_roles()
        made.manage("owner", "migrate")
        made.manage("app", "create_staff", "ann", "--email", "ann@viztube.example")
        yield made
    finally:
        cache.stop()
        database.stop()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (id int)",
        "DROP TABLE users_user",
        "ALTER TABLE users_user ADD COLUMN more int",
        "ALTER TABLE users_user DISABLE TRIGGER ALL",
        "TRUNCATE users_user",
        "CREATE ROLE more",
        "CREATE DATABASE more",
    ],
)
def test_the_application_may_not_change_tables(host: Host, statement: str) -> None:
    with host.connect("app") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_the_application_may_do_all_that_it_does(host: Host) -> None:
    few = [
        f"--{name}=5"
        for name in (
            *("users", "videos", "comments", "likes", "subscriptions", "tweets", "playlists"),
            *("playlist-videos", "history"),
        )
    ]
    host.manage("app", "seed_demo", *few, "--force")
    assert "Running jobs" in host.manage("app", "worker", "--once")
    host.manage("app", "prune")
    with host.connect("app") as connection:
        assert connection.execute("SELECT count(*) FROM videos_video").fetchone() == (5,)


def test_a_table_of_a_later_migration_is_the_application_s_too(host: Host) -> None:
    with host.connect("owner") as owner, host.connect("app") as application:
        owner.execute("CREATE TABLE later (id bigint GENERATED BY DEFAULT AS IDENTITY, n int)")
        try:
            application.execute("INSERT INTO later (n) VALUES (1)")
            assert application.execute("SELECT n FROM later").fetchall() == [(1,)]
        finally:
            owner.execute("DROP TABLE later")


LINE = """
INSERT INTO social_moderationaction (id, actor_label, actor_role, decision, target_type, target_id,
    target_label, owner_id, owner_label, reason)
VALUES (uuidv7(), 'ann', 'senior', 'remove', 'tweet', uuidv7(), 'Text', uuidv7(), 'bob', 'Spam.')
"""
ALTERATIONS = [
    "UPDATE social_moderationaction SET reason = 'Another.'",
    "UPDATE social_moderationaction SET reason = reason WHERE false",
    "DELETE FROM social_moderationaction",
    "DELETE FROM social_moderationaction WHERE false",
    "TRUNCATE social_moderationaction",
    f"{LINE} ON CONFLICT (id) DO UPDATE SET reason = 'Another.'",
    "MERGE INTO social_moderationaction USING users_user ON false WHEN MATCHED THEN DELETE",
    "ALTER TABLE social_moderationaction DISABLE TRIGGER ALL",
    "ALTER TABLE social_moderationaction DISABLE TRIGGER social_moderationaction_append_only",
    "DROP TRIGGER social_moderationaction_append_only ON social_moderationaction",
    "ALTER FUNCTION social_moderationaction_append_only() RENAME TO another",
    "DROP TABLE social_moderationaction",
    "CREATE RULE more AS ON INSERT TO social_moderationaction DO INSTEAD NOTHING",
    "SET session_replication_role = replica",
]


def the_log_is_only_added_to(host: Host) -> None:
    """Fail unless the application may read the log and add to it, and no more."""
    count = "SELECT count(*) FROM social_moderationaction"
    with host.connect("app") as connection:
        connection.execute(LINE)
        before = connection.execute(count).fetchone()
        assert before
        assert before != (0,)
        for statement in ALTERATIONS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        # Who has no right to pass on is only warned.
        connection.execute("GRANT ALL ON social_moderationaction TO PUBLIC")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(ALTERATIONS[0])
        assert connection.execute(count).fetchone() == before
    # Whoever may is stopped by the trigger.
    with host.connect("owner") as owner:
        for statement in (ALTERATIONS[0], ALTERATIONS[2]):
            with pytest.raises(psycopg.errors.RestrictViolation, match="only added to"):
                owner.execute(statement)


def test_the_application_only_adds_to_the_log(host: Host) -> None:
    the_log_is_only_added_to(host)
    # Also after the roles were made again, with the table there.
    host.make_roles()
    the_log_is_only_added_to(host)


def test_nobody_else_may_connect(host: Host) -> None:
    with host.connect("owner") as owner:
        granted = owner.execute("SELECT datacl::text FROM pg_database WHERE datname = 'viztube'")
        (rights,) = granted.fetchone() or ("",)
    assert "{=" not in str(rights)
    assert ",=" not in str(rights)


def test_a_backup_is_put_back_while_the_application_is_connected(
    host: Host, tmp_path: Path
) -> None:
    with host.connect("app") as connection:
        connection.execute(LINE)
    host.manage("owner", "backup", "--to", str(tmp_path))
    (backup,) = (path for path in tmp_path.iterdir() if path.is_dir())
    with host.connect("app") as connection:
        connection.execute("DELETE FROM users_securityevent")
        connection.execute("UPDATE users_user SET fullname = 'Changed'")

        host.manage("owner", "restore", str(backup), "--yes")

        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with host.connect("app") as connection:
        changed = connection.execute("SELECT count(*) FROM users_user WHERE fullname = 'Changed'")
        assert changed.fetchone() == (0,)
        connection.execute("UPDATE users_user SET fullname = 'Ann' WHERE username = 'ann'")
    test_the_application_may_not_change_tables(host, "CREATE TABLE more (id int)")
    test_nobody_else_may_connect(host)
    the_log_is_only_added_to(host)

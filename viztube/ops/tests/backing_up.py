"""A database and media of a test's own, to back up, to lose and to restore."""

import itertools
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from psycopg import sql

from viztube.ops.backups import folders
from viztube.ops.backups.postgres import MAINTENANCE, connected
from viztube.ops.embedded.wheels import postgres_program
from viztube.ops.tests.site import KEPT, Environ

Made = dict[str, Any]

KEY = "0123456789abcdef" * 2
VIDEO = f"p/{KEY}/video.mp4"
POSTER = f"p/{KEY}/poster.jpg"
_CONTENT = """
    CREATE TABLE person (id int PRIMARY KEY, name text NOT NULL, made timestamptz DEFAULT now());
    CREATE TABLE note (id bigserial PRIMARY KEY, person_id int REFERENCES person, "t" text,
        digest bytea, weight float8);
    INSERT INTO person SELECT n, 'person ' || n FROM generate_series(1, 50) AS n;
    INSERT INTO note (person_id, "t", digest, weight)
        SELECT 1 + n % 50, repeat('text ', n), sha256(n::text::bytea), n / 7.0
        FROM generate_series(1, 200) AS n;
"""


@dataclass(frozen=True)
class OwnDatabase:
    """A database beside the one that tests use."""

    name: str

    def execute(self, query: str) -> list[tuple[Any, ...]]:
        """Run statements in it; return the rows of the last one."""
        with connected(self.name) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def fill(self) -> None:
        """Make two small tables."""
        self.execute("SET search_path = public;" + _CONTENT)

    def drop(self) -> None:
        """Lose it."""
        server_does(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))

    def relatives(self) -> list[str]:
        """Return the names of all databases that were made from this one, and its own."""
        with connected(MAINTENANCE) as server:
            query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
            return [name for (name,) in server.execute(query, [self.name])]

    def address(self) -> str:
        """Return what DATABASE_URL is for a process."""
        config = django_settings.DATABASES["default"]
        return (
            f"postgres://{quote(config['USER'])}:{quote(config['PASSWORD'])}"
            f"@{config['HOST']}:{config['PORT']}/{self.name}"
        )


def commands_environ(database: OwnDatabase, media_root: Path, folder: Path) -> Environ:
    """Return the environment of commands as processes, on a database of a test's own."""
    kept = {name: text for name, text in os.environ.items() if name in KEPT | {"FFMPEG", "FFPROBE"}}
    return kept | {
        "DEBUG": "1",
        "DATA_DIR": str(folder),
        "MEDIA_ROOT": str(media_root),
        "DATABASE_URL": database.address(),
        # Nothing listens there.
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "POSTGRES_BIN": str(postgres_program("pg_dump").parent),
    }


@contextmanager
def own_database_on(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[OwnDatabase]:
    """Make a database and let VizTube's settings name it; afterwards drop what came of it."""
    database = OwnDatabase(f"own_{secrets.token_hex(4)}")
    # Another object than Django's own connection has, which stays where it is.
    config = {**settings.DATABASES["default"], "NAME": database.name}
    monkeypatch.setitem(settings.DATABASES, "default", config)
    settings.POSTGRES_BIN = str(postgres_program("pg_dump").parent)
    # Backups are named for the second, and tests are quick.
    numbers = itertools.count(10)
    monkeypatch.setattr(folders, "stamp", lambda: f"20260101T0000{next(numbers)}Z")
    server_does(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database.name)))
    try:
        yield database
    finally:
        for name in database.relatives():
            server_does(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def server_does(statement: sql.Composed | sql.SQL) -> None:
    """Run a statement that is about databases or roles."""
    with connected(MAINTENANCE) as server:
        server.execute(statement)


@contextmanager
def session(name: str) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection like that of a web process: it may be ended from the other side."""
    with connected(name) as connection:
        yield connection


def put(root: Path, path: str, content: bytes = b"0123456789") -> Path:
    """Write a file below the media root."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def back_up(to: Path, **options: Any) -> Made:
    """Make a backup; return what is printed as JSON."""
    out = StringIO()
    call_command("backup", to=to, json=True, stdout=out, **options)
    made: Made = json.loads(out.getvalue())
    return made


def restore(made: Made, **options: Any) -> str:
    """Restore a backup; return what is printed."""
    out = StringIO()
    call_command("restore", made["folder"], stdout=out, **options)
    return out.getvalue()


def refused(command: str, *arguments: str, **options: Any) -> str:
    """Return the sentence that a command fails with."""
    with pytest.raises(CommandError) as caught:
        call_command(command, *arguments, stdout=StringIO(), **options)
    assert caught.value.returncode == 1
    return str(caught.value)


def wrapped_program(folder: Path, name: str, script: str) -> str:
    """Return a folder with a shell script in a program's place; ``$real`` is the program."""
    folder.mkdir()
    program = folder / name
    program.write_text(f'#!/bin/sh\nreal="{postgres_program(name)}"\n{script}\n')
    program.chmod(0o755)
    return str(folder)


def edit(made: Made, *keys: str, value: Any) -> None:
    """Change one thing in a manifest."""
    path = Path(made["folder"]) / "manifest.json"
    manifest = part = json.loads(path.read_text())
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(json.dumps(manifest))

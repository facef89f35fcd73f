"""The old service's database, made anew: its tables, rows as they should be, and dirt."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

SCHEMA = """
CREATE TYPE "ProcessingStatus" AS ENUM ('PROCESSING', 'COMPLETED', 'FAILED');
CREATE TABLE "User" (
    id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE,
    fullname TEXT NOT NULL, avatar TEXT NOT NULL, "coverImage" TEXT, password TEXT NOT NULL,
    "refreshToken" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL
);
CREATE TABLE "Video" (
    id TEXT PRIMARY KEY, "videoFileUrl" TEXT NOT NULL, "videoFilePublicId" TEXT NOT NULL,
    "thumbnailUrl" TEXT NOT NULL, "thumbnailPublicId" TEXT NOT NULL, title TEXT NOT NULL,
    description TEXT, views INTEGER NOT NULL DEFAULT 0, duration DOUBLE PRECISION NOT NULL,
    "isPublished" BOOLEAN NOT NULL DEFAULT true, "userId" TEXT NOT NULL REFERENCES "User",
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL,
    "hasTranscript" BOOLEAN NOT NULL DEFAULT false, "allowPublicQnA" BOOLEAN NOT NULL DEFAULT false,
    "processingStatus" "ProcessingStatus" NOT NULL DEFAULT 'PROCESSING'
);
CREATE TABLE "Comment" (
    id TEXT PRIMARY KEY, content TEXT NOT NULL, "userId" TEXT NOT NULL REFERENCES "User",
    "videoId" TEXT NOT NULL REFERENCES "Video",
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL
);
CREATE TABLE "Tweet" (
    id TEXT PRIMARY KEY, content TEXT NOT NULL, "userId" TEXT NOT NULL REFERENCES "User",
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL
);
CREATE TABLE "Like" (
    id TEXT PRIMARY KEY, "userId" TEXT NOT NULL REFERENCES "User",
    "videoId" TEXT REFERENCES "Video", "commentId" TEXT REFERENCES "Comment",
    "tweetId" TEXT REFERENCES "Tweet",
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE ("userId", "videoId"), UNIQUE ("userId", "commentId"), UNIQUE ("userId", "tweetId")
);
CREATE TABLE "Playlist" (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL,
    "userId" TEXT NOT NULL REFERENCES "User",
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL
);
CREATE TABLE "PlaylistVideo" (
    id TEXT PRIMARY KEY, "playlistId" TEXT NOT NULL REFERENCES "Playlist",
    "videoId" TEXT NOT NULL REFERENCES "Video",
    "addedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE ("playlistId", "videoId")
);
CREATE TABLE "Subscription" (
    id TEXT PRIMARY KEY, "subscriberId" TEXT NOT NULL REFERENCES "User",
    "channelId" TEXT NOT NULL REFERENCES "User",
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE ("subscriberId", "channelId")
);
CREATE TABLE "WatchHistory" (
    id TEXT PRIMARY KEY, "userId" TEXT NOT NULL REFERENCES "User",
    "videoId" TEXT NOT NULL REFERENCES "Video", "watchedAt" TIMESTAMP(3) NOT NULL,
    UNIQUE ("userId", "videoId")
);
CREATE TABLE "Transcript" (
    id TEXT PRIMARY KEY, "videoId" TEXT NOT NULL UNIQUE REFERENCES "Video", content TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
"""

# What the ids of a table have in their second group.
NUMBERS = {
    "User": 1,
    "Video": 2,
    "Comment": 3,
    "Like": 4,
    "Playlist": 5,
    "PlaylistVideo": 6,
    "Subscription": 7,
    "Tweet": 8,
    "WatchHistory": 9,
    "Transcript": 10,
}

PASSWORD = "Abc12345"
# bcrypt of it, cost 10.
PASSWORD_HASH = "$2b$10$UFalosLYk0ImgFsBGLOv6ea9w7/dlO1hgd/OByPEAfjRJRcapvpwC"
CLOUD = "https://res.cloudinary.com/vidtube/video/upload/v1718000000"
TIME = datetime(2024, 6, 10, 12, 30, 15, 123000)  # noqa: DTZ001 - as the old tables hold it
DEFAULT_AVATAR = "http://res.cloudinary.com/vidtube/image/upload/v1/default-avatar.png"


def old_id(table: str, number: int) -> str:
    """Return the id of a row: a UUIDv7 by its digits."""
    return f"01900000-{NUMBERS[table]:04x}-7000-8000-{number:012x}"


class OldService:
    """A database of the old service, to add rows to and to import from."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.password = str(where_tests_run()["password"])
        self._session: psycopg.Connection[Any] | None = None

    @property
    def address(self) -> str:
        """Return it as Prisma has it in its environment."""
        server = where_tests_run()
        return (
            f"postgresql://{server['user']}:{self.password}@{server['host']}:{server['port']}"
            f"/{self.name}?schema=public&connection_limit=5"
        )

    def execute(self, query: Any, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self._opened() as session:
            cursor = session.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let all statements within share one connection and be committed at the end."""
        with self._opened() as self._session:
            yield
        self._session = None

    @contextmanager
    def _opened(self) -> Iterator[psycopg.Connection[Any]]:
        if self._session is not None:
            yield self._session
            return
        with psycopg.connect(make_conninfo(**where_tests_run(), dbname=self.name)) as session:
            yield session

    def add(self, table: str, number: int, **columns: Any) -> str:
        """Add a row, complete but for what is not given; return its id."""
        row_id = old_id(table, number)
        row = {"id": row_id, **_defaults(table, number), **columns}
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        )
        self.execute(query, list(row.values()))
        return str(row["id"])

    def rows(self, table: str) -> dict[str, dict[str, Any]]:
        """Return all rows of a table by id."""
        found = self.execute(f'SELECT id, to_jsonb(t) FROM "{table}" t')
        return dict(found)


def _defaults(table: str, number: int) -> dict[str, Any]:
    """Return what a row of the old service looks like."""
    user, video = old_id("User", 1), old_id("Video", 1)
    changed = {"createdAt": TIME, "updatedAt": TIME}
    defaults: dict[str, dict[str, Any]] = {
        "User": {
            "username": f"dirt{number}",
            "email": f"dirt{number}@example.com",
            "fullname": f"Dirt {number}",
            "avatar": DEFAULT_AVATAR,
            "coverImage": "",
            "password": PASSWORD_HASH,
            "refreshToken": "secret.refresh.token",
            **changed,
        },
        "Video": {
            "videoFileUrl": f"{CLOUD}/dirt{number}.mp4",
            "videoFilePublicId": f"dirt{number}",
            "thumbnailUrl": f"{CLOUD}/dirt{number}.jpg",
            "thumbnailPublicId": f"dirtthumb{number}",
            "title": f"Dirt {number}",
            "description": "A description",
            "duration": 12.5,
            "views": 3,
            "userId": user,
            "processingStatus": "COMPLETED",
            **changed,
        },
        "Comment": {"content": "A comment", "userId": user, "videoId": video, **changed},
        "Tweet": {"content": "A tweet", "userId": user, **changed},
        "Like": {"userId": user, "createdAt": TIME},
        "Playlist": {"name": "A list", "description": "", "userId": user, **changed},
        "PlaylistVideo": {"addedAt": TIME, "videoId": video},
        "Subscription": {"createdAt": TIME},
        "WatchHistory": {"watchedAt": TIME, "userId": user},
    }
    return defaults[table]


def fill(service: OldService, *, scale: int) -> None:
    """Add rows as they should be: 100 times ``scale``, and a few transcripts."""
    users, videos = 5 * scale, 10 * scale
    # Milliseconds, and an hour that the zones of the world do not agree on.
    time = "timestamp(3) '2024-03-30 23:30:00.007' + n * interval '61.001 s'"
    service.execute(
        """CREATE FUNCTION old_id(kind int, n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$
            SELECT '01900000-' || lpad(to_hex(kind), 4, '0') || '-7000-8000-'
                || lpad(to_hex(n), 12, '0') $$"""
    )

    def insert(table: str, number: int, columns: str) -> None:
        service.execute(
            f'INSERT INTO "{table}" SELECT old_id({NUMBERS[table]}, n), {columns} '
            f"FROM generate_series(1, {number}) n"
        )

    # Each pair is another one: every round through the first begins one farther in the second.
    user = f"old_id(1, 1 + n % {users})"
    video = f"old_id(2, 1 + (n + n / {users}) % {videos})"
    channel = f"old_id(1, 1 + (n + 1 + n / {users}) % {users})"
    insert(
        "User",
        users,
        f"'person' || n, 'person' || n || '@example.com', 'Person ' || n, "
        f"'{CLOUD}/a' || n || '.png', CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE "
        f"'http://example.com/' || n END, '{PASSWORD_HASH}', 'token' || n, {time}, "
        f"{time} + interval '1.002 s'",
    )
    insert(
        "Video",
        videos,
        f"'{CLOUD}/v' || n || '.mp4', 'v' || n, '{CLOUD}/t' || n || '.jpg', 't' || n, "
        f"'Title ' || n, CASE n % 4 WHEN 0 THEN NULL ELSE 'Text ' || n END, (n * 13) % 1000, "
        f"n * 1.1, n % 5 > 0, {user}, {time}, {time} + interval '2.003 s', n % 2 > 0, n % 3 > 0, "
        "'COMPLETED'",
    )
    insert("Comment", 30 * scale, f"'Words ' || n, {user}, {video}, {time}, {time}")
    insert("Tweet", 5 * scale, f"'Words ' || n, {user}, {time}, {time} + interval '3 s'")
    insert("Like", 15 * scale, f"{user}, {video}, NULL, NULL, {time}")
    service.execute(
        f'INSERT INTO "Like" SELECT old_id(4, 100000000 + n), {user}, NULL, '
        f"CASE n % 2 WHEN 0 THEN old_id(3, n) END, CASE n % 2 WHEN 1 THEN old_id(8, n) END, {time} "
        f"FROM generate_series(1, {5 * scale}) n"
    )
    insert("Playlist", 2 * scale, f"'List ' || n, '', {user}, {time}, {time}")
    insert(
        "PlaylistVideo",
        10 * scale,
        f"old_id(5, 1 + n % {2 * scale}), old_id(2, 1 + (n * 3) % {videos}), "
        # Not in the order of their ids, and some at the same time.
        "timestamp(3) '2024-05-01' + ((n * 7919) % 1000 / 2) * interval '1 s'",
    )
    insert("Subscription", 8 * scale, f"{user}, {channel}, {time}")
    insert("WatchHistory", 10 * scale, f"{user}, {video}, {time}")
    insert("Transcript", 2, f"old_id(2, n), 'Not imported', {time}")


def where_tests_run() -> dict[str, Any]:
    """Return how to reach the server that tests run on, without a database."""
    parameters = connection.settings_dict
    return {
        "host": parameters["HOST"],
        "port": parameters["PORT"],
        "user": parameters["USER"],
        "password": parameters["PASSWORD"],
    }


def our_database() -> str:
    """Return where the tests' own database is, for a connection besides Django's."""
    return make_conninfo(**where_tests_run(), dbname=connection.settings_dict["NAME"])


@contextmanager
def new_database(name: str, *, template: str = "template0") -> Iterator[OldService]:
    """Make a database of that name, beside the one of the tests, and drop it in the end."""
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    drop = sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(**names)
    server = make_conninfo(**where_tests_run(), dbname="postgres")
    with psycopg.connect(server, autocommit=True) as session:
        session.execute(drop)
        session.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names))
    yield OldService(name)
    with psycopg.connect(server, autocommit=True) as session:
        session.execute(drop)

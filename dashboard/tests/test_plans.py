"""Every list stays fast with a hundred thousand videos: PostgreSQL answers it from indexes.

The data is that of ``seed_demo``, and besides one person and one video with more rows in every list
than a page a thousand pages in is away.
"""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from dashboard.services.seeding import clips
from social.models import Playlist
from users.models import User
from users.tests.plans import captured_calls
from videos.models import Video
from viztube.api.tests.fixtures import Client, openapi

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

BIG = 50_000  # rows
MANY = 10_500  # rows in each list of the one person
LIMIT = 10
PAGE = 1000

# What gives one person and one video many rows in every list.
CROWD = """
CREATE TEMPORARY TABLE people AS
    SELECT id, row_number() OVER (ORDER BY id) AS number FROM users_user WHERE id <> %(person)s;
CREATE TEMPORARY TABLE some_videos AS
    SELECT id FROM videos_video WHERE is_published ORDER BY md5(id::text) LIMIT %(many)s;
UPDATE videos_video SET user_id = %(person)s WHERE id IN (
    SELECT id FROM videos_video WHERE is_published ORDER BY md5(folder) LIMIT %(many)s
);
INSERT INTO social_like (id, user_id, video_id, created_at)
    SELECT uuidv7(), %(person)s, id, now() - random() * interval '300 days' FROM some_videos
    ON CONFLICT DO NOTHING;
INSERT INTO videos_watchhistory (id, user_id, video_id, watched_at)
    SELECT uuidv7(), %(person)s, id, now() - random() * interval '300 days' FROM some_videos
    ON CONFLICT DO NOTHING;
INSERT INTO social_subscription (id, subscriber_id, channel_id, created_at)
    SELECT uuidv7(), id, %(person)s, now() - random() * interval '300 days'
    FROM people WHERE number <= %(many)s ON CONFLICT DO NOTHING;
INSERT INTO social_subscription (id, subscriber_id, channel_id, created_at)
    SELECT uuidv7(), %(person)s, id, now() - random() * interval '300 days'
    FROM people WHERE number > %(many)s / 2 AND number <= %(many)s * 3 / 2 ON CONFLICT DO NOTHING;
INSERT INTO social_comment (id, user_id, video_id, content, created_at, updated_at)
    SELECT uuidv7(), id, %(video)s, 'Here, too!', now() - number * interval '1 minute', now()
    FROM people WHERE number <= %(many)s;
INSERT INTO social_tweet (id, user_id, content, created_at, updated_at)
    SELECT uuidv7(), %(person)s, 'Number ' || number, now() - number * interval '1 minute', now()
    FROM people WHERE number <= %(many)s;
INSERT INTO social_playlist (id, user_id, name, description, created_at, updated_at)
    SELECT uuidv7(), %(person)s, 'Number ' || number, '', now() - number * interval '1 minute',
        now()
    FROM people WHERE number <= %(many)s;
INSERT INTO social_case (id, target_type, target_id, owner_id, excerpt, outcome, opened_at)
    SELECT uuidv7(), 'comment', id, user_id, content, '', created_at
    FROM social_comment WHERE user_id <> %(person)s LIMIT 60000 ON CONFLICT DO NOTHING;
INSERT INTO social_report (id, reporter_id, comment_id, case_id, reason, details, created_at)
    SELECT uuidv7(), CASE WHEN number <= %(many)s THEN %(person)s ELSE owner_id END, target_id, id,
        'spam', '', now() - random() * interval '300 days'
    FROM (
        SELECT *, row_number() OVER (ORDER BY md5(id::text)) AS number
        FROM social_case WHERE target_type = 'comment'
    ) AS numbered ON CONFLICT DO NOTHING;
INSERT INTO social_moderationaction (id, actor_label, actor_role, decision, target_type, target_id,
        target_label, owner_id, owner_label, reason, created_at)
    SELECT uuidv7(), 'ann', 'senior', 'remove', 'tweet', id, left(content, 300), user_id, 'bob',
        'Spam.', now() - random() * interval '300 days'
    FROM social_tweet;
"""

SORTS = ("createdAt", "views", "duration", "title")
DIRECTIONS = ("asc", "desc")
# Address, as documented and with the names of ids in braces; query.
PUBLIC = [
    *(
        ("/api/v2/videos", {"sortBy": sort, "sortType": direction})
        for sort in SORTS
        for direction in DIRECTIONS
    ),
    *(
        ("/api/v2/videos", {"userId": "{person}", "sortBy": sort, "sortType": direction})
        for sort in SORTS
        for direction in DIRECTIONS
    ),
    ("/api/v2/comments/{video_id}", {}),
    ("/api/v2/subscriptions/c/{id}", {}),
    ("/api/v2/subscriptions/u/{id}", {}),
    ("/api/v2/tweets/user/{user_id}", {}),
    ("/api/v2/playlist/user/{user_id}", {}),
]
OWN: list[tuple[str, dict[str, str]]] = [
    ("/api/v2/likes/videos", {}),
    ("/api/v2/user/watch-history", {}),
    ("/api/v2/dashboard/videos", {}),
    ("/api/v2/reports", {}),
    ("/api/v2/user/notices", {}),
]
# Of one's few sessions there are no thousand pages.
SHORT = {"/api/v2/user/sessions"}


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """Seed for all tests of this file; yield the ids of what has many rows."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "CLIPS", (("testsrc2=size=64x48:rate=5", 440, 1),))
        start = perf_counter()
        call_command(
            "seed_demo",
            force=True,
            users=20_000,
            videos=100_000,
            comments=200_000,
            likes=1_000_000,
            subscriptions=60_000,
            tweets=50_000,
            playlists=50_000,
            playlist_videos=60_000,
            history=60_000,
        )
        ids = {
            "person": str(User.objects.earliest("created_at").pk),
            "video": str(Video.objects.published().latest("views").pk),
            # The first one got the most videos.
            "playlist": str(Playlist.objects.earliest("created_at").pk),
        }
        with connection.cursor() as cursor:
            cursor.execute(CROWD, ids | {"many": MANY})
            cursor.execute("VACUUM (ANALYZE)")
        print(f"\nSeeded in {perf_counter() - start:.0f} s")
        try:
            yield ids
        finally:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE users_user, social_moderationaction CASCADE")
                # Of this session, which the tests after these have too.
                cursor.execute("DROP TABLE people, some_videos")


@pytest.fixture
def clients(crowd: dict[str, str], api: Client, client_for: Callable[[User], Client]) -> Any:
    return {"out": api, "in": client_for(User.objects.get(pk=crowd["person"]))}


def big_tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE reltuples > %s", [BIG])
        return {name for (name,) in cursor.fetchall()}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def check(client: Client, path: str, **query: Any) -> Any:
    """Send a request; fail when one of its statements reads through a big table."""
    with captured_calls() as calls:
        start = perf_counter()
        answer = client.get(path, query=query)
        took = perf_counter() - start
    assert answer.status == 200, answer.body
    big = big_tables()
    assert big >= {"videos_video", "social_like", "social_comment", "social_report"}
    assert "social_moderationaction" in big
    blocks, database, through = 0, 0.0, []
    for call in calls:
        explained = call.plan("ANALYZE, FORMAT JSON")
        plan = explained["Plan"]
        database += explained["Planning Time"] + explained["Execution Time"]
        blocks += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        tables = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
        if tables & big:
            through.append(f"{tables & big}: {call.sql}")
    shown = {name: str(value)[:12] for name, value in query.items() if name != "limit"}
    print(f"{took * 1000:6.0f} ms ({database:.0f} in PostgreSQL, {blocks:,} blocks) {path} {shown}")
    assert not through
    return answer.body


def check_pages(client: Client, crowd: dict[str, str], path: str, query: dict[str, str]) -> None:
    path = path.format(id=crowd["person"], user_id=crowd["person"], video_id=crowd["video"])
    query = {name: value.format(**crowd) for name, value in query.items()}
    check(client, path, limit=LIMIT, **query)
    # As reading all pages before would have given it out.
    before = client.get(path, query={**query, "limit": LIMIT, "page": PAGE - 1}).body
    cursor = (before.get("pagination") or before["data"])["nextCursor"]
    page = check(client, path, limit=LIMIT, cursor=cursor, **query)
    assert (page.get("pagination") or page["data"])["page"] == PAGE


@pytest.mark.parametrize("who", ["out", "in"])
@pytest.mark.parametrize(("path", "query"), PUBLIC, ids=str)
def test_a_list_is_read_from_indexes(
    clients: dict[str, Client],
    crowd: dict[str, str],
    who: str,
    path: str,
    query: dict[str, str],
) -> None:
    check_pages(clients[who], crowd, path, query)


@pytest.mark.parametrize(("path", "query"), OWN, ids=str)
def test_a_list_of_ones_own_is_read_from_indexes(
    clients: dict[str, Client], crowd: dict[str, str], path: str, query: dict[str, str]
) -> None:
    check_pages(clients["in"], crowd, path, query)


@pytest.mark.parametrize("who", ["out", "in"])
@pytest.mark.parametrize("sort", ["createdAt", "relevance"])
@pytest.mark.parametrize("query", ["velkanor", "volcanoes", "ttunels", "50%"])
def test_a_search_is_read_from_indexes(
    clients: dict[str, Client], who: str, query: str, sort: str
) -> None:
    check(clients[who], "/api/v2/videos", query=query, sortBy=sort, limit=LIMIT)


@pytest.mark.parametrize("who", ["out", "in"])
def test_a_playlist_is_read_from_indexes(
    clients: dict[str, Client], crowd: dict[str, str], who: str
) -> None:
    page = check(clients[who], f"/api/v2/playlist/{crowd['playlist']}")

    assert len(page["data"]["videos"]) > 400


def test_every_documented_list_is_among_these() -> None:
    documented = {
        path
        for path, operations in openapi()["paths"].items()
        if any(
            parameter["name"] == "cursor"
            for parameter in operations.get("get", {}).get("parameters", [])
        )
    }

    assert {path for path, _ in (*PUBLIC, *OWN)} == documented - SHORT

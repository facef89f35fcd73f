"""The desk stays fast with a hundred thousand videos and a million comments.

Each page needs few statements, and PostgreSQL answers them from indexes.
"""

from collections.abc import Iterator
from datetime import timedelta
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.forms import ChoiceField, ModelChoiceField
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.services.seeding import clips
from dashboard.tests.test_plans import big_tables, nodes
from social.models import Case, Comment
from users.models import User
from users.tests.browsers import browser_of
from users.tests.plans import captured_calls
from videos.models import Video

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

MOST_QUERIES = 12
BIG = {"videos_video", "social_comment"}

# What seed_demo does not make, or not as many of.
CROWD = """
CREATE TEMPORARY TABLE people AS
    SELECT id, username, row_number() OVER (ORDER BY id) AS number FROM users_user;
CREATE TEMPORARY TABLE some_videos AS
    SELECT id, user_id, title, row_number() OVER (ORDER BY md5(id::text)) AS number
    FROM videos_video;
INSERT INTO social_comment (id, user_id, video_id, content, created_at, updated_at, removed_at)
    SELECT uuidv7(), people.id, some_videos.id,
        'What ' || md5(n::text) || CASE n %% 1000 WHEN 7 THEN ' velkanor!' ELSE ' here?' END,
        now() - n * interval '20 seconds', now(),
        CASE n %% 5000 WHEN 11 THEN now() END
    FROM generate_series(1, %(comments)s::bigint) AS n
    JOIN people ON people.number = 1 + (n * 7919) %% (SELECT count(*) FROM people)
    JOIN some_videos ON some_videos.number = 1 + (n * 104729) %% (SELECT count(*) FROM some_videos);
CREATE TEMPORARY TABLE reported AS
    SELECT id, user_id, content, row_number() OVER () AS number FROM (
        SELECT id, user_id, content FROM social_comment ORDER BY created_at DESC LIMIT %(cases)s * 3
    ) AS latest;
INSERT INTO social_case
        (id, target_type, target_id, owner_id, excerpt, opened_at, closed_at, outcome)
    SELECT uuidv7(), 'comment', id, user_id, content, now() - number * interval '1 minute',
        CASE WHEN number > %(cases)s THEN now() END,
        CASE WHEN number > %(cases)s THEN 'upheld' ELSE '' END
    FROM reported;
INSERT INTO social_report (id, reporter_id, comment_id, case_id, reason, details, created_at)
    SELECT uuidv7(), people.id, social_case.target_id, social_case.id, 'spam', '', opened_at
    FROM social_case
    CROSS JOIN generate_series(1, 1 + ascii(right(social_case.id::text, 1)) %% 7) AS number
    JOIN people USING (number);
INSERT INTO social_moderationaction (id, created_at, actor_label, actor_role, decision, target_type,
        target_id, target_label, owner_id, owner_label, case_id, reason)
    SELECT uuidv7(), now() - number * interval '1 minute', 'operator test', 'operator', 'remove',
        'comment', id, content, user_id, 'somebody', NULL, 'Spam.'
    FROM reported, generate_series(1, 2);
"""


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Seed for all tests of this file."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "CLIPS", (("testsrc2=size=64x48:rate=5", 440, 1),))
        start = perf_counter()
        call_command(
            "seed_demo",
            force=True,
            users=20_000,
            videos=100_000,
            comments=1000,
            likes=100_000,
            subscriptions=60_000,
            tweets=60_000,
            playlists=1000,
            playlist_videos=5000,
            history=60_000,
        )
        with connection.cursor() as cursor:
            # Built at once when the rows are there, a tenth of the time; the rows are sound.
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes "
                "WHERE tablename = 'social_comment' AND indexname NOT LIKE '%pkey'"
            )
            indexes = dict(cursor.fetchall())
            for name in indexes:
                cursor.execute(f"DROP INDEX {name}")
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(CROWD, {"comments": 1_000_000, "cases": 10_000})
            cursor.execute("SET session_replication_role = origin")
            for definition in indexes.values():
                cursor.execute(definition)
            cursor.execute("VACUUM (ANALYZE)")
        print(f"\nSeeded in {perf_counter() - start:.0f} s")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE users_user, social_moderationaction CASCADE")
                # Of this session, which the tests after these have too.
                cursor.execute("DROP TABLE people, some_videos, reported")


@pytest.fixture
def browser(crowd: None) -> Client:
    """Return a browser in which somebody is signed in who sees everything."""
    person = User.objects.order_by("created_at").first()
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    person.refresh_from_db()
    return browser_of(person)


def check(browser: Client, address: str, **query: Any) -> Any:
    """Ask for a page; fail when it needs many statements or reads through a big table."""
    with captured_calls() as calls:
        start = perf_counter()
        page = browser.get(address, query)
        took = perf_counter() - start
    assert page.status_code == 200, page
    big = big_tables()
    assert big >= BIG
    database, through = 0.0, []
    for call in calls:
        plan = call.plan("ANALYZE, FORMAT JSON")
        database += plan["Planning Time"] + plan["Execution Time"]
        read = {
            node["Relation Name"] for node in nodes(plan["Plan"]) if node["Node Type"] == "Seq Scan"
        }
        if read & big:
            through.append(f"{read & big}: {call.sql}")
    print(f"{took * 1000:6.0f} ms ({database:.0f} in PostgreSQL, {len(calls)}) {address} {query}")
    assert not through
    assert len(calls) <= MOST_QUERIES, [call.sql for call in calls]
    return page


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Model) -> str:
    place = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(place, args=[row.pk])


MODELS = list(admin.site._registry)


def test_the_start_page_is_read_from_indexes(browser: Client) -> None:
    page = check(browser, "/admin/")

    assert len(page.context["queue"]) == 10


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_list_is_read_from_indexes(browser: Client, model: type[Model]) -> None:
    check(browser, list_of(model))
    check(browser, list_of(model), p=3)
    row = model._default_manager.order_by("pk").last()
    if row is not None:
        check(browser, page_of(row))
        check(browser, list_of(model), q=str(row.pk))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_search_is_read_from_indexes(browser: Client, model: type[Model]) -> None:
    search = getattr(admin.site._registry[model], "search", None)
    if search is None:
        pytest.skip("It is a short list of Django's.")
    person = User.objects.order_by("created_at").last()
    if search.owner:
        check(browser, list_of(model), q=f"@{person.username}")
    if search.text:
        check(browser, list_of(model), q="velkanor")
    check(browser, list_of(model), q="no")


def queries_of(choice: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield what is asked for by a choice of a filter, which is a link or a form."""
    if "query_string" in choice:
        yield dict(parse_qsl(choice["query_string"].removeprefix("?")))
    elif "form" in choice:
        fields = choice["form"].fields
        if any(name.endswith("_from") for name in fields):
            for ago in (1, 100):
                day = str(timezone.now().date() - timedelta(days=ago))
                yield dict.fromkeys(fields, day)
        for name, field in fields.items():
            if isinstance(field, ModelChoiceField):
                yield {name: str(User.objects.order_by("created_at").last().pk)}
            elif isinstance(field, ChoiceField):
                choices: Any = field.choices
                yield from ({name: str(value)} for value, _ in choices if value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_each_choice_of_a_filter_is_read_from_indexes(browser: Client, model: type[Model]) -> None:
    page = check(browser, list_of(model))
    for spec in page.context["cl"].filter_specs:
        for choice in spec.choices(page.context["cl"]):
            for query in queries_of(choice):
                check(browser, list_of(model), **query)


def test_a_case_is_read_from_indexes(browser: Client) -> None:
    for case in (*Case.objects.queue()[:2], Case.objects.exclude(closed_at=None).first()):
        check(browser, page_of(case))


def test_a_decision_about_what_was_chosen_is_read_from_indexes(browser: Client) -> None:
    for target, rows in (
        ("video", Video.objects.order_by("pk")[:50]),
        ("comment", Comment.objects.order_by("pk")[:50]),
        ("channel", User.objects.order_by("pk")[:50]),
    ):
        check(browser, "/admin/social/case/decide/", target=target, id=[row.pk for row in rows])


def test_names_are_completed_from_indexes(browser: Client) -> None:
    check(
        browser,
        "/admin/autocomplete/",
        app_label="social",
        model_name="comment",
        field_name="user",
        term="per",
    )

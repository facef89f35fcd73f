"""The way back: what a migration did can be undone, with rows there, and done again."""

from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError, connection

from social.models import Case, DecisionName, ModerationAction, Report, Tweet
from social.roles import Role, role_of, staff
from social.tests.deciding import decided, kind_of
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistVideoFactory,
    ReportFactory,
    TweetFactory,
)
from social.tests.roles import member
from users.tests.factories import UserFactory
from videos.models import Video

# In one transaction, whose end puts everything back.
pytestmark = pytest.mark.django_db

SCHEMA = """
SELECT table_name, column_name || ' ' || data_type || ' ' || is_nullable
    || ' ' || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
"""


def schema() -> set[Any]:
    """Return every column, constraint, index and trigger there is, each with its table."""
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        return set(cursor.fetchall())


def migrate(*target: str) -> None:
    """Go to a migration, or to the last of all."""
    # No table can change while a check of its rows is put off.
    connection.check_constraints()
    call_command("migrate", *target, verbosity=0)
    ContentType.objects.clear_cache()


def test_what_people_do_can_be_taken_away_and_come_back_empty() -> None:
    CommentFactory.create()
    LikeFactory.create(tweet=TweetFactory.create())
    PlaylistVideoFactory.create()
    before = schema()
    videos = list(Video.objects.order_by("pk"))

    migrate("social", "zero")

    gone = {table for table, _ in before - schema()}
    assert gone
    assert all(table.startswith("social_") for table in gone)
    assert not {table for table, _ in schema()} & gone
    migrate()
    assert schema() == before
    assert list(Video.objects.order_by("pk")) == videos
    CommentFactory.create()


def test_the_names_of_files_elsewhere_can_be_taken_away_and_come_back() -> None:
    video = CommentFactory.create().video
    before = schema()

    migrate("videos", "0001")

    columns = {text.split()[0] for table, text in before - schema() if table == "videos_video"}
    assert {"video_public_id", "thumbnail_public_id"} <= columns
    migrate()
    assert schema() == before
    assert Video.objects.get(pk=video.pk) == video


def test_reports_and_decisions_can_be_taken_away_and_come_back_empty() -> None:
    tweet = TweetFactory.create()
    moderator = member(Role.SENIOR, password=None)
    for target in (tweet, CommentFactory.create().video, UserFactory.create(password=None)):
        ReportFactory.create(**{kind_of(target).value: target})
    decided(tweet, DecisionName.REMOVE, by=staff(moderator))
    before = schema()

    migrate("social", "0005")

    gone = {table for table, _ in before - schema()}
    assert {"social_report", "social_case", "social_moderationaction"} <= gone
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_proc WHERE proname LIKE 'social\\_%'")
        assert cursor.fetchone() == (0,)
    # Who was removed stays so, and who was in a group, too.
    assert not Tweet.objects.published().filter(pk=tweet.pk).exists()
    migrate()
    assert schema() == before
    assert [model.objects.count() for model in (Report, Case, ModerationAction)] == [0, 0, 0]
    assert role_of(moderator) == Role.SENIOR
    ReportFactory.create(tweet=TweetFactory.create())
    decided(tweet, DecisionName.RESTORE, by=staff(moderator))
    with pytest.raises(DatabaseError, match="only added to"):
        ModerationAction.objects.all().delete()

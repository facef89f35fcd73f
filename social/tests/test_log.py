"""Nobody alters the log of decisions: not through models, and not through SQL."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from social.models import Case, DecisionName, ModerationAction
from social.roles import Role, staff
from social.tests.deciding import decided
from social.tests.factories import CommentFactory, ReportFactory, TweetFactory
from social.tests.roles import member
from videos.services.videos import delete_video

pytestmark = pytest.mark.django_db

Log = ModerationAction.objects


def changed(line: ModerationAction) -> ModerationAction:
    """Return the same line with another reason."""
    line.reason = "Another."
    return line


def columns(line: ModerationAction) -> dict[str, Any]:
    return {field.attname: getattr(line, field.attname) for field in line._meta.concrete_fields}


THROUGH_MODELS: dict[str, Callable[[ModerationAction], Any]] = {
    "save": lambda line: changed(line).save(),
    "save one column": lambda line: changed(line).save(update_fields=["reason"]),
    "update": lambda line: Log.filter(pk=line.pk).update(reason="Another."),
    "update all": lambda line: Log.update(actor_label="somebody"),
    "bulk_update": lambda line: Log.bulk_update([changed(line)], ["reason"]),
    "update_or_create": lambda line: Log.update_or_create(
        pk=line.pk, defaults={"reason": "Another."}
    ),
    "bulk_create over": lambda line: Log.bulk_create(
        [changed(line)],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["reason"],
    ),
    "delete": lambda line: line.delete(),
    "delete of a queryset": lambda line: Log.filter(pk=line.pk).delete(),
    "delete all": lambda line: Log.all().delete(),
    "raw delete": lambda line: Log.all()._raw_delete("default"),
}


@pytest.fixture
def line() -> ModerationAction:
    """Return a line of the log."""
    return decided(TweetFactory.create(), DecisionName.REMOVE)


def refused(line: ModerationAction, attempt: Callable[[], Any]) -> None:
    """Fail unless an attempt is refused and the log says what it said."""
    before = list(Log.order_by("pk").values())
    with (
        pytest.raises(DatabaseError, match="only added to: undo a decision by another"),
        transaction.atomic(),
    ):
        attempt()
    assert list(Log.order_by("pk").values()) == before
    assert Log.filter(pk=line.pk).exists()


@pytest.mark.parametrize("how", THROUGH_MODELS)
def test_models_cannot_alter_it(line: ModerationAction, how: str) -> None:
    refused(line, lambda: THROUGH_MODELS[how](line))


THROUGH_SQL = {
    "UPDATE": "UPDATE social_moderationaction SET reason = 'Another.' WHERE id = %(id)s",
    "UPDATE to the same": "UPDATE social_moderationaction SET reason = reason",
    "DELETE": "DELETE FROM social_moderationaction WHERE id = %(id)s",
    "DELETE all": "DELETE FROM social_moderationaction",
    "ON CONFLICT": """
        INSERT INTO social_moderationaction SELECT * FROM social_moderationaction
        ON CONFLICT (id) DO UPDATE SET reason = 'Another.'
    """,
    "MERGE UPDATE": """
        MERGE INTO social_moderationaction AS log USING (SELECT %(id)s::uuid AS id) AS one
        ON log.id = one.id WHEN MATCHED THEN UPDATE SET reason = 'Another.'
    """,
    "MERGE DELETE": """
        MERGE INTO social_moderationaction AS log USING (SELECT %(id)s::uuid AS id) AS one
        ON log.id = one.id WHEN MATCHED THEN DELETE
    """,
    "CTE": """
        WITH gone AS (DELETE FROM social_moderationaction RETURNING *) SELECT count(*) FROM gone
    """,
}


def execute(statement: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize("how", THROUGH_SQL)
def test_sql_cannot_alter_it(line: ModerationAction, how: str) -> None:
    refused(line, lambda: execute(THROUGH_SQL[how], id=line.pk))


def test_lines_are_added(line: ModerationAction) -> None:
    again = {**columns(line), "id": uuid4()}
    Log.bulk_create([ModerationAction(**again)])
    # A line that is there already is left alone.
    Log.bulk_create([ModerationAction(**columns(changed(line)))], ignore_conflicts=True)

    assert Log.count() == 2
    assert {one.reason for one in Log.all()} == {"It breaks the rules."}


def test_it_refers_to_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
            " AND %(log)s::regclass IN (conrelid, confrelid)",
            {"log": "social_moderationaction"},
        )
        assert cursor.fetchone() == (0,)


def test_it_outlives_people_and_things() -> None:
    moderator = member(Role.SENIOR, password=None)
    comment = CommentFactory.create()
    video, owner = comment.video, comment.user
    ReportFactory.create(comment=comment)
    lines = [
        decided(comment, DecisionName.REMOVE, by=staff(moderator)),
        decided(video, DecisionName.TAKE_DOWN, by=staff(moderator)),
        decided(owner, DecisionName.BAN, by=staff(moderator)),
    ]
    before = list(Log.order_by("pk").values())
    delete_video(video=video)
    for person in (owner, video.user, moderator):
        person.delete()

    assert not Case.objects.exists()
    assert list(Log.order_by("pk").values()) == before
    assert {line.actor_label for line in Log.all()} == {moderator.username}
    assert [line.owner_label for line in Log.filter(pk=lines[0].pk)] == [owner.username]

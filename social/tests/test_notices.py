"""What people find at ``GET /user/notices`` of what staff decided about them."""

from collections.abc import Callable
from typing import Any

import pytest

from social.models import DecisionName, ModerationAction, TargetType
from social.roles import Role, staff
from social.tests.deciding import MAKE, REASON, acting, decided, owner_of
from social.tests.factories import CommentFactory, ReportFactory, TweetFactory
from social.tests.test_reports import HIDE, KINDS, UNDO
from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import log_in
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client
from viztube.api.times import wire_time

pytestmark = pytest.mark.django_db


def notices(client: Client, **query: Any) -> Any:
    """Return one's notices."""
    return client.get("user/notices", query=query).data


@pytest.mark.parametrize("kind", KINDS)
def test_a_decision_and_its_undo_are_told_to_the_owner(
    client_for: Callable[[User], Client], kind: TargetType
) -> None:
    target = MAKE[kind]()
    owner = owner_of(target)
    said = getattr(target, {"video": "title", "channel": "username"}.get(kind.value, "content"))
    hidden = decided(target, HIDE[kind], reason="Too loud.")
    shown = decided(target, UNDO[kind], reason="It was a mistake.")
    told = notices(client_for(owner))

    assert told == [
        {
            "id": str(line.pk),
            "decision": line.decision,
            "targetType": kind.value,
            "targetId": str(target.pk),
            "targetLabel": said,
            "reason": reason,
            "until": wire_time(line.until) if line.until else None,
            "createdAt": wire_time(line.created_at),
        }
        for line, reason in ((shown, "It was a mistake."), (hidden, "Too loud."))
    ]
    assert [row["decision"] for row in told] == [UNDO[kind], HIDE[kind]]
    assert (told[1]["until"] is not None) == (kind == TargetType.CHANNEL)


def test_a_ban_that_was_lifted_is_told(user: User) -> None:
    decided(user, DecisionName.BAN)
    decided(user, DecisionName.LIFT)

    told = notices(Client(log_in(user).access))
    assert [(row["decision"], row["targetLabel"]) for row in told] == [
        ("lift", user.username),
        ("ban", user.username),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_dismissed_is_told_to_nobody(
    client_for: Callable[[User], Client], kind: TargetType
) -> None:
    target = MAKE[kind]()
    report = ReportFactory.create(**{kind.value: target})
    by = acting(Role.SENIOR)
    decided(target, DecisionName.DISMISS, by=by)
    assert ModerationAction.objects.filter(decision="dismiss").exists()

    for person in (owner_of(target), report.reporter, User.objects.get(pk=by.id)):
        assert notices(client_for(person)) == []


def test_who_decided_is_told_nowhere(user: User, user_client: Client) -> None:
    moderator = UserFactory.create(username="the-moderator", is_superuser=True, is_staff=True)
    line = decided(TweetFactory.create(user=user), DecisionName.REMOVE, by=staff(moderator))
    answer = user_client.get("user/notices")

    assert line.actor_label == "the-moderator"
    text = answer.response.content.decode()
    for secret in ("the-moderator", str(moderator.pk), "superuser", "actor"):
        assert secret not in text


def test_decisions_about_others_are_not_told(
    user: User, user_client: Client, stranger_client: Client
) -> None:
    # Under one's own video, but somebody else's.
    comment = CommentFactory.create(video=VideoFactory.create(user=user))
    ReportFactory.create(reporter=user, comment=comment)
    decided(comment, DecisionName.REMOVE)

    assert notices(user_client) == notices(stranger_client) == []


def test_a_notice_outlives_what_it_is_about(user: User, user_client: Client) -> None:
    tweet = TweetFactory.create(user=user, content="Very " * 100)
    decided(tweet, DecisionName.REMOVE)
    user_client.delete(f"tweets/{tweet.pk}")

    (told,) = notices(user_client)
    assert (told["targetId"], told["targetLabel"]) == (str(tweet.pk), ("Very " * 100)[:300])


def test_the_latest_is_first_page_by_page(user: User, user_client: Client) -> None:
    tweets = TweetFactory.create_batch(5, user=user)
    for tweet in tweets:
        decided(tweet, DecisionName.REMOVE, reason=f"{REASON} {tweet.pk}")
    order = [str(tweet.pk) for tweet in reversed(tweets)]
    pages = [user_client.get("user/notices", query={"limit": 2, "page": n}) for n in (1, 2, 3, 4)]

    assert [row["targetId"] for page in pages for row in page.data] == order
    assert [len(page.data) for page in pages] == [2, 2, 1, 0]
    assert pages[0].body["pagination"]["totalDocs"] == 5
    cursor = pages[0].body["pagination"]["nextCursor"]
    assert notices(user_client, limit=2, cursor=cursor) == pages[1].data


def test_a_reason_is_told_as_it_was_written(user: User, user_client: Client) -> None:
    reason = '<b>"Quoted"</b> & \U0001f600\nand a line'
    decided(TweetFactory.create(user=user), DecisionName.REMOVE, reason=f"  {reason} ")

    assert notices(user_client)[0]["reason"] == reason


def test_who_is_signed_out_is_told_to_sign_in(api: Client) -> None:
    answer = api.get("user/notices")

    assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize("rows", [1, 20])
def test_what_the_list_costs(user: User, user_client: Client, rows: int) -> None:
    for tweet in TweetFactory.create_batch(rows, user=user):
        decided(tweet, DecisionName.REMOVE)
    notices(user_client)
    with captured_queries() as statements:
        assert len(notices(user_client, limit=100)) == rows

    assert len(statements) == 2, statements

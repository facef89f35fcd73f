"""Decisions that cannot be taken: each is refused with a sentence, and nothing happens."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from social.decisions import DECISIONS, decisions_about
from social.models import Case, DecisionName, ModerationAction, TargetType
from social.roles import Role, operator, staff
from social.services import changes
from social.services.moderation import Refused, decide
from social.tests.deciding import MAKE, REASON, acting, decided
from social.tests.factories import CommentFactory, ReportFactory, TweetFactory
from social.tests.test_decisions_matrix import state
from users.models import User
from users.tests.factories import UserFactory
from videos.services.videos import delete_video
from videos.tests.factories import VideoFactory
from videos.tests.hidden import suspended

pytestmark = pytest.mark.django_db

BANNED = {"is_active": False, "suspension_reason": "Spam."}
CLOSED = {"is_active": False}


def video(**fields: Any) -> Any:
    return VideoFactory.create(**fields)


def person(**fields: Any) -> User:
    return UserFactory.create(password=None, **fields)


def removed() -> dict[str, Any]:
    return {"removed_at": timezone.now()}


# Decision -> a thing about which it cannot be taken -> what is said.
OBJECTIONS: list[tuple[str, Callable[[], Any], str]] = [
    ("take_down", lambda: video(**removed()), "It is taken down already."),
    ("remove", lambda: CommentFactory.create(**removed()), "It is removed already."),
    ("remove", lambda: TweetFactory.create(**removed()), "It is removed already."),
    ("restore", video, "It is not removed."),
    ("restore", lambda: video(is_published=False), "It is not removed."),
    ("restore", CommentFactory.create, "It is not removed."),
    ("restore", TweetFactory.create, "It is not removed."),
    ("suspend", lambda: person(**BANNED), "This person is banned already."),
    ("suspend", lambda: person(**CLOSED), "This person is banned already."),
    ("ban", lambda: person(**BANNED), "This person is banned already."),
    ("lift", person, "This person is neither suspended nor banned."),
    (
        "lift",
        lambda: person(suspended_until=timezone.now()),
        "This person is neither suspended nor banned.",
    ),
]


def refusal(target: Any, name: str, **kwargs: Any) -> str:
    """Return what is said when a decision is refused; fails when anything has changed."""
    by = kwargs.pop("by", None) or acting(Role.SUPERUSER)
    before = state()
    with pytest.raises(Refused) as refused:
        decided(target, DecisionName(name), by=by, **kwargs)
    assert state() == before
    return refused.value.message


@pytest.mark.parametrize(("name", "make", "said"), OBJECTIONS)
def test_there_is_nothing_to_decide(name: str, make: Callable[[], Any], said: str) -> None:
    assert refusal(make(), name) == said


@pytest.mark.parametrize("kind", TargetType)
def test_what_nobody_reported_cannot_be_dismissed(kind: TargetType) -> None:
    target = MAKE[kind]()
    said = "There is no open case about it: somebody else has just decided."
    assert refusal(target, "dismiss") == said

    ReportFactory.create(**{kind.value: target})
    decided(target, DecisionName.DISMISS)
    assert refusal(target, "dismiss") == said


@pytest.mark.parametrize("days", [None, 0, -1, 366, 10**9])
def test_a_suspension_needs_days_within_bounds(days: int | None) -> None:
    by = acting(Role.SENIOR)
    target = person()
    before = state()
    with pytest.raises(Refused, match="from 1 to 365"):
        decide(
            actor=by,
            decision=DECISIONS[DecisionName.SUSPEND],
            target_type=TargetType.CHANNEL,
            target_id=target.pk,
            reason=REASON,
            days=days,
        )
    assert state() == before


@pytest.mark.parametrize("days", [1, 365])
def test_the_end_of_a_suspension_is_so_many_days_from_now(days: int) -> None:
    target = person()
    line = decided(target, DecisionName.SUSPEND, days=days)

    target.refresh_from_db()
    assert line.until == target.suspended_until
    assert line.until is not None
    left = line.until - timezone.now()
    assert days - 0.01 < left.total_seconds() / 86_400 <= days


def test_days_mean_nothing_to_other_decisions() -> None:
    target = person()
    assert decided(target, DecisionName.BAN, days=3).until is None
    target.refresh_from_db()
    assert target.suspended_until is None


@pytest.mark.parametrize("name", ["take_down", "dismiss"])
@pytest.mark.parametrize("reason", ["", " ", "\n\t", "\u2003\u3000"], ids=repr)
def test_every_decision_needs_a_reason(name: str, reason: str) -> None:
    target = video()
    ReportFactory.create(video=target)

    assert refusal(target, name, reason=reason).startswith("Give a reason")


def test_a_reason_has_an_end() -> None:
    said = "Say it in at most 500 characters."
    tweet = TweetFactory.create()
    assert refusal(tweet, "remove", reason="\U0001f600" * 501) == said

    line = decided(tweet, DecisionName.REMOVE, reason=" " + "\U0001f600" * 500 + "\n")
    assert line.reason == "\U0001f600" * 500


@pytest.mark.parametrize("reason", ["a\x00b", "\x00"])
def test_a_reason_the_database_cannot_keep_is_refused(reason: str) -> None:
    assert refusal(TweetFactory.create(), "remove", reason=reason)


@pytest.mark.parametrize("kind", TargetType)
def test_an_unknown_id_is_refused(kind: TargetType) -> None:
    by = operator("root")
    for decision in decisions_about(kind):
        with pytest.raises(Refused, match="There is nothing with this id"):
            decide(
                actor=by,
                decision=decision,
                target_type=kind,
                target_id=uuid4(),
                reason=REASON,
                days=1,
            )
    assert not ModerationAction.objects.exists()


@pytest.mark.parametrize("wrong", [kind for kind in TargetType if kind != TargetType.COMMENT])
def test_an_id_of_another_kind_is_unknown(wrong: TargetType) -> None:
    comment = CommentFactory.create()
    ReportFactory.create(comment=comment)
    with pytest.raises(Refused, match="There is nothing with this id"):
        decide(
            actor=operator("root"),
            decision=DECISIONS[DecisionName.DISMISS],
            target_type=wrong,
            target_id=comment.pk,
            reason=REASON,
        )
    assert Case.objects.get().is_open
    assert not ModerationAction.objects.exists()


GONE: dict[str, Callable[[Any], None]] = {
    "video": lambda row: delete_video(video=row),
    "comment": changes.delete,
    "tweet": changes.delete,
}


@pytest.mark.parametrize("kind", GONE)
def test_a_case_about_what_is_gone_can_only_be_dismissed(kind: str) -> None:
    target = MAKE[TargetType(kind)]()
    owner = target.user
    ReportFactory.create(**{kind: target})
    case = Case.objects.get()
    pk = target.pk
    GONE[kind](target)
    target.pk = pk
    for decision in set(decisions_about(TargetType(kind))) - {DECISIONS[DecisionName.DISMISS]}:
        said = f"This {kind} is no longer there: it was deleted."
        assert refusal(target, decision.name) == said
    line = decided(target, DecisionName.DISMISS)

    case.refresh_from_db()
    assert case.outcome == "dismissed"
    assert (line.case_id, line.owner_id, line.target_id) == (case.pk, owner.pk, pk)
    assert line.target_label == case.excerpt[:300]
    assert refusal(target, "dismiss").startswith("There is nothing with this id")


@pytest.mark.parametrize("kind", GONE)
def test_who_may_dismiss_what_is_gone_is_the_same(kind: str) -> None:
    target = MAKE[TargetType(kind)](user=person(is_superuser=True))
    ReportFactory.create(**{kind: target})
    pk = target.pk
    GONE[kind](target)
    target.pk = pk

    assert "higher role" in refusal(target, "dismiss", by=acting(Role.ADMINISTRATOR))
    assert "role does not allow" in refusal(target, "dismiss", by=acting(Role.PERSON))


def test_a_suspension_takes_the_place_of_a_running_one_and_a_ban_of_both() -> None:
    target = person(**suspended())
    for days in (30, 2):
        line = decided(target, DecisionName.SUSPEND, days=days)
        target.refresh_from_db()
        assert target.suspended_until == line.until
    decided(target, DecisionName.BAN, reason="For good.")

    target.refresh_from_db()
    assert (target.is_active, target.suspended_until) == (False, None)
    assert target.suspension_reason == "For good."
    decided(target, DecisionName.LIFT)
    target.refresh_from_db()
    assert (target.may_sign_in, target.suspension_reason) == (True, "")


def test_a_decision_on_the_case_of_something_else_of_the_person_names_that_case() -> None:
    comment = CommentFactory.create()
    ReportFactory.create(comment=comment)
    case = Case.objects.get()
    line = decide(
        actor=acting(Role.SENIOR),
        decision=DECISIONS[DecisionName.BAN],
        target_type=TargetType.CHANNEL,
        target_id=comment.user.pk,
        reason=REASON,
        case=case,
    )

    assert (line.case_id, line.target_type) == (case.pk, "channel")
    case.refresh_from_db()
    assert case.is_open


def test_names_longer_than_the_log_are_cut_there() -> None:
    long = "n" * 1000
    actor, owner = (
        person(username=long, fullname="A", is_superuser=True, email="a@viztube.example"),
        person(username=f"{long}2", fullname="B", email="b@viztube.example"),
    )
    line = decided(TweetFactory.create(user=owner), DecisionName.REMOVE, by=staff(actor))
    assert (line.actor_label, line.owner_label) == (long[:300], long[:300])
    assert decided(owner, DecisionName.BAN).target_label == long[:300]

"""The database itself refuses reports, cases and lines of the log that make no sense."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from social.models import Case, ModerationAction, Report, TargetType
from social.tests.deciding import MAKE
from social.tests.factories import ReportFactory, TweetFactory
from users.models import User
from users.tests.factories import UserFactory
from videos.tests.test_constraints import refused

pytestmark = pytest.mark.django_db

KINDS = list(TargetType)


@pytest.fixture
def case(db: None) -> Case:
    """Return an open case about a tweet."""
    return ReportFactory.create(tweet=TweetFactory.create()).case


def change(row: Any, **fields: Any) -> Any:
    """Return a write to a row past every check of ours."""

    def write() -> None:
        type(row).objects.filter(pk=row.pk).update(**fields)
        connection.check_constraints()

    return write


@pytest.mark.parametrize("value", ["", "user", "Video", "video "])
def test_a_case_is_about_something_there_can_be(case: Case, value: str) -> None:
    refused("social_case_target_type", change(case, target_type=value))


@pytest.mark.parametrize(
    ("closed", "outcome"),
    [(False, "upheld"), (False, "dismissed"), (True, ""), (True, "open"), (True, "Upheld")],
)
def test_a_case_is_closed_with_an_outcome(case: Case, closed: bool, outcome: str) -> None:
    fields = {"closed_at": timezone.now() if closed else None, "outcome": outcome}

    refused("social_case_closed_with_outcome", change(case, **fields))


def test_a_thing_has_one_open_case(case: Case) -> None:
    fields = {
        "target_type": case.target_type,
        "target_id": case.target_id,
        "owner": case.owner,
        "excerpt": "Again",
    }
    refused("social_case_one_open", lambda: Case.objects.create(**fields))

    closed = {"closed_at": timezone.now(), "outcome": "upheld"}
    for _ in range(2):
        Case.objects.create(**fields, **closed)
    other = Case.objects.create(**{**fields, "target_id": uuid4()})
    refused("social_case_one_open", change(other, target_id=case.target_id))


def test_reports_can_refer_to_a_case_and_its_target(case: Case) -> None:
    """The constraint that they refer to cannot fail by itself: an id is unique already."""
    (constraint,) = (one for one in Case._meta.constraints if one.name == "social_case_id_target")
    assert getattr(constraint, "fields", ()) == ("id", "target_id")


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_report_is_on_one_thing(case: Case, user: User, count: int) -> None:
    targets = {kind.value: MAKE[kind]() for kind in KINDS[:count]}

    refused(
        "social_report_one_target",
        lambda: Report.objects.create(reporter=user, case=case, reason="spam", **targets),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_cannot_lose_its_thing_or_get_another(kind: TargetType) -> None:
    report = ReportFactory.create(**{kind.value: MAKE[kind]()})
    refused("social_report_one_target", change(report, **{kind.value: None}))
    for other in set(KINDS) - {kind}:
        refused("social_report_one_target", change(report, **{other.value: MAKE[other]()}))


@pytest.mark.parametrize("value", ["", "boring", "SPAM"])
def test_a_report_has_one_of_the_reasons(case: Case, value: str) -> None:
    refused("social_report_reason", change(case.reports.get(), reason=value))


def test_nobody_reports_themselves(user: User) -> None:
    report = ReportFactory.create(channel=UserFactory.create(password=None))

    refused("social_report_not_oneself", change(report, reporter=report.channel))


def test_a_person_reports_once_a_case(case: Case, user: User) -> None:
    again = {"reporter": case.reports.get().reporter, "case": case, "reason": "hate"}
    tweet = case.reports.get().tweet
    name = "social_report_once_a_case"
    refused(name, lambda: Report.objects.create(**again, tweet=tweet))

    other = ReportFactory.create(tweet=tweet)
    assert other.case == case
    refused(name, change(other, reporter=again["reporter"]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_on_the_case_of_its_own_thing(case: Case, kind: TargetType) -> None:
    one, other = MAKE[kind](), MAKE[kind]()
    report = ReportFactory.create(**{kind.value: one})
    assert report.target_id == one.pk
    name = "social_report_on_case_of_target"

    refused(name, change(report, case=case))
    refused(name, change(report, **{kind.value: other}))
    refused(name, change(report, case_id=uuid4()))
    refused(name, change(report.case, target_id=uuid4()))


def line(**fields: Any) -> Any:
    """Return a write of a line of the log."""
    columns = {
        "actor_label": "ann",
        "actor_role": "senior",
        "decision": "remove",
        "target_type": "tweet",
        "target_id": uuid4(),
        "target_label": "Text",
        "owner_id": uuid4(),
        "owner_label": "bob",
        "reason": "Spam.",
        **fields,
    }
    return lambda: ModerationAction.objects.create(**columns)


NOW = timezone.now()


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("decision", {"decision": ""}),
        ("decision", {"decision": "delete"}),
        ("target_type", {"target_type": ""}),
        ("target_type", {"target_type": "user"}),
        ("has_reason", {"reason": ""}),
        ("has_reason", {"reason": " \n\t"}),
        ("until", {"decision": "suspend"}),
        ("until", {"decision": "ban", "until": NOW}),
        ("until", {"decision": "remove", "until": NOW}),
    ],
)
def test_a_bad_line_of_the_log(constraint: str, fields: dict[str, Any]) -> None:
    line()()
    line(decision="suspend", until=NOW)()

    refused(f"social_moderationaction_{constraint}", line(**fields))

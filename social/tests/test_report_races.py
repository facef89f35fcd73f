"""Reports and decisions about one thing at the same moment, over real connections and commits."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count, Q

from social.models import Case, Comment, DecisionName, ModerationAction, Report, TargetType
from social.roles import Role
from social.services import changes
from social.services.moderation import Refused
from social.tests.deciding import MAKE, acting, decided
from social.tests.factories import ReportFactory
from social.tests.test_reports import HIDE, KINDS, UNDO, about, send
from users.models import User
from users.tests.factories import UserFactory
from videos.services.videos import delete_video
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.tests.threads import Started, at_once

pytestmark = pytest.mark.django_db(transaction=True)

ClientFor = Callable[[User], Client]
DELETABLE = {"video": "videos", "comment": "comments/c", "tweet": "tweets"}


def check_invariants() -> None:
    """Fail when a thing has two open cases, or a case closed otherwise than the log says."""
    twice = Case.objects.open().values("target_id").annotate(n=Count("pk")).filter(n__gt=1)
    assert not twice
    closing = Q(decision__in=("dismiss", "take_down", "remove", "suspend", "ban"))
    for case in Case.objects.exclude(closed_at=None):
        line = ModerationAction.objects.filter(closing, case_id=case.pk).get()
        assert (case.outcome == "dismissed") == (line.decision == "dismiss")
        # Whoever came later is on the next case.
        assert not case.reports.filter(created_at__gt=case.closed_at).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_people_who_report_at_once_are_on_one_case(client_for: ClientFor, kind: TargetType) -> None:
    target = MAKE[kind]()
    clients = [client_for(UserFactory.create(password=None)) for _ in range(8)]
    answers = at_once([partial(send, client, kind, target) for client in clients])

    assert [answer.status for answer in answers] == [201] * 8
    assert Case.objects.get().reports.count() == 8


@pytest.mark.parametrize("kind", KINDS)
def test_one_person_who_reports_twice_at_once_has_reported_once(
    user_client: Client, kind: TargetType
) -> None:
    target = MAKE[kind]()
    answers = at_once([partial(send, user_client, kind, target)] * 8)

    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert {answer.code for answer in answers if answer.status == 409} == {"conflict"}
    assert Case.objects.get() == Report.objects.get().case


@pytest.mark.parametrize("kind", KINDS)
def test_who_reports_while_it_is_decided_waits_and_may_find_it_gone(
    user_client: Client, kind: TargetType
) -> None:
    target = MAKE[kind]()
    ReportFactory.create(**{kind.value: target})
    by = acting(Role.SENIOR)
    with transaction.atomic():
        decided(target, HIDE[kind], by=by)
        late = Started(lambda: send(user_client, kind, target))
        assert late.waits()

    assert [(one.status, one.code) for one in late.results()] == [(404, "not_found")]
    assert Report.objects.count() == 1
    check_invariants()


@pytest.mark.parametrize("kind", KINDS)
def test_who_reports_while_it_is_dismissed_opens_the_next_case(
    user_client: Client, kind: TargetType
) -> None:
    target = MAKE[kind]()
    first = ReportFactory.create(**{kind.value: target})
    by = acting(Role.SENIOR)
    with transaction.atomic():
        decided(target, DecisionName.DISMISS, by=by)
        late = Started(lambda: send(user_client, kind, target))
        assert late.waits()

    assert [(one.status, one.data["state"]) for one in late.results()] == [(201, "open")]
    assert Case.objects.open().get() != first.case
    check_invariants()


@pytest.mark.parametrize("kind", KINDS)
def test_a_decision_while_somebody_reports_takes_that_report_along(kind: TargetType) -> None:
    target = MAKE[kind]()
    by = acting(Role.SENIOR)
    with transaction.atomic():
        report = ReportFactory.create(**{kind.value: target})
        late = Started(lambda: decided(target, HIDE[kind], by=by))
        assert late.waits()

    (line,) = late.results()
    assert line.case_id == report.case_id
    report.case.refresh_from_db()
    assert report.state == "upheld"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["hide", "dismiss"])
def test_of_two_who_decide_at_once_one_wins(kind: TargetType, name: str) -> None:
    target = MAKE[kind]()
    ReportFactory.create(**{kind.value: target})
    actors = [acting(Role.SENIOR) for _ in range(4)]
    # A suspension may follow another, a ban may not.
    hiding = DecisionName.BAN if kind == TargetType.CHANNEL else HIDE[kind]
    wanted = hiding if name == "hide" else DecisionName.DISMISS

    def attempt(actor: Any) -> ModerationAction | str:
        try:
            return decided(target, wanted, by=actor)
        except Refused as refused:
            return refused.message

    done = at_once([partial(attempt, actor) for actor in actors])

    (line,) = [one for one in done if isinstance(one, ModerationAction)]
    refusals = {one for one in done if isinstance(one, str)}
    assert len(refusals) == 1
    assert refusals.pop().endswith(("already.", "decided."))
    assert ModerationAction.objects.get() == line
    check_invariants()


@pytest.mark.parametrize("kind", KINDS)
def test_reports_and_decisions_at_once_leave_nothing_odd(
    client_for: ClientFor, kind: TargetType
) -> None:
    people = [client_for(UserFactory.create(password=None)) for _ in range(4)]
    actors = [acting(Role.SENIOR) for _ in range(3)]

    def attempt(target: Any, name: DecisionName, by: Any) -> Any:
        try:
            return decided(target, name, by=by)
        except Refused:
            return None

    for _ in range(4):
        target = MAKE[kind]()
        ReportFactory.create(**{kind.value: target})
        names = (HIDE[kind], DecisionName.DISMISS, UNDO[kind])
        deciding: list[Callable[[], Any]] = [
            partial(attempt, target, name, by) for name in names for by in actors
        ]
        reporting: list[Callable[[], Any]] = [
            partial(send, client, kind, target) for client in people
        ]
        done = at_once([*reporting, *deciding, *reporting])
        answers = [one for one in done if isinstance(one, Answer)]

        assert {answer.status for answer in answers} <= {201, 404, 409}
        check_invariants()


class TestAReportOnWhatIsDeleted:
    @pytest.mark.parametrize("kind", DELETABLE)
    def test_waits_and_finds_nothing(self, user_client: Client, kind: str) -> None:
        target = MAKE[TargetType(kind)]()
        with transaction.atomic():
            if kind == "video":
                delete_video(video=target)
            else:
                changes.delete(target)
            late = Started(lambda: user_client.post("reports", about(kind, target.pk)))
            assert late.waits()

        assert [(one.status, one.code) for one in late.results()] == [(404, "not_found")]
        assert not Case.objects.exists()

    def test_waits_for_the_video_of_its_comment(self, user_client: Client) -> None:
        comment = MAKE[TargetType.COMMENT]()
        with transaction.atomic():
            delete_video(video=comment.video)
            late = Started(lambda: send(user_client, TargetType.COMMENT, comment))
            assert late.waits()

        assert [(one.status, one.code) for one in late.results()] == [(404, "not_found")]
        assert not Case.objects.exists()

    @pytest.mark.parametrize("kind", DELETABLE)
    def test_is_never_an_error(self, client_for: ClientFor, kind: str) -> None:
        people = [client_for(UserFactory.create(password=None)) for _ in range(6)]
        owner = UserFactory.create(password=None)
        owner_client = client_for(owner)
        for _ in range(5):
            target = MAKE[TargetType(kind)](user=owner)
            body = about(kind, target.pk)
            calls: list[Callable[[], Answer]] = [
                partial(one.post, "reports", body) for one in people
            ]
            delete: list[Callable[[], Answer]] = [
                partial(owner_client.delete, f"{DELETABLE[kind]}/{target.pk}")
            ]
            answers = at_once([*calls[:3], *delete, *calls[3:]])

            assert answers[3].status == 200
            assert {answer.status for answer in answers} <= {200, 201, 404}
        assert not Report.objects.exists()

    def test_does_not_come_in_between_the_reports_and_what_they_are_on(
        self, user_client: Client, client_for: ClientFor
    ) -> None:
        comment = MAKE[TargetType.COMMENT]()
        ReportFactory.create(comment=comment)
        owner_client = client_for(comment.video.user)
        late: list[Started[Answer]] = []

        def report_first(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith('DELETE FROM "social_comment"') and not late:
                late.append(Started(lambda: send(user_client, TargetType.COMMENT, comment)))
                assert late[0].waits()
            return execute(sql, *args)

        with connection.execute_wrapper(report_first):
            answer = owner_client.delete(f"videos/{comment.video.pk}")

        assert answer.status == 200
        assert [(one.status, one.code) for one in late[0].results()] == [(404, "not_found")]
        assert not Report.objects.exists()
        assert not Comment.objects.exists()


def test_a_decision_about_what_is_deleted_meanwhile_is_refused() -> None:
    tweet = MAKE[TargetType.TWEET]()
    ReportFactory.create(tweet=tweet)
    by = acting(Role.SENIOR)

    def attempt() -> str:
        with pytest.raises(Refused) as refused:
            decided(tweet, DecisionName.REMOVE, by=by)
        return refused.value.message

    with transaction.atomic():
        changes.delete(tweet)
        late = Started(attempt)
        assert late.waits()

    assert late.results() == ["This tweet is no longer there: it was deleted."]
    assert not ModerationAction.objects.exists()
    assert Case.objects.get().is_open

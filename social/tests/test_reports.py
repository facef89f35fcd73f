"""Reports through HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from social.models import DETAILS_LENGTH, Case, DecisionName, Report, ReportReason, TargetType
from social.tests.deciding import MAKE, decided, owner_of
from social.tests.factories import CommentFactory, ReportFactory, TweetFactory
from social.tests.hidden import THINGS
from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.times import wire_time

pytestmark = pytest.mark.django_db

KINDS = list(TargetType)
HIDE = {
    TargetType.VIDEO: DecisionName.TAKE_DOWN,
    TargetType.COMMENT: DecisionName.REMOVE,
    TargetType.TWEET: DecisionName.REMOVE,
    TargetType.CHANNEL: DecisionName.SUSPEND,
}
UNDO = {**dict.fromkeys(KINDS, DecisionName.RESTORE), TargetType.CHANNEL: DecisionName.LIFT}


def about(kind: str, pk: Any, **changes: Any) -> dict[str, Any]:
    """Return the body of a report; a change to None leaves a field out."""
    body = {"targetType": kind, "targetId": str(pk), "reason": "spam", **changes}
    return {name: value for name, value in body.items() if value is not None}


def send(client: Client, kind: TargetType, target: Any, **changes: Any) -> Answer:
    """Report something."""
    return client.post("reports", about(kind.value, target.pk, **changes))


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_opens_a_case_and_comes_back(
    user: User, user_client: Client, kind: TargetType
) -> None:
    target = MAKE[kind]()
    answer = send(user_client, kind, target, reason="hate", details=" At 0:42. ")

    assert (answer.status, answer.body["message"]) == (201, "Reported. Moderators will look at it.")
    report, case = Report.objects.get(), Case.objects.get()
    assert (report.reporter, report.case, report.target_id) == (user, case, target.pk)
    assert getattr(report, kind.value) == target
    assert (case.target_type, case.target_id, case.owner) == (kind, target.pk, owner_of(target))
    assert case.is_open
    assert answer.data == {
        "id": str(report.pk),
        "targetType": kind.value,
        "targetId": str(target.pk),
        "reason": "hate",
        "details": "At 0:42.",
        "state": "open",
        "createdAt": wire_time(report.created_at),
        "decidedAt": None,
    }
    assert user_client.get("reports").data == [answer.data]


def test_a_case_keeps_what_the_thing_said_when_it_was_first_reported(
    user_client: Client, stranger_client: Client
) -> None:
    person = UserFactory.create(username="ann", fullname="Ann Smith", password=None)
    video = VideoFactory.create(title="Cats", description="Many of them.")
    comment = CommentFactory.create(content="Rude " * 200)
    tweet = TweetFactory.create(content="Loud")
    said = {}
    for kind, target in zip(KINDS, (video, comment, tweet, person), strict=True):
        send(user_client, kind, target)
        said[kind] = Case.objects.get(target_id=target.pk).excerpt

    assert said == {
        TargetType.VIDEO: "Cats\n\nMany of them.",
        TargetType.COMMENT: comment.content,
        TargetType.TWEET: "Loud",
        TargetType.CHANNEL: "Ann Smith (@ann)",
    }
    tweet.content = "Quiet"
    tweet.save()
    send(stranger_client, TargetType.TWEET, tweet)
    assert Case.objects.get(target_id=tweet.pk).excerpt == "Loud"


@pytest.mark.parametrize("reason", ReportReason.values)
def test_every_reason_is_taken(user_client: Client, reason: str) -> None:
    answer = send(user_client, TargetType.TWEET, TweetFactory.create(), reason=reason)

    assert (answer.status, answer.data["reason"], answer.data["details"]) == (201, reason, "")


LONG = "x" * (DETAILS_LENGTH + 1)
WRONG: dict[str, tuple[Any, ...]] = {
    "targetType": (None, "", "user", "VIDEO", "playlist", 1, ["video"]),
    "targetId": (None, "", "1", "x" * 40, 5, [], "\x00"),
    "reason": (None, "", "Spam", "boring", 1, {}, "spam\x00"),
    "details": (1, [], {}, "a\x00b", LONG),
}
BAD = [(field, value) for field, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda value: repr(value)[:20])
def test_a_bad_field_is_named(user_client: Client, field: str, value: Any) -> None:
    answer = send(user_client, TargetType.VIDEO, VideoFactory.create(), **{field: value})

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [field]
    assert not Case.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"video"', b"{}"])
def test_what_is_no_report_is_refused(user_client: Client, body: bytes) -> None:
    answer = user_client.post("reports", body)

    assert (answer.status, answer.code) == (400, "invalid")


def test_null_details_are_none_and_long_ones_have_room(user_client: Client) -> None:
    longest = "\U0001f600" * DETAILS_LENGTH
    answer = send(user_client, TargetType.TWEET, TweetFactory.create(), details=f" {longest}\n")

    assert answer.data["details"] == Report.objects.get().details == longest


def test_a_body_sets_nothing_else(user: User, user_client: Client) -> None:
    other = UserFactory.create(password=None)
    closed = {"state": "dismissed", "decidedAt": "2001-01-01T00:00:00.000Z", "outcome": "upheld"}
    tweet, video = TweetFactory.create(), VideoFactory.create()
    body = {"reporter": str(other.pk), "id": str(uuid4()), "video": str(video.pk), **closed}
    answer = send(user_client, TargetType.TWEET, tweet, **body)

    assert (answer.status, answer.data["state"]) == (201, "open")
    report = Report.objects.get()
    assert (report.reporter, report.video, report.case.outcome) == (user, None, "")
    assert str(report.pk) != body["id"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_s_own_is_refused(user: User, user_client: Client, kind: TargetType) -> None:
    answer = send(user_client, kind, MAKE[kind](user=user))

    assert (answer.status, answer.code, list(answer.body["details"])) == (
        400,
        "invalid",
        ["targetId"],
    )
    assert not Case.objects.exists()


def test_somebody_else_s_comment_under_one_s_own_video_can_be_reported(
    user: User, user_client: Client
) -> None:
    comment = CommentFactory.create(video=VideoFactory.create(user=user))

    assert send(user_client, TargetType.COMMENT, comment).status == 201


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_not_found(user_client: Client, kind: TargetType) -> None:
    # Of each other kind there is one with the id.
    shared = uuid4()
    others: Any = (VideoFactory, CommentFactory, TweetFactory, UserFactory)
    for other, factory in zip(KINDS, others, strict=True):
        if other != kind:
            factory.create(pk=shared)
    answer = user_client.post("reports", about(kind.value, shared))

    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.body["message"] == f"There is no such {kind.value}."
    assert not Case.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_what_one_may_not_see_looks_like_nothing(user_client: Client, kind: TargetType) -> None:
    unknown = user_client.post("reports", about(kind.value, uuid4()))
    for make in THINGS[kind.value].values():
        answer = send(user_client, kind, make().thing)

        assert answer.status == 404
        assert {**answer.body, "requestId": ""} == {**unknown.body, "requestId": ""}
    assert not Case.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_report_waits_for_the_decision_about_the_first(
    user_client: Client, kind: TargetType
) -> None:
    target = MAKE[kind]()
    first = send(user_client, kind, target)
    again = send(user_client, kind, target, reason="hate")

    assert (first.status, again.status, again.code) == (201, 409, "conflict")
    assert Report.objects.get().reason == "spam"


@pytest.mark.parametrize("kind", KINDS)
def test_reports_of_several_people_are_one_case(
    user_client: Client, stranger_client: Client, kind: TargetType
) -> None:
    target, other = MAKE[kind](), MAKE[kind]()
    for client in (user_client, stranger_client):
        assert send(client, kind, target).status == 201
    assert send(user_client, kind, other).status == 201

    cases = Case.objects.with_reports_count().order_by("reports_count")
    assert [(case.target_id, case.reports_count) for case in cases] == [
        (other.pk, 1),
        (target.pk, 2),
    ]


def test_nothing_is_ever_removed_by_reports(
    client_for: Callable[[User], Client], api: Client
) -> None:
    video = VideoFactory.create()
    for _ in range(12):
        assert send(client_for(UserFactory.create()), TargetType.VIDEO, video).status == 201

    assert api.get(f"videos/{video.pk}").status == 200


def test_who_is_signed_out_is_told_to_sign_in(api: Client) -> None:
    video = VideoFactory.create()
    for answer in (send(api, TargetType.VIDEO, video), api.get("reports")):
        assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_report_cannot_be_taken_back(user: User, user_client: Client, method: str) -> None:
    report = ReportFactory.create(reporter=user, tweet=TweetFactory.create())

    assert user_client.request(method, "reports").status == 405
    assert user_client.request(method, f"reports/{report.pk}").status == 404
    assert Report.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", ["upheld", "dismissed"])
def test_what_became_of_it_is_told_and_it_can_be_reported_again(
    user_client: Client, kind: TargetType, state: str
) -> None:
    target = MAKE[kind]()
    send(user_client, kind, target)
    decided(target, HIDE[kind] if state == "upheld" else DecisionName.DISMISS)
    case = Case.objects.get()
    (told,) = user_client.get("reports").data

    assert case.closed_at is not None
    assert (told["state"], told["decidedAt"]) == (state, wire_time(case.closed_at))
    # Why, and by whom, is told to nobody but the owner and staff.
    assert set(told) == {
        *("id", "targetType", "targetId", "reason", "details", "state", "createdAt", "decidedAt")
    }
    if state == "upheld":
        decided(target, UNDO[kind])
    assert send(user_client, kind, target, reason="other").status == 201
    assert [row["state"] for row in user_client.get("reports").data] == ["open", state]
    assert Case.objects.open().get() != case


def test_an_undo_does_not_change_what_became_of_a_report(user_client: Client) -> None:
    tweet = TweetFactory.create()
    send(user_client, TargetType.TWEET, tweet)
    decided(tweet, DecisionName.REMOVE)
    before = user_client.get("reports").data
    decided(tweet, DecisionName.RESTORE)

    assert user_client.get("reports").data == before


def test_the_list_is_of_one_s_own_the_latest_first(
    user: User, user_client: Client, stranger_client: Client
) -> None:
    tweets = TweetFactory.create_batch(5)
    reports = [ReportFactory.create(reporter=user, tweet=tweet) for tweet in tweets]
    for number, report in enumerate(reports):
        Report.objects.filter(pk=report.pk).update(
            created_at=report.created_at + timedelta(hours=(number * 2) % 5)
        )
    send(stranger_client, TargetType.TWEET, tweets[0])
    order = [str(tweets[number].pk) for number in (2, 4, 1, 3, 0)]
    pages = [user_client.get("reports", query={"limit": 2, "page": page}) for page in (1, 2, 3, 4)]

    assert [row["targetId"] for page in pages for row in page.data] == order
    assert [len(page.data) for page in pages] == [2, 2, 1, 0]
    assert pages[0].body["pagination"]["totalDocs"] == 5
    cursor = pages[0].body["pagination"]["nextCursor"]
    after = user_client.get("reports", query={"limit": 2, "cursor": cursor})
    assert after.data == pages[1].data
    assert [row["targetId"] for row in stranger_client.get("reports").data] == [str(tweets[0].pk)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_owner_is_not_told(
    user_client: Client, client_for: Callable[[User], Client], kind: TargetType
) -> None:
    target = MAKE[kind]()
    owner = client_for(owner_of(target))
    looked = ("reports", "user/notices", "user/current-user-details")
    before = [owner.get(path).data for path in looked]
    send(user_client, kind, target, details="Look at this.")
    decided(target, DecisionName.DISMISS)

    assert [owner.get(path).data for path in looked] == before


def test_who_reported_what_is_gone_keeps_the_case_and_no_report(
    user_client: Client, client_for: Callable[[User], Client]
) -> None:
    for kind, path in (("video", "videos"), ("comment", "comments/c"), ("tweet", "tweets")):
        target = MAKE[TargetType(kind)]()
        send(user_client, TargetType(kind), target)
        owner = client_for(target.user)

        assert owner.delete(f"{path}/{target.pk}").status == 200
        assert user_client.get("reports").data == []
        case = Case.objects.get(target_id=target.pk)
        assert (case.is_open, case.reports.count(), bool(case.excerpt)) == (True, 0, True)


def test_a_video_that_goes_takes_the_reports_on_its_comments_along(
    user_client: Client, client_for: Callable[[User], Client]
) -> None:
    comment = CommentFactory.create()
    elsewhere = CommentFactory.create()
    for one in (comment, elsewhere):
        send(user_client, TargetType.COMMENT, one)

    assert client_for(comment.video.user).delete(f"videos/{comment.video.pk}").status == 200
    assert [row["targetId"] for row in user_client.get("reports").data] == [str(elsewhere.pk)]
    assert Case.objects.count() == 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_report_costs(
    user_client: Client, stranger_client: Client, kind: TargetType
) -> None:
    target = MAKE[kind]()
    user_client.get("reports")
    stranger_client.get("reports")
    with captured_queries() as opening:
        assert send(user_client, kind, target).status == 201
    with captured_queries() as joining:
        assert send(stranger_client, kind, target).status == 201

    # The thing, locked; its case; the case and the report added; what the database made of both.
    assert len(opening) <= 6, opening
    assert len(joining) <= 5, joining


@pytest.mark.parametrize("rows", [1, 20])
def test_what_the_list_costs(user: User, user_client: Client, rows: int) -> None:
    for tweet in TweetFactory.create_batch(rows):
        ReportFactory.create(reporter=user, tweet=tweet)
    user_client.get("reports")
    with captured_queries() as statements:
        assert len(user_client.get("reports", query={"limit": 100}).data) == rows

    assert len(statements) == 2, statements

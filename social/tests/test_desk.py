"""The desk over HTTP: the queue, the page of a case, decisions about what was chosen."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from social.models import Case, Comment, ModerationAction
from social.roles import Role
from social.tests.factories import CommentFactory, ReportFactory, TweetFactory
from social.tests.roles import member
from users.models import User
from users.tests.browsers import Browser, browser_of
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.tests.factories import VideoFactory

pytestmark = pytest.mark.django_db

DECIDE = "/admin/social/case/decide/"
FACTORIES: dict[str, Any] = {
    "video": VideoFactory,
    "comment": CommentFactory,
    "tweet": TweetFactory,
    "channel": UserFactory,
}
MARKUP = "<img src=x onerror=alert(1)>\"'&"


def case_about(kind: str, thing: Any = None, **report: Any) -> Case:
    """Return the case of a report on something."""
    thing = thing or FACTORIES[kind].create()
    made: Case = ReportFactory.create(**{kind: thing}, **report).case
    return made


def page_of(case: Case) -> str:
    return f"/admin/social/case/{case.pk}/change/"


def offered(page: Any) -> list[str]:
    """Return the decisions on offer, as the form sends them."""
    return list(page.context["form"].options)


def said(page: Any) -> list[str]:
    return [str(message) for message in page.context["messages"]]


@pytest.fixture
def moderator() -> Browser:
    return browser_of(member(Role.MODERATOR))


@pytest.fixture
def senior() -> Browser:
    return browser_of(member(Role.SENIOR))


@pytest.mark.parametrize("kind", FACTORIES)
def test_a_case_page_costs_the_same_however_much_is_on_it(senior: Browser, kind: str) -> None:
    case = case_about(kind)
    with captured_queries() as few:
        assert senior.get(page_of(case)).status_code == 200
    target = FACTORIES[kind]._meta.model.objects.get(pk=case.target_id)
    for _ in range(8):
        ReportFactory.create(**{kind: target})
        case_about("tweet", TweetFactory.create(user=case.owner))
        VideoFactory.create(user=case.owner)
        if kind == "comment":
            CommentFactory.create_batch(2, video=target.video)
    with captured_queries() as many:
        page = senior.get(page_of(case))

    assert len(page.context["reports"]) == 9
    assert len(page.context["other_cases"]) == 8
    # Session, person, their permissions (2), case, target and what is around it (up to 3), role of
    # the owner, reports, decisions, other cases.
    assert len(many) == len(few) <= 12


def test_the_queue_begins_with_what_most_people_reported(moderator: Browser) -> None:
    lonely, popular, closed = (case_about("tweet") for _ in range(3))
    ReportFactory.create(tweet_id=popular.target_id, tweet=popular.reports.get().tweet)
    Case.objects.filter(pk=closed.pk).update(closed_at=timezone.now(), outcome="dismissed")

    def listed(query: str = "") -> list[Any]:
        page = moderator.get(f"/admin/social/case/{query}")
        return [case.pk for case in page.context["cl"].result_list]

    assert listed() == [popular.pk, lonely.pk]
    assert listed("?state=closed") == [closed.pk]
    assert listed("?state=all") == [closed.pk, popular.pk, lonely.pk]
    assert listed(f"?q={popular.target_id}") == [popular.pk]
    assert listed(f"?q=@{lonely.owner.username}") == [lonely.pk]


def test_the_queue_costs_the_same_however_long_it_is(moderator: Browser) -> None:
    case_about("video")
    with captured_queries() as few:
        moderator.get("/admin/social/case/")
    for kind in FACTORIES:
        case_about(kind)
    with captured_queries() as many:
        moderator.get("/admin/social/case/")

    assert len(many) == len(few) <= 12


@pytest.mark.parametrize(
    ("role", "kind", "options"),
    [
        (Role.MODERATOR, "video", ["video:dismiss", "video:take_down"]),
        (Role.MODERATOR, "comment", ["comment:dismiss", "comment:remove"]),
        (Role.MODERATOR, "tweet", ["tweet:dismiss", "tweet:remove"]),
        (Role.MODERATOR, "channel", []),
        (
            Role.SENIOR,
            "comment",
            ["comment:dismiss", "comment:remove", "channel:suspend", "channel:ban"],
        ),
        (Role.SENIOR, "channel", ["channel:dismiss", "channel:suspend", "channel:ban"]),
    ],
)
def test_a_case_offers_what_one_may_decide(role: Role, kind: str, options: list[str]) -> None:
    page = browser_of(member(role)).get(page_of(case_about(kind)))

    assert offered(page) == options


def test_a_decision_closes_the_case_and_is_told(moderator: Browser) -> None:
    case = case_about("comment")
    page = moderator.post(
        page_of(case), {"decision": "comment:remove", "reason": "It is spam."}, follow=True
    )

    case.refresh_from_db()
    assert case.outcome == "upheld"
    assert Comment.objects.get(pk=case.target_id).removed_at is not None
    action = ModerationAction.objects.get()
    assert (action.decision, action.reason, action.case_id) == ("remove", "It is spam.", case.pk)
    assert page.redirect_chain == [(page_of(case), 302)]
    (told,) = said(page)
    assert "removed" in told
    # Now it can be undone, and is not dismissed any more.
    assert offered(page) == ["comment:restore"]
    page = moderator.post(
        page_of(case), {"decision": "comment:restore", "reason": "It is none."}, follow=True
    )
    assert Comment.objects.get(pk=case.target_id).removed_at is None
    assert [one.decision for one in page.context["decisions"]] == ["restore", "remove"]


def test_a_decision_about_the_owner_leaves_the_case_open(senior: Browser) -> None:
    case = case_about("video")
    body = {"decision": "channel:suspend", "days": "3", "reason": "Again and again."}
    senior.post(page_of(case), body)

    case.refresh_from_db()
    assert case.is_open
    assert case.owner.is_suspended
    assert ModerationAction.objects.get().case_id == case.pk


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"decision": "channel:lift"}, "decision"),
        ({"decision": "nonsense"}, "decision"),
        ({"decision": ""}, "decision"),
        ({"days": ""}, "days"),
        ({"days": "0"}, "days"),
        ({"days": "366"}, "days"),
        ({"days": "many"}, "days"),
    ],
)
def test_a_form_that_is_wrong_says_where(
    senior: Browser, changes: dict[str, str], field: str
) -> None:
    case = case_about("channel")
    body = {"decision": "channel:suspend", "days": "3", "reason": "Spam."}
    page = senior.post(page_of(case), body | changes)

    assert page.status_code == 200
    assert list(page.context["form"].errors) == [field]
    assert not ModerationAction.objects.exists()


def test_days_do_not_matter_to_what_has_no_end(senior: Browser) -> None:
    case = case_about("channel")
    senior.post(page_of(case), {"decision": "channel:ban", "days": "", "reason": "Spam."})

    assert ModerationAction.objects.get().decision == "ban"


def test_nobody_decides_about_themselves(moderator: Browser) -> None:
    me = User.objects.get(pk=moderator.session["_auth_user_id"])
    case = case_about("tweet", TweetFactory.create(user=me))
    page = moderator.get(page_of(case))

    assert offered(page) == []
    assert "There is nothing for you to decide here" in page.content.decode()
    moderator.post(page_of(case), {"decision": "tweet:dismiss", "reason": "Mine."})
    assert not ModerationAction.objects.exists()


def test_nobody_sees_who_reported_themselves(moderator: Browser) -> None:
    me = User.objects.get(pk=moderator.session["_auth_user_id"])
    reporter = UserFactory.create(username="tattletale")
    mine = case_about("tweet", TweetFactory.create(user=me), reporter=reporter, details="Mean.")
    other = case_about("tweet", reporter=UserFactory.create(username="another"))
    report = mine.reports.get()

    assert "tattletale" not in moderator.get(page_of(mine)).content.decode()
    assert "another" in moderator.get(page_of(other)).content.decode()
    for query in ({}, {"q": str(mine.pk)}, {"q": "@tattletale"}):
        page = moderator.get("/admin/social/report/", query).content.decode()
        assert "Mean." not in page
    assert "another" in moderator.get("/admin/social/report/").content.decode()
    assert moderator.get(f"/admin/social/report/{report.pk}/change/").status_code == 302


def test_what_is_gone_can_be_dismissed(moderator: Browser) -> None:
    case = case_about("comment", CommentFactory.create(content="What it said"))
    Comment.objects.filter(pk=case.target_id).purge()
    page = moderator.get(page_of(case))

    assert offered(page) == ["comment:dismiss"]
    text = page.content.decode()
    assert "it was deleted" in text
    assert "What it said" in text
    moderator.post(page_of(case), {"decision": "comment:dismiss", "reason": "Gone."})
    case.refresh_from_db()
    assert case.outcome == "dismissed"


def test_what_was_changed_since_is_shown_as_it_was(moderator: Browser) -> None:
    case = case_about("comment", CommentFactory.create(content="Before"))
    page = moderator.get(page_of(case))
    assert "When it was first reported" not in page.content.decode()

    Comment.objects.filter(pk=case.target_id).update(content="After")
    text = moderator.get(page_of(case)).content.decode()
    assert "When it was first reported" in text
    assert "Before" in text
    assert "After" in text


def test_a_comment_is_shown_among_those_around_it(moderator: Browser) -> None:
    video = VideoFactory.create()
    thread = [CommentFactory.create(video=video, content=f"Comment {n}") for n in range(9)]
    page = moderator.get(page_of(case_about("comment", thread[4])))

    assert [comment.pk for comment in page.context["thread"]] == [
        comment.pk for comment in thread[1:8]
    ]


@pytest.mark.parametrize("kind", FACTORIES)
def test_what_people_wrote_is_text(senior: Browser, kind: str) -> None:
    person = UserFactory.create(username=f"x{MARKUP}".lower(), fullname=MARKUP)
    video = VideoFactory.create(user=person, title=MARKUP, description=MARKUP)
    thing = {
        "video": video,
        "comment": CommentFactory.create(user=person, video=video, content=MARKUP),
        "tweet": TweetFactory.create(user=person, content=MARKUP),
        "channel": person,
    }[kind]
    case = case_about(kind, thing, details=MARKUP)
    pages = [
        senior.get(page_of(case)),
        senior.get("/admin/social/case/"),
        senior.get("/admin/social/report/"),
        senior.get("/admin/"),
        senior.get(DECIDE, {"target": kind, "id": [thing.pk, thing.pk]}, follow=True),
    ]
    body = {"decision": f"{kind}:dismiss", "reason": MARKUP}
    pages += [
        senior.post(page_of(case), body, follow=True),
        senior.get("/admin/social/moderationaction/"),
    ]

    for page in pages:
        assert page.status_code == 200
        text = page.content.decode()
        assert "<img src=x" not in text
        assert "&lt;img src=x" in text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_case_is_for_who_may_see_cases(method: str) -> None:
    address = page_of(case_about("video"))
    body = {"decision": "video:take_down", "reason": "Spam."}

    stranger = getattr(Browser(), method)(address, body)
    assert (stranger.status_code, stranger.headers["Location"][:13]) == (302, "/admin/login/")
    unrelated = UserFactory.create(is_staff=True)
    assert getattr(browser_of(unrelated), method)(address, body).status_code == 403
    assert not ModerationAction.objects.exists()


def test_a_case_that_is_not_there_leads_back(moderator: Browser) -> None:
    for pk in (uuid4(), "nonsense"):
        page = moderator.get(f"/admin/social/case/{pk}/change/")
        assert page.status_code == 302


# What was chosen from lists


def test_several_are_decided_about_at_once(moderator: Browser) -> None:
    comments = CommentFactory.create_batch(3)
    case = case_about("comment", comments[0])
    mine = CommentFactory.create(user=User.objects.get(pk=moderator.session["_auth_user_id"]))
    ids = [comment.pk for comment in (*comments, mine)]
    address = f"{DECIDE}?target=comment&" + "&".join(f"id={pk}" for pk in ids)
    assert offered(moderator.get(address)) == ["comment:dismiss", "comment:remove"]

    page = moderator.post(address, {"decision": "comment:remove", "reason": "Spam."}, follow=True)

    assert set(Comment.objects.exclude(removed_at=None)) == set(comments)
    assert set(ModerationAction.objects.values_list("target_id", flat=True)) == {
        comment.pk for comment in comments
    }
    case.refresh_from_db()
    assert case.outcome == "upheld"
    assert page.redirect_chain == [("/admin/social/comment/", 302)]
    left_alone, done = said(page)
    assert "This is about you" in left_alone
    assert done == "3 comments removed."


def test_one_with_an_open_case_is_decided_about_there(moderator: Browser) -> None:
    case = case_about("video")
    page = moderator.get(f"{DECIDE}?target=video&id={case.target_id}")

    assert page.headers["Location"] == page_of(case)


def test_the_one_that_is_left_of_several_is_decided_about_on_its_own_case(
    moderator: Browser,
) -> None:
    gone, left = case_about("comment"), case_about("comment")
    Comment.objects.filter(pk=gone.target_id).purge()
    page = moderator.get(f"{DECIDE}?target=comment&id={gone.target_id}&id={left.target_id}")
    assert page.headers["Location"] == page_of(left)

    other = CommentFactory.create()
    page = moderator.get(f"{DECIDE}?target=comment&id={gone.target_id}&id={other.pk}")
    assert page.status_code == 200


def test_one_without_a_case_is_decided_about_all_the_same(moderator: Browser) -> None:
    video = VideoFactory.create()
    address = f"{DECIDE}?target=video&id={video.pk}&decision=take_down"
    page = moderator.get(address)
    assert offered(page) == ["video:take_down"]
    assert page.context["form"].initial == {"decision": "video:take_down"}

    page = moderator.post(address, {"decision": "video:take_down", "reason": "Spam."}, follow=True)
    assert page.redirect_chain == [(f"/admin/videos/video/{video.pk}/change/", 302)]
    video.refresh_from_db()
    assert video.removed_at is not None
    # Done is done.
    assert offered(moderator.get(address)) == ["video:restore"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?target=video",
        "?target=nonsense&id=0192f0c1-0000-7000-8000-000000000000",
        "?target=video&id=nonsense",
        "?target=video&id=0192f0c1-0000-7000-8000-000000000000",
        "?target=video&" + "&".join(["id=0192f0c1-0000-7000-8000-000000000000"] * 51),
    ],
)
def test_an_address_that_names_nothing_is_404(moderator: Browser, query: str) -> None:
    assert moderator.get(f"{DECIDE}{query}").status_code == 404


def test_people_are_not_for_moderators_of_content(moderator: Browser) -> None:
    address = f"{DECIDE}?target=channel&id={UserFactory.create().pk}"

    assert moderator.get(address).status_code == 403
    body = {"decision": "channel:ban", "reason": "Spam."}
    assert moderator.post(address, body).status_code == 403
    assert not ModerationAction.objects.exists()

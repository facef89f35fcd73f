"""`manage.py moderate`: operators decide as staff do at their desk, and the log says who."""

import os
import pwd
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from social.models import Case, Comment, ModerationAction, Outcome, Tweet
from social.tests.factories import CommentFactory, ReportFactory, TweetFactory
from users.models import User
from users.tests.factories import UserFactory
from users.tests.signing_in import log_in
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

REASON = ("--reason", "Spam")
OPERATOR = f"operator {pwd.getpwuid(os.getuid()).pw_name}"

Moderate = Callable[..., str]


@pytest.fixture
def moderate(
    capsys: pytest.CaptureFixture[str], django_capture_on_commit_callbacks: Any
) -> Moderate:
    """Return a way to run the command with a reason, as if it committed; it returns what is said.

    What is said before an error is in the error's ``said``.
    """

    def run(*arguments: str) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            try:
                call_command("moderate", *arguments, *REASON)
            except CommandError as error:
                error.said = capsys.readouterr().out  # type: ignore[attr-defined]
                raise
        return capsys.readouterr().out

    return run


def everything() -> list[Any]:
    """Return all that a decision could change."""
    tables = (Video, Comment, Tweet, User, Case, ModerationAction)
    return [list(model._default_manager.order_by("pk").values()) for model in tables]


def test_a_video_is_taken_down_and_restored(moderate: Moderate, api: Client) -> None:
    video = VideoFactory.create(title="Cheap watches", user__username="ann", files=True)
    address = api.get(f"videos/{video.pk}").data["videoFileUrl"]

    said = moderate("take-down", str(video.pk))
    assert said == f"video {video.pk}: taken down. By ann: Cheap watches\n"
    assert api.get(f"videos/{video.pk}").status == 404
    assert api.get(address).status == 404

    assert moderate("restore", str(video.pk)).startswith(f"video {video.pk}: restored.")
    assert api.get(f"videos/{video.pk}").status == 200
    assert [line.decision for line in ModerationAction.objects.order_by("pk")] == [
        "take_down",
        "restore",
    ]


def test_the_log_names_the_account_that_ran_it_whatever_the_environment_says(
    moderate: Moderate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    video = VideoFactory.create(title="Cheap watches")
    report = ReportFactory.create(video=video)
    moderate("take-down", str(video.pk))

    line = ModerationAction.objects.get()
    assert (line.actor_id, line.actor_label, line.actor_role) == (None, OPERATOR, "operator")
    assert (line.target_id, line.target_label, line.reason) == (video.pk, "Cheap watches", "Spam")
    assert (line.owner_id, line.case_id) == (video.user_id, report.case_id)
    # The case is closed as it is at the desk.
    assert Case.objects.get().outcome == Outcome.UPHELD


def test_an_account_without_a_name_is_logged_by_its_number(
    moderate: Moderate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_123_456)
    moderate("take-down", str(VideoFactory.create().pk))

    assert ModerationAction.objects.get().actor_label == "operator with the user id 4123456"


def test_comments_and_tweets_are_removed_and_restored(moderate: Moderate) -> None:
    comment, tweet = CommentFactory.create(), TweetFactory.create()
    ids = (str(comment.pk), str(tweet.pk))

    said = moderate("take-down", *ids).splitlines()
    assert said[0].startswith(f"comment {comment.pk}: removed. By {comment.user.username}: ")
    assert said[1].startswith(f"tweet {tweet.pk}: removed. By {tweet.user.username}: ")
    assert said[2:] == ["2 decided, 0 refused."]
    for row in (comment, tweet):
        row.refresh_from_db()
        assert row.removed_at is not None

    moderate("restore", *ids)
    for row in (comment, tweet):
        row.refresh_from_db()
        assert row.removed_at is None


def test_of_several_each_is_decided_by_itself(moderate: Moderate) -> None:
    down = VideoFactory.create(removed_at=timezone.now())
    fine, missing = VideoFactory.create(), uuid4()

    with pytest.raises(CommandError, match="3 of 4 refused: see above") as caught:
        moderate("take-down", str(down.pk), str(missing), "nonsense", str(fine.pk))
    assert caught.value.returncode == 1
    assert caught.value.said.splitlines() == [  # type: ignore[attr-defined]
        f"{down.pk}: refused. It is taken down already.",
        f"{missing}: refused. There is no video, comment or tweet with this id.",
        "nonsense: refused. This is no id, nor an address of a video, a comment or a tweet.",
        f"video {fine.pk}: taken down. By {fine.user.username}: {fine.title}",
        "1 decided, 3 refused.",
    ]
    fine.refresh_from_db()
    assert fine.removed_at is not None
    assert [line.target_id for line in ModerationAction.objects.all()] == [fine.pk]


@pytest.mark.parametrize(
    "address",
    [
        "https://viztube.example/api/v2/videos/{}?x=1",
        "/api/v2/videos/{}",
        "https://viztube.example/admin/videos/video/{}/change/",
        "/admin/videos/video/{}/change/?_changelist_filters=o%3D1",
    ],
)
def test_a_video_may_be_named_by_its_address(moderate: Moderate, address: str) -> None:
    video = VideoFactory.create()
    moderate("take-down", address.format(str(video.pk).upper()))

    video.refresh_from_db()
    assert video.removed_at is not None


@pytest.mark.parametrize(
    "address",
    ["/api/v2/comments/{}", "/api/v2/likes/v/{}", "/api/v2/videos/{}/x", "x{}", "/videos/{}/{}"],
)
def test_an_address_of_something_else_is_not_taken_for_a_video(
    moderate: Moderate, address: str
) -> None:
    video = VideoFactory.create()
    with pytest.raises(CommandError, match="1 of 1 refused"):
        moderate("take-down", address.format(video.pk, video.pk))

    video.refresh_from_db()
    assert video.removed_at is None


def test_what_others_wrote_cannot_steer_the_terminal(moderate: Moderate) -> None:
    video = VideoFactory.create(title="\x1b[2J\x9b1;31mred\r\nvideo 1: gone\u202e" + "x" * 200)
    said = moderate("take-down", str(video.pk))

    assert said.count("\n") == 1
    assert said.strip().isprintable()
    assert len(said) < 200


def test_a_suspension_ends_sessions_and_is_lifted(
    moderate: Moderate, api: Client, client_for: Callable[[User], Client]
) -> None:
    ann = UserFactory.create(username="ann")
    client = client_for(ann)
    VideoFactory.create(user=ann, files=True)
    assert client.get("user/sessions").status == 200
    ends = timezone.now() + timedelta(days=7)

    said = moderate("suspend", "ANN", "--days", "7")
    ann.refresh_from_db()
    assert ann.suspended_until is not None
    assert abs(ann.suspended_until - ends) < timedelta(minutes=1)
    assert said == f"ann: suspended until {ann.suspended_until:%Y-%m-%d %H:%M} UTC.\n"
    assert ann.suspension_reason == "Spam"
    assert client.get("user/sessions").status == 401
    assert api.get("videos").data["totalDocs"] == 0

    assert moderate("lift", "ann") == "ann: lifted.\n"
    ann.refresh_from_db()
    assert ann.may_sign_in
    assert api.get("videos").data["totalDocs"] == 1


def test_a_ban_is_lifted_too(moderate: Moderate) -> None:
    ann = UserFactory.create(username="ann")
    log_in(ann)

    assert moderate("ban", "Ann") == "ann: banned.\n"
    ann.refresh_from_db()
    assert (ann.is_active, ann.suspension_reason) == (False, "Spam")
    assert ann.sessions.get().revoked_at is not None
    moderate("lift", "ann")
    ann.refresh_from_db()
    assert (ann.is_active, ann.suspension_reason) == (True, "")


def test_an_operator_may_ban_even_a_superuser(moderate: Moderate) -> None:
    UserFactory.create(username="root", is_superuser=True, is_staff=True)
    moderate("ban", "root")

    assert not User.objects.get().is_active


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("ban", "nobody"), "There is nobody called nobody"),
        (("ban", "banned"), "This person is banned already"),
        (("suspend", "banned", "--days", "1"), "This person is banned already"),
        (("suspend", "ann", "--days", "0"), "from 1 to 365"),
        (("suspend", "ann", "--days", "366"), "from 1 to 365"),
        (("lift", "ann"), "neither suspended nor banned"),
        (("ban", "ann", "--reason", "  "), "Give a reason"),
        (("ban", "ann", "--reason", "x" * 501), "at most 500 characters"),
        (("ban", "no\x1bone"), "nobody called no\N{REPLACEMENT CHARACTER}one"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_is_refused_is_a_sentence_and_changes_nothing(
    arguments: tuple[str, ...], problem: str, dry_run: bool
) -> None:
    UserFactory.create(username="ann")
    UserFactory.create(username="banned", is_active=False, suspension_reason="Spam")
    before = everything()

    options = ("--dry-run",) if dry_run else ()
    with pytest.raises(CommandError, match=problem) as caught:
        call_command("moderate", arguments[0], *REASON, *options, *arguments[1:])
    assert caught.value.returncode == 1
    assert everything() == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    moderate: Moderate, run_jobs: Callable[[], list[str]]
) -> None:
    video = VideoFactory.create(title="Cheap watches", user__username="ann", files=True)
    comment = CommentFactory.create(video=video, removed_at=timezone.now())
    ReportFactory.create(video=video)
    UserFactory.create(username="bob", is_active=False, suspension_reason="Spam")
    before = everything()

    assert moderate("take-down", str(video.pk), "--dry-run").splitlines() == [
        f"video {video.pk}: would be taken down. By ann: Cheap watches",
        "1 would be decided, 0 would be refused. Nothing was changed.",
    ]
    assert "would be restored" in moderate("restore", str(comment.pk), "--dry-run")
    with pytest.raises(CommandError, match="1 of 2 refused"):
        moderate("take-down", str(video.pk), str(comment.pk), "--dry-run")
    assert "ann: would be suspended until 20" in moderate(
        "suspend", "ann", "--days", "7", "--dry-run"
    )
    assert moderate("ban", "ann", "--dry-run") == "ann: would be banned.\nNothing was changed.\n"
    assert moderate("lift", "bob", "--dry-run").startswith("bob: would be lifted.")
    assert everything() == before
    assert run_jobs() == []


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("take-down", str(uuid4())), "--reason"),
        (("restore", str(uuid4())), "--reason"),
        (("suspend", "ann", "--days", "1"), "--reason"),
        (("suspend", "ann", "--reason", "x"), "--days"),
        (("ban", "ann"), "--reason"),
        (("lift", "ann"), "--reason"),
        (("purge-user", "ann", "--yes"), "--reason"),
        (("take-down", "--reason", "x"), "ID"),
        ((), "DECISION"),
    ],
)
def test_what_is_missing_is_named(arguments: tuple[str, ...], missing: str) -> None:
    with pytest.raises(CommandError, match=f"required: {missing}"):
        call_command("moderate", *arguments)


@pytest.mark.parametrize(
    "action", ["take-down", "restore", "suspend", "ban", "lift", "purge-user", ""]
)
def test_help_explains_each(capsys: pytest.CaptureFixture[str], action: str) -> None:
    with pytest.raises(SystemExit) as caught:
        call_command("moderate", *([action] if action else []), "--help")
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert "None" not in said
    for option in ("--dry-run", "--reason REASON") if action else ("--dry-run",):
        assert option in said


def test_a_database_that_is_away_is_a_sentence(
    moderate: Moderate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def fail(*args: Any) -> None:
        raise OperationalError("the connection is closed\nand more")

    monkeypatch.setattr("social.management.commands.moderate.content_with", fail)
    with pytest.raises(CommandError, match=r"database failed \(the connection is closed\)\. What"):
        moderate("take-down", str(uuid4()))

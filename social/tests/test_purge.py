"""`manage.py moderate purge-user`: a person with everything they made, wherever it is cut off."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from social.models import (
    Case,
    Comment,
    Like,
    ModerationAction,
    Playlist,
    PlaylistVideo,
    Report,
    Subscription,
    Tweet,
)
from social.services import purging
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    ReportFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import RefreshSession, SecurityEvent, SecurityEventKind, User
from users.tests.factories import UserFactory
from videos.models import Video, WatchHistory
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client
from viztube.api.tests.threads import Started
from viztube.media.tests.fixtures import picture
from viztube.media.tests.standin import StandIn

# What is committed when it is cut off is what the next run finds.
pytestmark = pytest.mark.django_db(transaction=True)

RunJobs = Callable[[], list[str]]
Files = Callable[[], set[str]]
MADE_BY_PEOPLE = (
    *(Case, Comment, Like, Playlist, PlaylistVideo, RefreshSession, Report),
    *(Subscription, Tweet, User, Video, WatchHistory),
)


@pytest.fixture
def ann(client_for: Callable[[User], Client]) -> User:
    """Return somebody with pictures who has made something of every kind."""
    ann = UserFactory.create(username="ann")
    ben = UserFactory.create(username="ben")
    client = client_for(ann)
    for name, field in (("avatar", "avatar"), ("cover-image", "coverImage")):
        assert client.patch(f"user/update-{name}", {field: picture("PNG")}).status == 200
    video, _, hidden = (VideoFactory.create(user=ann, files=True) for _ in range(3))
    elsewhere = VideoFactory.create(user=ben, files=True)
    theirs = CommentFactory.create(user=ben, video=elsewhere)
    for one in (video, elsewhere):
        comment = CommentFactory.create(user=ann, video=one)
        for person in (ann, ben):
            LikeFactory.create(user=person, video=one)
            LikeFactory.create(user=person, comment=comment)
            WatchHistory.objects.create(user=person, video=one, watched_at=timezone.now())
        ReportFactory.create(reporter=ben, comment=comment)
        for person in (ann, ben):
            playlist = PlaylistFactory.create(user=person)
            PlaylistVideoFactory.create(playlist=playlist, video=one)
    CommentFactory.create(user=ben, video=video)
    tweet = TweetFactory.create(user=ann)
    LikeFactory.create(user=ben, tweet=tweet)
    LikeFactory.create(user=ann, comment=theirs)
    for target in ({"tweet": tweet}, {"video": video}, {"channel": ann}):
        ReportFactory.create(reporter=ben, **target)
    ReportFactory.create(reporter=ann, video=elsewhere)
    SubscriptionFactory.create(subscriber=ann, channel=ben)
    SubscriptionFactory.create(subscriber=ben, channel=ann)
    call_command("moderate", "take-down", str(hidden.pk), "--reason", "Spam")
    ann.refresh_from_db()
    return ann


def purge(*options: str) -> None:
    call_command("moderate", "purge-user", "Ann", "--reason", "A farm of spam", *options)


def counts() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in MADE_BY_PEOPLE}


def decisions() -> list[str]:
    return list(ModerationAction.objects.order_by("pk").values_list("decision", flat=True))


def assert_only_what_others_made_is_left() -> None:
    assert counts() == {
        "Case": 1,  # about the video of ben that ann reported
        "Comment": 1,
        "Like": 1,
        "Playlist": 2,
        "PlaylistVideo": 1,
        "RefreshSession": 0,
        "Report": 0,
        "Subscription": 0,
        "Tweet": 0,
        "User": 1,
        "Video": 1,
        "WatchHistory": 1,
    }
    ben = User.objects.get()
    assert ben.username == "ben"
    for model in (Comment, Like, Video, WatchHistory):
        assert model._default_manager.get().user_id == ben.pk


def test_everything_of_a_person_is_known_here() -> None:
    # Few, and gone or nameless with the account: sign-ins stay in the audit trail for its time.
    with_the_account = {"sessions", "security_events", "logentry"}
    relations = {str(one.name) for one in User._meta.related_objects}

    assert {share.relation for share in purging.SHARES} == relations - with_the_account


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.usefixtures("place")
def test_a_person_goes_with_everything_and_nothing_of_others_does(
    request: pytest.FixtureRequest,
    place: str,
    sent: bool,
    run_jobs: RunJobs,
    stored_files: Files,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ann = request.getfixturevalue("ann")
    of_ben = {
        f"{Video.objects.get(user__username='ben').folder}/{name}"
        for name in ("video.mp4", "poster.jpg")
    }
    assert len(stored_files()) == 10
    if sent:
        run_jobs()
    purge("--yes")

    assert "ann is purged" in capsys.readouterr().out
    assert_only_what_others_made_is_left()
    assert decisions() == ["take_down", "ban", "purge"]
    line = ModerationAction.objects.get(decision="purge")
    assert (line.target_id, line.owner_id, line.target_label) == (ann.pk, ann.pk, "ann")
    assert (line.actor_role, line.reason) == ("operator", "A farm of spam")
    run_jobs()
    assert stored_files() == of_ben
    if place == "cloudinary":
        standin: StandIn = request.getfixturevalue("standin")
        assert standin.stored() == set()


def test_nobody_is_signed_in_any_more_and_the_name_is_free(
    ann: User, api: Client, client_for: Callable[[User], Client]
) -> None:
    client = client_for(ann)
    address = api.get("user/c/ann").data["avatar"]
    assert client.get("user/sessions").status == 200
    assert api.get(address).status == 200
    SecurityEvent.objects.create(kind=SecurityEventKind.SIGN_IN, user=ann, address="192.0.2.1")
    purge("--yes")

    assert client.get("user/sessions").status == 401
    assert api.get(address).status == 404
    assert api.get("user/c/ann").status == 404
    # The trail stays for its time, without the name.
    assert SecurityEvent.objects.get().user_id is None
    person = {"username": "ann", "email": ann.email, "fullname": "Ann", "password": "Tr0ub4dor-3"}
    assert api.post("user/register", person).status == 201


class Cut(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("share", [share.label for share in purging.SHARES])
@pytest.mark.parametrize("done", [False, True], ids=["within a step", "after a step"])
def test_cut_off_at_any_step_it_is_finished_by_another_run(
    ann: User,
    run_jobs: RunJobs,
    stored_files: Files,
    monkeypatch: pytest.MonkeyPatch,
    share: str,
    done: bool,
) -> None:
    before = counts()

    def cut(one: purging.Share) -> purging.Share:
        def delete(rows: Any) -> None:
            one.delete(rows)
            raise Cut

        return replace(one, delete=delete, batch=1) if one.label == share else one

    def cut_after(*args: Any) -> None:
        if args[0] == share:
            raise Cut

    with monkeypatch.context() as patched, pytest.raises(Cut):
        if done:
            patched.setattr(
                "tqdm.std.tqdm.set_description", lambda bar, label, **_: cut_after(label)
            )
        else:
            patched.setattr(purging, "SHARES", tuple(cut(one) for one in purging.SHARES))
        purge("--yes")

    ann.refresh_from_db()
    assert not ann.is_active
    assert decisions() == ["take_down", "ban"]
    if share == purging.SHARES[0].label:
        # A step is whole or not at all.
        assert counts()["Video"] == before["Video"] - done
    run_jobs()
    purge("--yes")

    assert_only_what_others_made_is_left()
    assert decisions() == ["take_down", "ban", "purge"]
    run_jobs()
    assert len(stored_files()) == 2


@pytest.mark.parametrize("step", ["log", "discard_picture"])
def test_the_account_its_pictures_and_the_line_in_the_log_go_together(
    ann: User, stored_files: Files, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def cut(*args: Any, **kwargs: Any) -> None:
        raise Cut

    with monkeypatch.context() as patched, pytest.raises(Cut):
        patched.setattr(purging, step, cut)
        purge("--yes")
    run_jobs()
    assert User.objects.filter(pk=ann.pk).exists()
    assert {ann.avatar, ann.cover_image} <= stored_files()
    assert "purge" not in decisions()

    purge("--yes")
    assert_only_what_others_made_is_left()
    assert decisions().count("purge") == 1


def test_stopped_by_hand_it_says_how_to_go_on(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(rows: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        purging, "SHARES", (replace(purging.SHARES[0], delete=stop), *purging.SHARES[1:])
    )
    with pytest.raises(CommandError, match="Stopped.* run the same command again") as caught:
        purge("--yes")
    assert caught.value.returncode == 130


def test_what_arrives_meanwhile_goes_too(
    ann: User, stored_files: Files, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = purging._close

    def close_late(*args: Any) -> bool:
        monkeypatch.setattr(purging, "_close", close)
        VideoFactory.create(user=User.objects.get(pk=ann.pk), files=True)
        TweetFactory.create(user=ann)
        return close(*args)

    monkeypatch.setattr(purging, "_close", close_late)
    purge("--yes")

    assert_only_what_others_made_is_left()
    assert decisions().count("purge") == 1
    run_jobs()
    assert len(stored_files()) == 2


def test_it_waits_for_what_is_being_added_at_the_very_end(ann: User) -> None:
    with transaction.atomic():
        TweetFactory.create(user=ann)
        running = Started(lambda: purge("--yes"))
        assert running.waits()
        assert Tweet.objects.filter(user=ann).exists()
    running.results()

    assert_only_what_others_made_is_left()


def test_memory_and_transactions_stay_small(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[str, int]] = []
    monkeypatch.setattr(
        purging, "SHARES", tuple(replace(one, batch=min(one.batch, 2)) for one in purging.SHARES)
    )
    TweetFactory.create_batch(4, user=ann)
    purging.purge(
        person=ann,
        actor=purging_operator(),
        reason="Spam",
        advance=lambda label, number: steps.append((label, number)),
    )

    assert [number for label, number in steps if label == "videos"] == [1, 1, 1]
    assert [number for label, number in steps if label == "tweets"] == [2, 2, 1]
    assert_only_what_others_made_is_left()


def purging_operator() -> Any:
    from social.roles import operator

    return operator("test")


def test_a_dry_run_counts_and_deletes_nothing(
    ann: User, stored_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    before, files = counts(), stored_files()
    purge("--dry-run")

    said = dict(line.rsplit(None, 1) for line in capsys.readouterr().out.splitlines()[:-1])
    assert said == {
        "videos": "3",
        "comments": "2",
        "tweets": "1",
        "likes given": "5",
        "playlists": "2",
        "channels followed": "1",
        "followers": "1",
        "videos in the watch history": "2",
        "reports made": "1",
        "reports on the channel": "1",
        "cases about the person and what they made": "5",
        "comments of others under the videos": "1",
        "the account, with its pictures and sessions": "1",
    }
    ann.refresh_from_db()
    assert ann.is_active
    assert (counts(), stored_files(), decisions()) == (before, files, ["take_down"])


@pytest.mark.parametrize("typed", ["", "yes", "ben", "ann"])
def test_on_a_terminal_the_name_must_be_typed(
    ann: User,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: typed if "Type ann" in question else "")
    if typed == "ann":
        purge()
        assert "comments of others under the videos" in capsys.readouterr().out
    else:
        with pytest.raises(CommandError, match="not the name: nothing was deleted"):
            purge()
    assert User.objects.filter(pk=ann.pk, is_active=True).exists() == (typed != "ann")


def test_without_a_terminal_it_must_be_told(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(CommandError, match="no terminal to ask on: add --yes"):
        purge()

    ann.refresh_from_db()
    assert ann.is_active


def make_superuser(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_superuser=True)


def make_staff(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_staff=True)


def give_permission(person: User) -> None:
    person.user_permissions.add(Permission.objects.get(codename="decide_content"))


def put_in_group(person: User) -> None:
    group = Group.objects.create(name="Night shift")
    group.permissions.add(Permission.objects.get(codename="decide_people"))
    person.groups.add(group)


@pytest.mark.parametrize("appoint", [make_superuser, make_staff, give_permission, put_in_group])
@pytest.mark.parametrize("options", [("--yes",), ("--dry-run",)])
def test_staff_are_refused(
    user: User, appoint: Callable[[User], None], options: tuple[str, ...]
) -> None:
    appoint(user)
    with pytest.raises(CommandError, match="is staff. Take that away first: in admin"):
        call_command("moderate", "purge-user", user.username, "--reason", "x", *options)

    user.refresh_from_db()
    assert user.is_active
    assert decisions() == []


def test_who_becomes_staff_meanwhile_stays(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    close = purging._close

    def close_late(*args: Any) -> bool:
        make_staff(ann)
        return close(*args)

    monkeypatch.setattr(purging, "_close", close_late)
    with pytest.raises(CommandError, match="is staff"):
        purge("--yes")
    assert User.objects.filter(pk=ann.pk).exists()
    assert "purge" not in decisions()


@pytest.mark.parametrize(
    "standing",
    [
        {"is_active": False, "suspension_reason": "Spam"},
        {"suspended_until": timezone.now() + timedelta(days=1)},
        {"is_active": False},
    ],
    ids=["banned", "suspended", "closed"],
)
def test_whatever_their_standing(ann: User, standing: dict[str, Any]) -> None:
    User.objects.filter(pk=ann.pk).update(**standing)
    purge("--yes")

    assert_only_what_others_made_is_left()


def test_nobody_and_no_reason_are_sentences(user: User) -> None:
    with pytest.raises(CommandError, match="There is nobody called ann.* purged is gone"):
        purge("--yes")
    with pytest.raises(CommandError, match="Give a reason"):
        call_command("moderate", "purge-user", user.username, "--reason", " ", "--yes")
    assert User.objects.filter(pk=user.pk, is_active=True).exists()

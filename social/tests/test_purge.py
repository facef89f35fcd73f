"""`manage.py moderate purge-user`: a person with everything they made, wherever it is cut off."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from social.models import ModerationAction
from social.roles import operator
from social.services import purging
from social.services.moderation import log
from social.services.purging import SHARES
from social.tests.factories import TweetFactory
from social.tests.purged import (
    assert_only_what_others_made_is_left,
    decisions,
    purge,
)
from users.models import SecurityEvent, SecurityEventKind, User
from users.services import pictures
from videos.models import Video
from videos.services.videos import delete_video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client
from viztube.api.tests.threads import Started
from viztube.media.tests.standin import StandIn

# What is committed when it is cut off is what the next run finds.
pytestmark = pytest.mark.django_db(transaction=True)

RunJobs = Callable[[], list[str]]
Files = Callable[[], set[str]]


def test_everything_of_a_person_is_known_here() -> None:
    # Few, and gone or nameless with the account: sign-ins stay in the audit trail for its time.
    with_the_account = {"sessions", "security_events", "logentry"}
    relations = {str(one.name) for one in User._meta.related_objects}

    assert {share.relation for share in purging.SHARES} == relations - with_the_account


@pytest.mark.parametrize("where", ["disk", "on the way to Cloudinary", "Cloudinary"])
def test_a_person_goes_with_everything_and_nothing_of_others_does(
    ann: User,
    request: pytest.FixtureRequest,
    where: str,
    run_jobs: RunJobs,
    stored_files: Files,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Video.objects.get(user__username="ben").folder
    of_ben = {f"{folder}/video.mp4", f"{folder}/poster.jpg"}
    assert len(stored_files()) == 10
    standin: StandIn | None = None
    if where != "disk":
        standin = request.getfixturevalue("standin")
        pictures.push_on_commit(user=ann, columns=list(pictures.COLUMNS))
    if where == "Cloudinary":
        run_jobs()
        assert standin is not None
        assert len(standin.stored()) == 2
        assert len(stored_files()) == 8
    purge("--yes")

    assert "ann is purged" in capsys.readouterr().out
    assert_only_what_others_made_is_left()
    assert decisions() == ["take_down", "ban", "purge"]
    line = ModerationAction.objects.get(decision="purge")
    assert (line.target_id, line.owner_id, line.target_label) == (ann.pk, ann.pk, "ann")
    assert (line.actor_role, line.reason) == ("operator", "A farm of spam")
    run_jobs()
    assert stored_files() == of_ben
    assert standin is None or standin.stored() == set()


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


def cut(here: bool) -> None:
    if here:
        raise Cut


@pytest.mark.parametrize("within", [True, False], ids=["within a step", "after a step"])
def test_cut_off_in_each_kind_of_thing_it_goes_on_with_what_is_left(
    ann: User,
    run_jobs: RunJobs,
    stored_files: Files,
    monkeypatch: pytest.MonkeyPatch,
    within: bool,
) -> None:
    for number, share in enumerate(SHARES):
        before = 0

        def delete(rows: Any, share: purging.Share = share) -> None:
            nonlocal before
            before = share.rows(ann).count()
            share.delete(rows)
            cut(within)

        shares = list(SHARES)
        shares[number] = replace(share, delete=delete)
        monkeypatch.setattr(purging, "SHARES", shares)
        with pytest.raises(Cut):
            purging.purge(
                person=User.objects.get(pk=ann.pk),
                actor=operator("test"),
                reason="Spam",
                advance=lambda label, _, cut_at=share.label: cut(label == cut_at),  # type: ignore[misc]
            )
        monkeypatch.setattr(purging, "SHARES", SHARES)
        # A step is whole or not at all, and what was before it stays done.
        step = 0 if within else min(share.batch, before)
        assert share.rows(ann).count() == before - step
        assert not any(one.rows(ann).exists() for one in SHARES[:number])
        ann.refresh_from_db()
        assert not ann.is_active
        assert decisions() == ["take_down", "ban"]
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
    with monkeypatch.context() as patched:
        patched.setattr(purging, step, lambda *args, **kwargs: cut(here=True))
        with pytest.raises(Cut):
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
    with pytest.raises(CommandError, match=r"Stopped\..* run the same command again") as caught:
        purge("--yes")
    assert caught.value.returncode == 130


def test_what_arrives_meanwhile_goes_too(
    ann: User,
    client_for: Callable[[User], Client],
    stored_files: Files,
    run_jobs: RunJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    close = purging._close
    clients = []

    def close_late(*args: Any) -> bool:
        monkeypatch.setattr(purging, "_close", close)
        call_command("moderate", "lift", "ann", "--reason", "A mistake")
        clients.append(client_for(ann))
        # From now on it is remembered who that is.
        assert clients[0].get("user/sessions").status == 200
        VideoFactory.create(user=User.objects.get(pk=ann.pk), files=True)
        TweetFactory.create(user=ann)
        return close(*args)

    monkeypatch.setattr(purging, "_close", close_late)
    purge("--yes")

    assert_only_what_others_made_is_left()
    assert decisions().count("purge") == 1
    assert [client.get("user/sessions").status for client in clients] == [401]
    run_jobs()
    assert len(stored_files()) == 2


def test_what_is_deleted_meanwhile_is_no_problem(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete_first(*, video: Video) -> None:
        delete_video(video=video)
        delete_video(video=video)

    monkeypatch.setattr(purging, "delete_video", delete_first)
    purge("--yes")

    assert_only_what_others_made_is_left()


def test_who_adds_something_at_the_very_end_waits_and_finds_nobody(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add() -> str:
        try:
            TweetFactory.create(user=ann)
        except IntegrityError:
            return "nobody"
        return "added"

    adding: list[Started[str]] = []

    def log_late(**columns: Any) -> ModerationAction:
        adding.append(Started(add))
        assert adding[0].waits()
        return log(**columns)

    monkeypatch.setattr(purging, "log", log_late)
    purge("--yes")

    assert adding[0].results() == ["nobody"]
    assert_only_what_others_made_is_left()


def test_memory_and_transactions_stay_small(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[str, int]] = []
    monkeypatch.setattr(
        purging, "SHARES", tuple(replace(one, batch=min(one.batch, 2)) for one in purging.SHARES)
    )
    TweetFactory.create_batch(4, user=ann)
    purging.purge(
        person=ann,
        actor=operator("test"),
        reason="Spam",
        advance=lambda label, number: steps.append((label, number)),
    )

    assert [number for label, number in steps if label == "videos"] == [1, 1, 1]
    assert [number for label, number in steps if label == "tweets"] == [2, 2, 1]
    assert_only_what_others_made_is_left()

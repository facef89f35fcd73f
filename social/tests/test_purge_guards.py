"""`manage.py moderate purge-user` asks first, and says no where nobody should be purged."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.utils import timezone

from social.services import purging
from social.tests.purged import (
    assert_only_what_others_made_is_left,
    counts,
    decisions,
    purge,
)
from users.models import User

pytestmark = pytest.mark.django_db


def test_a_dry_run_counts_and_deletes_nothing(
    ann: User, stored_files: Callable[[], set[str]], capsys: pytest.CaptureFixture[str]
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
    with pytest.raises(CommandError, match=r"is staff\. Take that away first: in admin"):
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
    with pytest.raises(CommandError, match=r"There is nobody called ann: .* purged is gone"):
        purge("--yes")
    with pytest.raises(CommandError, match="Give a reason"):
        call_command("moderate", "purge-user", user.username, "--reason", " ", "--yes")
    assert User.objects.filter(pk=user.pk, is_active=True).exists()

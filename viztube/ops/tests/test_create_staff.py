"""`manage.py create_staff`: makes accounts staff, twice is once, and passwords stay as they are."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client as DjangoClient
from django.utils import timezone

from users.models import RefreshSession, User
from users.tests.factories import UserFactory, hashed
from users.tests.signing_in import log_in

pytestmark = pytest.mark.django_db

PASSWORD = "violet-harbour-9"
MADE_UP = "Its password, which is not shown again: "


@pytest.fixture(autouse=True)
def no_password_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAFF_PASSWORD", raising=False)
    monkeypatch.delenv("STAFF_PASSWORD_FILE", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)


def create(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("create_staff", *arguments)
    return capsys.readouterr().out


def create_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    return dict(json.loads(create(capsys, "--json", *arguments)))


def may_enter_admin(username: str, password: str) -> bool:
    browser = DjangoClient()
    browser.post("/admin/login/", {"username": username, "password": password, "next": "/admin/"})
    return browser.get("/admin/").status_code == 200


ANN = ("Ann", "--email", "Ann@VizTube.example")


def test_a_new_account_may_enter_admin_with_the_password_that_was_made_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = create(capsys, *ANN)

    assert said.startswith("Made the account ann, which may sign in to the admin site.\n")
    password = said.rpartition(MADE_UP)[2].strip()
    assert len(password) >= 24
    user = User.objects.get()
    assert (user.username, user.email, user.fullname) == ("ann", "ann@viztube.example", "Ann")
    assert (user.is_staff, user.is_active, user.is_superuser) == (True, True, False)
    assert may_enter_admin("ann", password)


def test_the_second_run_changes_nothing_and_shows_no_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create(capsys, *ANN, "--superuser")
    before = User.objects.values().get()
    monkeypatch.setenv("STAFF_PASSWORD", PASSWORD)

    said = create(capsys, *ANN, "--superuser")
    assert said == "Nothing to change: ann is what you asked for.\n"
    assert create(capsys, *ANN) == said
    assert User.objects.values().get() == before


def test_the_password_may_come_from_the_environment_or_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STAFF_PASSWORD", PASSWORD)
    assert PASSWORD not in create(capsys, *ANN)
    assert User.objects.get().check_password(PASSWORD)

    monkeypatch.delenv("STAFF_PASSWORD")
    (tmp_path / "password").write_text("another-harbour-9\n")
    monkeypatch.setenv("STAFF_PASSWORD_FILE", str(tmp_path / "password"))
    said = create_json(capsys, *ANN, "--new-password")

    assert said["changes"] == ["new password"]
    assert "password" not in said
    assert User.objects.get().check_password("another-harbour-9")


def test_on_a_terminal_it_is_asked_for_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter([PASSWORD, "something-else-9", PASSWORD, PASSWORD])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))

    with pytest.raises(CommandError, match="differ"):
        create(capsys, *ANN)
    assert not User.objects.exists()

    assert PASSWORD not in create(capsys, *ANN)
    assert User.objects.get().check_password(PASSWORD)
    create(capsys, *ANN)  # asks for none


def test_an_account_that_is_there_becomes_staff_and_keeps_its_password_and_sessions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    user = UserFactory.create(is_active=False)
    greeters = Group.objects.create(name="Greeters")
    arguments = (user.username, "--email", user.email, "--group", "Greeters")
    said = create_json(capsys, *arguments)

    assert said == {
        "username": user.username,
        "email": user.email,
        "created": False,
        "superuser": False,
        "groups": ["Greeters"],
        "changes": ["active", "staff", "group Greeters"],
    }
    user.refresh_from_db()
    assert (user.is_staff, user.is_active) == (True, True)
    assert user.password == hashed("correct horse battery staple")
    assert set(user.groups.all()) == {greeters}
    assert create_json(capsys, *arguments)["changes"] == []
    # Nothing is taken away.
    assert create_json(capsys, *arguments[:3])["groups"] == ["Greeters"]


def test_a_new_password_ends_every_session(capsys: pytest.CaptureFixture[str]) -> None:
    user = UserFactory.create(is_staff=True)
    log_in(user)
    said = create_json(capsys, user.username, "--email", user.email, "--new-password")

    assert RefreshSession.objects.get().revoked_at is not None
    user.refresh_from_db()
    assert user.check_password(said["password"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("a b", "--email", "a@b.example"), "user name"),
        (("ann", "--email", "nonsense"), "no e-mail address"),
        (("ann", "--email", "taken@viztube.example"), "Another account has the address"),
        (("taken", "--email", "ann@viztube.example"), "has another e-mail address"),
        (
            ("resting", "--email", "resting@viztube.example"),
            "is suspended: .* moderate lift resting",
        ),
        (("banned", "--email", "banned@viztube.example"), "is banned: .* moderate lift banned"),
        (("ann", "--email", "ann@viztube.example", "--group", "Nobody"), "no group Nobody"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_changes_nothing(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    UserFactory.create(username="taken")
    UserFactory.create(username="resting", suspended_until=timezone.now() + timedelta(days=1))
    UserFactory.create(username="banned", is_active=False, suspension_reason="Spam")
    before = list(User.objects.order_by("pk").values())

    with pytest.raises(CommandError, match=problem) as caught:
        create(capsys, *arguments)
    assert caught.value.returncode == 1
    assert list(User.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("password", ["short", "password123", "1234567890123", "ann-viztube"])
def test_a_weak_password_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("STAFF_PASSWORD", password)

    with pytest.raises(CommandError, match="Choose another password"):
        create(capsys, "ann-viztube", "--email", "ann@viztube.example")
    assert not User.objects.exists()


def test_a_weak_new_password_leaves_the_old_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = UserFactory.create()
    monkeypatch.setenv("STAFF_PASSWORD", "short")

    with pytest.raises(CommandError, match="Choose another password"):
        create(capsys, user.username, "--email", user.email, "--new-password")
    user.refresh_from_db()
    assert not user.is_staff
    assert user.password == hashed("correct horse battery staple")


def test_a_password_file_that_is_missing_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAFF_PASSWORD_FILE", "/nowhere/password")

    with pytest.raises(CommandError, match="STAFF_PASSWORD_FILE names a file"):
        create(capsys, *ANN)

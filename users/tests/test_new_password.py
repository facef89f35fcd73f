"""However a password is set, it ends the sessions that the old one opened."""

import getpass
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from users.hashers import SmallArgon2PasswordHasher
from users.models import User
from users.tests.browsers import Browser, browser_of
from users.tests.factories import PASSWORD, UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import log_in
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

NEW = "Tr0ub4dor and three"


def change_own(user: User, *, old: str = PASSWORD, new: str = NEW) -> Browser:
    """Send the form by which staff change their own password; return their browser."""
    browser = browser_of(user)
    body = {"old_password": old, "new_password1": new, "new_password2": new}
    browser.post("/admin/password_change/", body)
    return browser


def given_by_a_superuser(user: User) -> None:
    """Send the form by which staff give people passwords."""
    browser = browser_of(UserFactory.create(is_staff=True, is_superuser=True))
    body = {"usable_password": "true", "password1": NEW, "password2": NEW, "set-password": "x"}
    browser.post(f"/admin/users/user/{user.pk}/password/", body)


def by_command(user: User) -> None:
    """Run the command of operators, at whose prompts the new password is typed."""
    with pytest.MonkeyPatch.context() as terminal:
        terminal.setattr(getpass, "getpass", lambda prompt: NEW)
        call_command("changepassword", user.username)


def in_a_shell(user: User) -> None:
    """Do what every Django tutorial tells."""
    user.set_password(NEW)
    user.save()


WAYS: dict[str, Callable[[User], object]] = {
    "one's own in admin": change_own,
    "given by a superuser": given_by_a_superuser,
    "changepassword": by_command,
    "shell": in_a_shell,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_new_password_ends_every_session(way: str) -> None:
    user = UserFactory.create(is_staff=True)
    devices = [log_in(user), log_in(user)]
    stranger = log_in(UserFactory.create())

    WAYS[way](user)

    for device in devices:
        assert not device.works()
        assert not device.can_refresh()
    assert stranger.works()
    assert log_in(user, NEW).works()


def test_staff_stay_in_admin_when_they_change_their_own() -> None:
    browser = change_own(UserFactory.create(is_staff=True))

    assert browser.get("/admin/").status_code == 200


def test_the_page_says_what_a_new_password_does() -> None:
    page = browser_of(UserFactory.create(is_staff=True)).get("/admin/password_change/")

    assert "signs the person out of the API on every device" in page.content.decode()


@pytest.mark.parametrize(("old", "new"), [("wrong password", NEW), (PASSWORD, "short77")])
def test_a_password_that_is_refused_ends_nothing(old: str, new: str) -> None:
    user = UserFactory.create(is_staff=True)
    device = log_in(user)

    change_own(user, old=old, new=new)

    assert device.works()
    assert device.can_refresh()


def test_a_command_that_is_given_up_ends_nothing(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = log_in(user)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "short77")

    with pytest.raises(CommandError):
        call_command("changepassword", user.username)

    assert device.works()


def test_a_password_taken_away_by_staff_ends_every_session(user: User) -> None:
    device = log_in(user)
    browser = browser_of(UserFactory.create(is_staff=True, is_superuser=True))

    browser.post(
        f"/admin/users/user/{user.pk}/password/",
        {"usable_password": "false", "unset-password": "x"},
    )

    user.refresh_from_db()
    assert not user.has_usable_password()
    assert not device.works()
    assert not device.can_refresh()


def test_ones_own_change_over_the_api_keeps_the_session_it_came_from(user: User) -> None:
    device, other = log_in(user), log_in(user)
    body = {"oldPassword": PASSWORD, "newPassword": NEW}

    assert device.client.post("user/change-password", body).status == 200

    assert device.works()
    assert device.can_refresh()
    assert not other.works()
    assert not other.can_refresh()


def test_a_login_that_stores_a_stronger_hash_ends_nothing(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, weak = log_in(user), user.password
    monkeypatch.setattr(SmallArgon2PasswordHasher, "time_cost", 3)

    assert log_in(user).works()

    user.refresh_from_db()
    assert user.password != weak
    assert device.works()


def test_a_new_account_has_no_sessions_to_end() -> None:
    body = {
        "username": "newcomer",
        "email": "newcomer@example.com",
        "fullname": "A newcomer",
        "password": PASSWORD,
    }
    with captured_queries() as queries:
        assert Client().post("user/register", body).status == 201

    assert not [query for query in queries if "refreshsession" in query]

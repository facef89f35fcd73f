"""Changing one's password."""

from typing import Any

import pytest

from users.models import User
from users.tests.factories import PASSWORD, UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import Device, log_in
from viztube.api.tests.fixtures import Answer, Client

pytestmark = pytest.mark.django_db

NEW = "Tr0ub4dor and three"


def change(client: Client, old: Any = PASSWORD, new: Any = NEW) -> Answer:
    """Ask for another password."""
    return client.post("user/change-password", {"oldPassword": old, "newPassword": new})


@pytest.fixture
def device(user: User) -> Device:
    """Return a device that is signed in."""
    return log_in(user)


def test_one_signs_in_by_the_new_password_only(device: Device, user: User) -> None:
    answer = change(device.client)

    assert answer.status == 200
    assert answer.data == {}
    for password, status in ((NEW, 200), (PASSWORD, 401)):
        body = {"username": user.username, "password": password}
        assert Client().post("user/login", body).status == status


def test_every_other_session_ends_and_this_one_stays(device: Device, user: User) -> None:
    others = [log_in(user), log_in(user)]
    stranger = log_in(UserFactory.create())

    change(device.client)

    assert device.works()
    assert device.can_refresh()
    for other in others:
        assert not other.works()
        assert not other.can_refresh()
    assert stranger.works()


@pytest.mark.parametrize("old", ["wrong password", PASSWORD.upper(), f"{PASSWORD} "])
def test_a_wrong_old_password_changes_nothing(device: Device, user: User, old: str) -> None:
    other = log_in(user)

    answer = change(device.client, old=old)

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["details"] == {
        "oldPassword": [{"code": "invalid", "message": "is not the current password"}]
    }
    assert answer.body["errors"] == ["oldPassword: is not the current password"]
    assert User.objects.get().check_password(PASSWORD)
    assert other.works()


@pytest.mark.parametrize(
    "new",
    ["", "   ", None, "short77", "password", "8675309867", "x1" * 64 + "y", ["x"], "with\x00nul"],
)
def test_a_weak_new_password_is_refused(device: Device, new: Any) -> None:
    answer = change(device.client, new=new)

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == ["newPassword"]
    assert User.objects.get().check_password(PASSWORD)


def test_a_new_password_like_ones_own_name_is_refused(device: Device, user: User) -> None:
    User.objects.update(username="barnabas", email="quentin@example.com", fullname="Philippa")

    for new in ("barnabas1", "quentin@example.com", "philippa"):
        assert list(change(device.client, new=new).body["details"]) == ["newPassword"]


@pytest.mark.parametrize("missing", ["oldPassword", "newPassword"])
def test_both_passwords_are_required(device: Device, missing: str) -> None:
    body = {"oldPassword": PASSWORD, "newPassword": NEW}
    del body[missing]

    answer = device.client.post("user/change-password", body)

    assert answer.status == 400
    assert answer.body["details"][missing][0]["code"] == "required"


def test_white_space_around_the_new_password_belongs_to_it(device: Device) -> None:
    change(device.client, new=f" {NEW} ")

    assert User.objects.get().check_password(f" {NEW} ")


def test_nobody_elses_password_can_be_changed(device: Device) -> None:
    other = UserFactory.create()
    body = {"oldPassword": PASSWORD, "newPassword": NEW, "username": other.username}

    device.client.post("user/change-password", {**body, "id": str(other.pk), "user": other.email})

    other.refresh_from_db()
    assert other.check_password(PASSWORD)


def test_the_answer_shows_no_password(device: Device) -> None:
    for answer in (change(device.client, new="short77"), change(device.client)):
        text = answer.response.content.decode()
        assert PASSWORD not in text
        assert "short77" not in text
        assert NEW not in text


def test_a_change_costs_six_queries(device: Device) -> None:
    # SELECT the caller's id, SELECT them, SELECT them FOR UPDATE, UPDATE the password, SELECT the
    # other sessions FOR UPDATE, INSERT into the audit trail.
    with captured_queries() as queries:
        change(device.client)

    assert len(queries) <= 6, queries

"""One's own account: reading and changing it."""

from typing import Any

import pytest

from users.models import User
from users.services.accounts import update_account
from users.tests.factories import PASSWORD, UserFactory
from users.tests.queries import captured_queries
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

UPDATE = "user/update-account"


def test_ones_own_account_has_the_documented_fields(user_client: Client, user: User) -> None:
    answer = user_client.get("user/current-user-details")

    assert answer.status == 200
    assert answer.data == {
        "id": str(user.pk),
        "username": user.username,
        "email": user.email,
        "fullname": user.fullname,
        "avatar": "",
        "coverImage": "",
        "createdAt": user.created_at.isoformat(timespec="milliseconds")[:-6] + "Z",
        "updatedAt": user.updated_at.isoformat(timespec="milliseconds")[:-6] + "Z",
    }


def test_an_imported_picture_keeps_its_address(user_client: Client) -> None:
    address = "https://res.cloudinary.example/demo/image/upload/a.jpg"
    User.objects.update(avatar=address)

    assert user_client.get("user/current-user-details").data["avatar"] == address


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        ("fullname", "  Another Name ", "Another Name"),
        ("username", "Another.Name", "another.name"),
        ("email", "Another@Example.COM", "another@example.com"),
    ],
)
def test_each_field_can_be_changed_alone(
    user_client: Client, user: User, field: str, sent: str, stored: str
) -> None:
    before = User.objects.values().get()

    answer = user_client.patch(UPDATE, {field: sent})

    assert answer.status == 200
    assert answer.data[field] == stored
    after = User.objects.values().get()
    assert {name for name in after if after[name] != before[name]} == {field, "updated_at"}
    assert after[field] == stored


def test_all_fields_can_be_changed_at_once(user_client: Client) -> None:
    changes = {"fullname": "Another", "username": "another", "email": "another@example.com"}

    answer = user_client.patch(UPDATE, changes)

    assert {name: answer.data[name] for name in changes} == changes
    assert user_client.get("user/current-user-details").data == answer.data


def test_a_form_is_taken_like_json(user_client: Client) -> None:
    body = {"fullname": "From a form"}

    answer = user_client.patch(UPDATE, body, content_type="multipart/form-data")

    assert answer.data["fullname"] == "From a form"


def test_after_a_change_of_name_one_signs_in_by_the_new_one(
    user_client: Client, user: User
) -> None:
    user_client.patch(UPDATE, {"username": "another", "email": "another@example.com"})

    for body, status in (
        ({"username": "another"}, 200),
        ({"email": "another@example.com"}, 200),
        ({"username": user.username}, 401),
        ({"email": user.email}, 401),
    ):
        assert Client().post("user/login", {**body, "password": PASSWORD}).status == status


@pytest.mark.parametrize("field", ["username", "email"])
def test_a_taken_name_is_a_conflict_in_any_case(
    user_client: Client, user: User, field: str
) -> None:
    taken = UserFactory.create()

    answer = user_client.patch(UPDATE, {field: getattr(taken, field).upper()})

    assert (answer.status, answer.code) == (409, "conflict")
    assert answer.body["details"] == {field: [{"code": "unique", "message": "is already taken"}]}
    assert User.objects.values(field).get(pk=user.pk)[field] == getattr(user, field)


@pytest.mark.parametrize("field", ["username", "email"])
def test_keeping_ones_own_name_is_fine(user_client: Client, user: User, field: str) -> None:
    answer = user_client.patch(UPDATE, {field: getattr(user, field).upper(), "fullname": "New"})

    assert answer.status == 200
    assert answer.data[field] == getattr(user, field)
    assert answer.data["fullname"] == "New"


def test_an_imported_name_can_be_kept_but_not_chosen(user_client: Client) -> None:
    User.objects.update(username="josé (old)")

    assert user_client.patch(UPDATE, {"username": "José (old)"}).status == 200
    assert user_client.patch(UPDATE, {"username": "josé (new)"}).status == 400


@pytest.mark.parametrize("body", [{}, {"nonsense": 1}, {"password": "another long one"}])
def test_nothing_to_change_is_refused(user_client: Client, body: Any) -> None:
    answer = user_client.patch(UPDATE, body)

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["errors"] == ["Send at least one of fullname, username and email."]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fullname", ""),
        ("fullname", None),
        ("fullname", "x" * 101),
        ("username", ""),
        ("username", None),
        ("username", "no spaces"),
        ("username", "ab"),
        ("email", ""),
        ("email", None),
        ("email", "nobody"),
    ],
)
def test_each_field_is_checked(
    user_client: Client, user: User, field: str, value: str | None
) -> None:
    answer = user_client.patch(UPDATE, {field: value})

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [field]
    assert User.objects.values(field).get()[field] == getattr(user, field)


def test_no_other_column_can_be_set(user_client: Client) -> None:
    before = User.objects.values().get()
    wanted = {
        "id": "0190a6d0-0000-7000-8000-000000000000",
        "isStaff": True,
        "is_staff": True,
        "isSuperuser": True,
        "is_superuser": True,
        "is_active": False,
        "suspended_until": "2000-01-01T00:00:00Z",
        "avatar": "p/00000000000000000000000000000000/a.png",
        "coverImage": "https://example.com/x.png",
        "cover_image": "https://example.com/x.png",
        "password": "another long one",
        "createdAt": "2000-01-01T00:00:00Z",
        "groups": [1],
    }

    assert user_client.patch(UPDATE, {**wanted, "fullname": "New"}).status == 200

    after = User.objects.values().get()
    assert {name for name in after if after[name] != before[name]} == {"fullname", "updated_at"}


def test_a_change_touches_nobody_else(user_client: Client) -> None:
    other = UserFactory.create()
    before = User.objects.values().get(pk=other.pk)

    user_client.patch(UPDATE, {"fullname": "New", "userId": str(other.pk), "id": str(other.pk)})

    assert User.objects.values().get(pk=other.pk) == before


def test_a_change_costs_six_queries(user_client: Client) -> None:
    # SELECT the caller's id, SELECT them, is the name taken, is the address taken, SELECT them
    # once more to lock them, UPDATE.
    with captured_queries() as queries:
        user_client.patch(UPDATE, {"username": "another", "email": "another@example.com"})

    assert len(queries) <= 6, queries


@pytest.mark.usefixtures("lasting_entries")
def test_two_changes_of_a_name_at_once_leave_no_page_of_either(
    user_client: Client, user: User, django_capture_on_commit_callbacks: Any
) -> None:
    """Each forgets the page under the name that it takes away, though it read another one."""
    path = "user/c/{}".format
    late = User.objects.get(pk=user.pk)
    assert user_client.patch(UPDATE, {"username": "between"}).status == 200
    assert user_client.get(path("between")).status == 200

    # Who has read the row before that.
    with django_capture_on_commit_callbacks(execute=True):
        update_account(user=late, changes={"username": "last"})

    assert user_client.get(path("between")).status == 404
    assert user_client.get(path("last")).status == 200


def test_no_answer_holds_a_digest_or_another_address(user_client: Client, user: User) -> None:
    other = UserFactory.create()
    answers = [
        user_client.get("user/current-user-details"),
        user_client.patch(UPDATE, {"fullname": "New"}),
        user_client.patch(UPDATE, {"email": other.email}),
        user_client.patch(UPDATE, {"username": other.username}),
        Client().post("user/login", {"username": user.username, "password": PASSWORD}),
        Client().post("user/login", {"username": other.username, "password": "wrong one"}),
    ]

    for answer in answers:
        text = answer.response.content.decode()
        assert PASSWORD not in text
        assert "argon2" not in text
        assert "digest" not in text
        assert other.email not in text
        assert '"password":' not in text

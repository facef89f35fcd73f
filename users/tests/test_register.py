"""Signing up without pictures."""

from typing import Any
from uuid import UUID

import pytest

from users.models import RefreshSession, User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import log_in, with_cookie
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

PASSWORD = "Tr0ub4dor and three"
VALID = {
    "username": "New.Person_1-x",
    "email": "New@Example.COM",
    "fullname": " New Person ",
    "password": PASSWORD,
}


def test_signing_up_makes_an_account_with_lower_case_names(api: Client) -> None:
    answer = api.post("user/register", VALID)

    assert answer.status == 201
    user = User.objects.get()
    assert answer.data == {
        "id": str(user.pk),
        "username": "new.person_1-x",
        "email": "new@example.com",
        "fullname": "New Person",
        "avatar": "",
        "coverImage": "",
        "createdAt": answer.data["createdAt"],
        "updatedAt": answer.data["updatedAt"],
    }
    assert answer.data["createdAt"].endswith("Z")
    assert UUID(answer.data["id"]).version == 7
    assert (user.username, user.email) == ("new.person_1-x", "new@example.com")
    assert user.check_password(PASSWORD)


def test_signing_up_does_not_sign_in_and_shows_no_secret(api: Client) -> None:
    answer = api.post("user/register", VALID)

    assert not RefreshSession.objects.exists()
    assert not answer.response.cookies
    text = answer.response.content.decode()
    assert "password" not in text
    assert PASSWORD not in text
    assert "argon2" not in text


def test_a_new_account_can_sign_in(api: Client) -> None:
    api.post("user/register", VALID)

    assert log_in(User.objects.get(), PASSWORD).works()


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "application/x-www-form-urlencoded"]
)
def test_forms_are_taken_like_json(api: Client, content_type: str) -> None:
    form = b"username=form&email=form@example.com&fullname=Form&password=tr0ub4dor+and+three"
    body: Any = form if content_type.endswith("urlencoded") else VALID

    assert api.post("user/register", body, content_type=content_type).status == 201


def test_signing_up_costs_three_queries(api: Client) -> None:
    # Is the name taken, is the address taken, INSERT.
    with captured_queries() as queries:
        api.post("user/register", VALID)

    assert len(queries) <= 3, queries


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(field, None) for field in VALID],
        *[(field, "") for field in VALID],
        *[(field, "   ") for field in ("username", "email", "fullname", "password")],
        *[(field, ["a", "list"]) for field in VALID],
        *[(field, "with\x00nul") for field in VALID],
        ("username", "ab"),
        ("username", "a" * 31),
        ("username", "two words"),
        ("username", "per/son"),
        ("username", "pérson"),
        ("username", "person\u202e"),
        ("email", "nobody"),
        ("email", "nobody@"),
        ("email", "two words@example.com"),
        ("email", "a@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + "." + "e" * 70 + ".com"),
        ("fullname", "x" * 101),
        ("password", "short77"),
        ("password", "x1" * 64 + "y"),
        ("password", "password"),
        ("password", "8675309867"),
        ("password", "new.person_1-x"),
        ("password", "new@example.com"),
    ],
)
def test_each_field_is_checked(api: Client, field: str, value: Any) -> None:
    answer = api.post("user/register", {**VALID, field: value})

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [field]
    assert answer.body["errors"][0].startswith(f"{field}: ")
    assert answer.body["message"] == answer.body["errors"][0]
    assert not User.objects.exists()


@pytest.mark.parametrize("field", list(VALID))
def test_each_field_is_required(api: Client, field: str) -> None:
    answer = api.post(
        "user/register", {name: value for name, value in VALID.items() if name != field}
    )

    assert answer.status == 400
    assert answer.body["details"][field][0]["code"] == "required"


def test_every_mistake_is_named_at_once(api: Client) -> None:
    answer = api.post("user/register", {})

    assert answer.status == 400
    assert set(answer.body["details"]) == set(VALID)
    assert len(answer.body["errors"]) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "abc"),
        ("username", "a" * 30),
        ("username", "_.-"),
        ("fullname", "x" * 100),
        ("fullname", "Ünï 🎬"),
        ("password", "8 chars!"),
        ("password", "x1" * 64),
        ("password", "пароль из слов"),
    ],
)
def test_values_at_the_limits_are_taken(api: Client, field: str, value: str) -> None:
    answer = api.post("user/register", {**VALID, field: value})

    assert answer.status == 201
    assert field == "password" or answer.data[field] == value


def test_white_space_around_a_password_belongs_to_it(api: Client) -> None:
    api.post("user/register", {**VALID, "password": f"  {PASSWORD} "})

    user = User.objects.get()
    assert user.check_password(f"  {PASSWORD} ")
    assert not user.check_password(PASSWORD)


@pytest.mark.parametrize("field", ["username", "email"])
def test_a_taken_name_is_a_conflict_in_any_case(api: Client, field: str) -> None:
    taken = UserFactory.create()

    answer = api.post("user/register", {**VALID, field: getattr(taken, field).upper()})

    assert (answer.status, answer.code) == (409, "conflict")
    assert answer.body["details"] == {field: [{"code": "unique", "message": "is already taken"}]}
    assert answer.body["errors"] == [f"{field}: is already taken"]
    assert User.objects.count() == 1


def test_name_and_address_taken_are_both_named(api: Client) -> None:
    api.post("user/register", VALID)

    answer = api.post("user/register", VALID)

    assert answer.status == 409
    assert set(answer.body["details"]) == {"username", "email"}


def test_a_taken_name_beside_a_mistake_is_a_mistake(api: Client) -> None:
    taken = UserFactory.create()

    answer = api.post(
        "user/register", {**VALID, "username": taken.username, "email": "not an address"}
    )

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["details"]["username"][0]["code"] == "unique"


def test_nothing_but_the_documented_fields_is_taken(api: Client) -> None:
    other = "0190a6d0-0000-7000-8000-000000000000"
    powers = {"is_staff": True, "isStaff": True, "is_superuser": True, "isSuperuser": True}
    rest = {"id": other, "pk": other, "is_active": False, "groups": [1], "createdAt": "2000-01-01"}

    answer = api.post("user/register", {**VALID, **powers, **rest, "cover_image": "p/x/y.png"})

    assert answer.status == 201
    user = User.objects.get()
    assert str(user.pk) != other
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert not user.groups.exists()
    assert user.is_active
    assert user.cover_image == ""
    assert user.created_at.year > 2000


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"a": NaN}'])
def test_a_broken_body_is_refused(api: Client, body: bytes) -> None:
    answer = api.post("user/register", body)

    assert (answer.status, answer.code) == (400, "invalid")


def test_another_content_type_is_refused(api: Client) -> None:
    answer = api.post("user/register", b"<xml/>", content_type="application/xml")

    assert (answer.status, answer.code) == (415, "unsupported_media")


def test_a_body_over_a_megabyte_is_refused(api: Client) -> None:
    answer = api.post("user/register", {**VALID, "fullname": "x" * 1_000_000})

    assert (answer.status, answer.code) == (413, "too_large")


def test_another_method_is_refused(api: Client) -> None:
    answer = api.get("user/register")

    assert (answer.status, answer.code) == (405, "method_not_allowed")


def test_a_token_that_does_not_count_is_no_hindrance(api: Client) -> None:
    assert Client("junk").post("user/register", VALID).status == 201
    second = {**VALID, "username": "second", "email": "second@example.com"}
    assert with_cookie("accessToken", "junk").post("user/register", second).status == 201

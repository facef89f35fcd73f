"""Signing in with a password that the service before this one hashed."""

import pytest
from django.contrib.auth.hashers import identify_hasher, make_password
from django.test import Client as DjangoClient

from users.models import User
from users.tests.factories import PASSWORD, UserFactory
from users.tests.imported import imported_user, old_hash
from users.tests.queries import captured_queries
from users.tests.signing_in import log_in
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


def algorithm_of(user: User) -> str:
    """Return which kind of hash is stored for a person now."""
    return str(identify_hasher(User.objects.get(pk=user.pk).password).algorithm)


@pytest.mark.parametrize("field", ["username", "email"])
def test_the_old_password_works_and_is_hashed_anew(api: Client, field: str) -> None:
    user = imported_user(PASSWORD)
    body = {field: getattr(user, field), "password": PASSWORD}
    assert algorithm_of(user) == "bcrypt"

    assert api.post("user/login", body).status == 200

    renewed = User.objects.get(pk=user.pk).password
    assert renewed.startswith("argon2$argon2id$")
    assert api.post("user/login", body).status == 200
    assert User.objects.get(pk=user.pk).password == renewed


def test_a_wrong_password_stays_wrong_and_changes_nothing(api: Client) -> None:
    user = imported_user(PASSWORD)

    for wrong in ("wrong password", PASSWORD.upper(), f"{PASSWORD} ", "x" * 1000, "é" * 500):
        answer = api.post("user/login", {"username": user.username, "password": wrong})
        assert (answer.status, answer.code) == (401, "invalid_credentials")

    assert User.objects.get(pk=user.pk).password == user.password


def test_the_first_login_costs_one_query_more(api: Client) -> None:
    user = imported_user(PASSWORD)

    # Besides what a login costs: UPDATE the hash.
    with captured_queries() as queries:
        api.post("user/login", {"username": user.username, "password": PASSWORD})

    assert len(queries) <= 6, queries


@pytest.mark.parametrize("password", ["x" * 80, "é" * 40, "a" + "é" * 40])
def test_72_bytes_of_an_old_password_count(api: Client, password: str) -> None:
    user = imported_user(password)
    assert log_in(user, password).works()

    user = imported_user(password)
    beyond = password[:75] + "other" if password.isascii() else password[:38] + "other"
    assert log_in(user, beyond).works()
    # From then on it is that password, whole.
    answer = api.post("user/login", {"username": user.username, "password": password})
    assert answer.status == 401


def test_71_bytes_of_it_do_not(api: Client) -> None:
    user = imported_user("x" * 80)

    answer = api.post("user/login", {"username": user.username, "password": "x" * 71 + "y" * 9})

    assert answer.status == 401


@pytest.mark.parametrize("password", ["a\0b", "\0", "x" * 70 + "\0"])
def test_a_nul_in_a_password_is_no_accident(api: Client, password: str) -> None:
    user = imported_user(password)

    answer = api.post("user/login", {"username": user.username, "password": password})

    assert (answer.status, list(answer.body["details"])) == (400, ["password"])
    assert user.check_password(password)
    assert not imported_user(password).check_password(f"{password}b")


@pytest.mark.parametrize(
    "stored", ["bcrypt$", "bcrypt$$2b$10$short", "bcrypt$x", "bcrypt$$2b$99$" + "x" * 53]
)
def test_what_is_no_hash_lets_nobody_in(api: Client, stored: str) -> None:
    user = UserFactory.create()
    User.objects.filter(pk=user.pk).update(password=stored)

    answer = api.post("user/login", {"username": user.username, "password": PASSWORD})

    assert (answer.status, answer.code) == (401, "invalid_credentials")


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_every_spelling_of_bcrypt_is_read(prefix: str) -> None:
    user = imported_user(PASSWORD)
    user.password = user.password.replace("$2b$", prefix)

    assert user.check_password(PASSWORD)


def test_changing_an_old_password_and_signing_in_to_admin_work_too() -> None:
    user = imported_user(PASSWORD)
    client = log_in(user).client
    User.objects.filter(pk=user.pk).update(password=f"bcrypt${old_hash(PASSWORD)}", is_staff=True)

    body = {"oldPassword": PASSWORD, "newPassword": "another long one 18"}
    assert client.post("user/change-password", body).status == 200
    assert algorithm_of(user) == "argon2"
    User.objects.filter(pk=user.pk).update(password=f"bcrypt${old_hash(PASSWORD)}")
    assert DjangoClient().login(username=user.username, password=PASSWORD)


def test_new_passwords_never_use_it() -> None:
    assert make_password(PASSWORD).startswith("argon2$")
    assert UserFactory.create().password.startswith("argon2$")

"""What the database refuses becomes an answer: the last word when two requests race."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

from viztube.api.errors import ApiError, as_api_error

pytestmark = pytest.mark.django_db

TABLES = """
CREATE TEMPORARY TABLE accounts (id int PRIMARY KEY, user_name text UNIQUE, age int CHECK (age > 0),
                                 name text NOT NULL DEFAULT 'x', UNIQUE (age, name));
CREATE TEMPORARY TABLE posts (account int REFERENCES accounts (id));
INSERT INTO accounts VALUES (1, 'ada', 30)
"""


def refused(statement: str, *values: Any) -> ApiError:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            cursor.execute(statement, values)
    return as_api_error(caught.value)


def test_a_taken_value_is_a_conflict_of_its_field() -> None:
    error = refused("INSERT INTO accounts VALUES (2, 'ada', 31)")

    assert (error.status_code, error.code) == (409, "conflict")
    assert error.message == "userName: is already taken"
    assert error.details == {"userName": [{"code": "unique", "message": "is already taken"}]}


def test_a_taken_pair_is_a_conflict_without_a_field() -> None:
    error = refused("INSERT INTO accounts VALUES (2, 'bob', 30)")

    assert (error.status_code, error.details) == (409, {})


def test_the_value_that_was_taken_is_not_repeated() -> None:
    Group.objects.create(name="secret-value")
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Group.objects.create(name="secret-value")

    error = as_api_error(caught.value)

    assert error.message == "name: is already taken"
    assert "secret-value" not in str(error.details)


def test_a_reference_to_what_is_gone_is_404() -> None:
    error = refused("INSERT INTO posts VALUES (99)")

    assert (error.status_code, error.code) == (404, "not_found")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO accounts VALUES (2, 'bob', -1)",
        "INSERT INTO accounts VALUES (2, 'bob', 31, NULL)",
    ],
)
def test_a_value_that_a_check_refuses_is_400_and_logged(
    statement: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = refused(statement)

    assert (error.status_code, error.code) == (400, "invalid")
    assert error.message == "The request is not valid."
    assert "A constraint refused a write" in caplog.text


def test_an_integrity_error_without_a_cause_is_400() -> None:
    assert as_api_error(IntegrityError("odd")).status_code == 400

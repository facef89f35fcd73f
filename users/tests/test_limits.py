"""How often one may guess, sign up, exchange tokens and write."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client as Browser

from users.models import User
from users.tests.factories import PASSWORD, UserFactory
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.tests.limits import assert_refused, from_address, limit, new_address, told

pytestmark = pytest.mark.django_db

WRONG = "not the password of anybody"


def guess(api: Client, account: str, password: str = WRONG, *, by: str = "username") -> Answer:
    return api.post("user/login", {by: account, "password": password})


def nobody() -> str:
    """Return a name that nobody has and nobody has tried."""
    return f"nobody-{uuid4().hex[:16]}"


@pytest.mark.parametrize("exists", [True, False])
def test_guesses_at_an_account_are_counted_whether_it_exists_or_not(
    api: Client, user: User, settings: Any, exists: bool
) -> None:
    limit(settings, login=3)
    account = user.username if exists else nobody()
    from_address(api)

    answers = [guess(api, account) for _ in range(4)]

    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert_refused(answers[3], "login")
    # Nor is what is left another.
    assert [told(answer)[3] for answer in answers] == [2, 1, 0, 0]


def test_the_right_password_is_refused_as_well(api: Client, user: User, settings: Any) -> None:
    limit(settings, login=1)
    from_address(api)
    guess(api, user.username)

    assert_refused(guess(api, user.username, PASSWORD), "login")


def test_the_case_of_a_name_makes_no_other_account(api: Client, settings: Any) -> None:
    limit(settings, login=1)
    account = nobody()
    from_address(api)

    assert [guess(api, name).status for name in (account, account.upper())] == [401, 429]


def test_from_elsewhere_the_owner_gets_in(api: Client, user: User, settings: Any) -> None:
    limit(settings, login=2)
    from_address(api)
    assert [guess(api, user.username).status for _ in range(3)] == [401, 401, 429]

    assert guess(from_address(api), user.username, PASSWORD).status == 200


def test_guesses_at_many_accounts_from_one_address_are_counted(api: Client, settings: Any) -> None:
    limit(settings, login_address=3)
    from_address(api)

    answers = [guess(api, nobody()) for _ in range(4)]

    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert_refused(answers[3], "login-address")


@pytest.mark.parametrize("exists", [True, False])
def test_failures_from_anywhere_slow_an_account_down(
    api: Client, user: User, settings: Any, exists: bool
) -> None:
    limit(settings, login_account=3)
    account = user.username if exists else nobody()

    answers = [guess(from_address(api), account) for _ in range(4)]

    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert_refused(answers[3], "login-account")
    # How many others have made is told to nobody.
    assert {told(answer)[0] for answer in answers[:3]} <= {"login", "login-address"}


def test_who_is_signed_in_goes_on_while_others_guess(
    api: Client, user: User, settings: Any
) -> None:
    tokens = guess(from_address(api), user.username, PASSWORD).data
    limit(settings, login=2, login_account=2)
    address = new_address()
    for _ in range(3):
        last = guess(from_address(Client(), address), user.username)
    assert last.status == 429

    mine = from_address(Client(tokens["accessToken"]), address)

    assert mine.get("user/current-user-details").status == 200
    assert mine.patch("user/update-account", {"fullname": "Still Here"}).status == 200
    assert mine.post("user/refresh-token", {"refreshToken": tokens["refreshToken"]}).status == 200


def test_signing_in_leaves_the_failures_of_others_counted(
    api: Client, user: User, settings: Any
) -> None:
    limit(settings, login_account=3)
    for _ in range(2):
        assert guess(from_address(api), user.username).status == 401

    # Neither uses anything up nor gives a stranger more.
    for _ in range(5):
        assert guess(from_address(api), user.username, PASSWORD).status == 200

    answers = [guess(from_address(api), user.username) for _ in range(2)]
    assert [answer.status for answer in answers] == [401, 429]


def test_nothing_is_hashed_for_one_guess_too_many(
    api: Client, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(settings, login=1)
    from_address(api)
    guess(api, user.username)

    def fail(*args: object) -> None:
        raise AssertionError

    monkeypatch.setattr("users.services.sessions.check_credentials", fail)

    assert guess(api, user.username).status == 429


def test_no_key_holds_what_was_typed(api: Client, settings: Any) -> None:
    limit(settings, login=7, login_account=7)
    account = nobody()

    guess(from_address(api), account)

    client = cache._cache.get_client(write=True)  # type: ignore[attr-defined]
    keys = [key.decode() for key in client.scan_iter("viztube:limit:login*:7/*")]
    assert len(keys) >= 2
    assert not [key for key in keys if account in key or WRONG in key]


@pytest.mark.parametrize("account", ["\ud800", "\0", "x" * 5000, "user name", ""])
def test_odd_names_are_answered_as_ever(api: Client, account: str) -> None:
    assert guess(from_address(api), account).status in {400, 401}


def test_sign_ups_are_counted_by_address(api: Client, settings: Any) -> None:
    limit(settings, register=2)
    from_address(api)

    answers = [api.post("user/register", {}) for _ in range(3)]

    assert [answer.status for answer in answers] == [400, 400, 429]
    assert_refused(answers[2], "register")
    assert from_address(api).post("user/register", {}).status == 400


@pytest.mark.parametrize("call", ["refresh-token", "logout"])
def test_calls_that_take_tokens_are_counted_by_address(
    api: Client, settings: Any, call: str
) -> None:
    limit(settings, session=1)
    from_address(api)

    api.post(f"user/{call}")

    assert_refused(api.post(f"user/{call}"), "session")


def test_a_session_is_refreshed_so_often_wherever_it_is(
    api: Client, user: User, settings: Any
) -> None:
    limit(settings, refresh=2)
    token = guess(from_address(api), user.username, PASSWORD).data["refreshToken"]
    for _ in range(2):
        answer = from_address(Client()).post("user/refresh-token", {"refreshToken": token})
        token = answer.data["refreshToken"]

    refused = from_address(api).post("user/refresh-token", {"refreshToken": token})

    assert_refused(refused, "refresh")
    # It still counts: the cookies are not taken away.
    assert not refused.response.cookies


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("write", "PATCH", "user/update-account"),
        ("write", "POST", "tweets"),
        ("write", "DELETE", "user/watch-history"),
        ("password", "POST", "user/change-password"),
        ("upload", "PATCH", "user/update-avatar"),
        ("upload", "POST", "videos"),
        ("report", "POST", "reports"),
    ],
)
def test_what_people_do_is_counted_by_person(
    user_client: Client,
    client_for: Callable[[User], Client],
    settings: Any,
    scope: str,
    method: str,
    path: str,
) -> None:
    limit(settings, **{scope: 1})

    first = from_address(user_client).request(method, path, {})
    refused = from_address(user_client).request(method, path, {})

    assert first.status in {200, 400, 415}
    assert_refused(refused, scope)
    other = from_address(client_for(UserFactory.create()), user_client.http.defaults["REMOTE_ADDR"])
    assert other.request(method, path, {}).status == first.status


def test_what_is_refused_is_not_even_read(user_client: Client, settings: Any) -> None:
    limit(settings, upload=1)
    body = b"--x\r\nnot a form at all"

    answers = [
        user_client.post("videos", body, content_type="multipart/form-data; boundary=x")
        for _ in range(2)
    ]

    assert [answer.status for answer in answers] == [400, 429]


def test_signing_in_to_admin_counts_with_the_api(user: User, settings: Any) -> None:
    limit(settings, login=2)
    staff = UserFactory.create(is_staff=True)
    address = new_address()
    guess(from_address(Client(), address), staff.username)
    browser = Browser(REMOTE_ADDR=address)
    login = {"username": staff.username, "password": WRONG}
    assert b"correct username" in browser.post("/admin/login/", login).content

    refused = browser.post("/admin/login/", {**login, "password": PASSWORD})

    assert b"Too many requests. Try again in" in refused.content
    assert "sessionid" not in refused.cookies


def test_staff_sign_in_to_admin_as_often_as_they_like_but_for_their_failures(
    settings: Any,
) -> None:
    limit(settings, login_account=2)
    staff = UserFactory.create(is_staff=True)
    login = {"username": staff.username, "password": PASSWORD}

    for _ in range(4):
        assert Browser(REMOTE_ADDR=new_address()).post("/admin/login/", login).status_code == 302

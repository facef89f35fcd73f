"""Signing in."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from users.hashers import ImportedBcryptPasswordHasher, SmallArgon2PasswordHasher
from users.models import RefreshSession, User
from users.tests.factories import PASSWORD, UserFactory
from users.tests.imported import imported_user
from users.tests.queries import captured_queries
from users.tests.signing_in import claims, expired, log_in, with_cookie
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.times import wire_time

pytestmark = pytest.mark.django_db

WEEK = 7 * 24 * 3600  # seconds


def login(api: Client, user: User, password: str = PASSWORD, **headers: str) -> Answer:
    """Send the credentials of a person."""
    return api.post("user/login", {"username": user.username, "password": password}, **headers)


def test_login_gives_the_account_and_both_tokens(api: Client, user: User) -> None:
    answer = login(api, user)

    assert answer.status == 200
    assert set(answer.data) == {"user", "accessToken", "refreshToken"}
    assert answer.data["user"]["id"] == str(user.pk)
    assert answer.data["user"]["email"] == user.email
    me = Client(answer.data["accessToken"]).get("user/current-user-details")
    assert me.data == answer.data["user"]


def test_login_by_address(api: Client, user: User) -> None:
    answer = api.post("user/login", {"email": user.email, "password": PASSWORD})

    assert answer.data["user"]["id"] == str(user.pk)


@pytest.mark.parametrize("field", ["username", "email"])
def test_the_case_of_a_name_does_not_matter(api: Client, user: User, field: str) -> None:
    body = {field: getattr(user, field).upper(), "password": PASSWORD}

    assert api.post("user/login", body).status == 200


@pytest.mark.parametrize("unused", ["", None])
@pytest.mark.parametrize(("field", "other"), [("username", "email"), ("email", "username")])
def test_the_name_that_is_not_used_may_be_sent_empty(
    api: Client, user: User, field: str, other: str, unused: str | None
) -> None:
    body = {field: getattr(user, field), other: unused, "password": PASSWORD}

    assert api.post("user/login", body).status == 200


def test_a_form_is_taken_like_json(api: Client, user: User) -> None:
    form = f"username={user.username}&password={PASSWORD.replace(' ', '+')}".encode()

    answer = api.post("user/login", form, content_type="application/x-www-form-urlencoded")

    assert answer.status == 200


def test_the_cookies_are_out_of_reach_of_scripts_and_other_sites(api: Client, user: User) -> None:
    answer = login(api, user)

    cookies = answer.response.cookies
    assert set(cookies) == {"accessToken", "refreshToken"}
    for name, path in (("accessToken", "/"), ("refreshToken", "/api/v2/user")):
        cookie = cookies[name]
        assert cookie.value == answer.data[name]
        assert cookie["path"] == path
        assert cookie["httponly"] is True
        assert cookie["samesite"] == "Strict"
        assert cookie["max-age"] == WEEK
        assert cookie["domain"] == ""
        assert not cookie["secure"]


def test_an_answer_with_tokens_stays_in_no_cache(api: Client, user: User) -> None:
    answer = login(api, user)

    assert answer.response["Cache-Control"] == "no-store"
    assert api.post("user/refresh-token").response["Cache-Control"] == "no-store"


def test_on_https_the_cookies_are_secure_and_their_names_say_so(
    api: Client, user: User, settings: Any
) -> None:
    settings.HTTPS = True
    settings.ACCESS_COOKIE = "__Host-accessToken"
    settings.REFRESH_COOKIE = "__Secure-refreshToken"

    cookies = login(api, user).response.cookies

    # __Host- requires Secure, Path=/ and no Domain; __Secure- requires Secure (RFC 6265bis).
    assert {name: (one["secure"], one["path"], one["domain"]) for name, one in cookies.items()} == {
        "__Host-accessToken": (True, "/", ""),
        "__Secure-refreshToken": (True, "/api/v2/user", ""),
    }
    assert api.get("user/current-user-details").status == 200
    assert api.post("user/refresh-token").status == 200
    cleared = api.post("user/logout").response.cookies
    assert {name: (one["secure"], one["max-age"]) for name, one in cleared.items()} == {
        "__Host-accessToken": (True, 0),
        "__Secure-refreshToken": (True, 0),
    }


def test_the_tokens_live_as_long_as_promised_and_name_their_session(
    api: Client, user: User
) -> None:
    data = login(api, user).data

    access, refresh = claims(data["accessToken"]), claims(data["refreshToken"])
    session = RefreshSession.objects.get()
    assert access["exp"] - access["iat"] == 15 * 60
    assert refresh["exp"] - refresh["iat"] == WEEK
    assert access["sid"] == refresh["sid"] == str(session.pk)
    assert access["sub"] == refresh["sub"] == str(user.pk)
    assert (access["token_type"], refresh["token_type"]) == ("access", "refresh")


def test_the_session_remembers_the_device_and_no_token(api: Client, user: User) -> None:
    answer = login(api, user, User_Agent="A phone " + "x" * 400)

    session = RefreshSession.objects.get()
    assert session.user == user
    assert session.device == ("A phone " + "x" * 400)[:300]
    assert session.address == "127.0.0.1"
    assert session.is_live
    row = str(RefreshSession.objects.values().get())
    assert answer.data["refreshToken"] not in row
    assert claims(answer.data["refreshToken"])["jti"] not in row


def test_each_login_is_a_session_of_its_own(user: User) -> None:
    first, second = log_in(user), log_in(user)

    assert RefreshSession.objects.count() == 2
    assert first.works()
    assert second.works()


def test_login_costs_five_queries(api: Client, user: User) -> None:
    # SELECT the person, SELECT FOR UPDATE that the password is still the same, INSERT into the
    # audit trail, INSERT the session, SELECT the sessions that it leaves no room for.
    with captured_queries() as queries:
        login(api, user)

    assert len(queries) <= 5, queries


def wrong_answers(api: Client) -> list[Answer]:
    """Return the answers to credentials that do not count, each for another reason."""
    user, inactive = UserFactory.create(), UserFactory.create(is_active=False)
    unusable = UserFactory.create()
    unusable.set_unusable_password()
    unusable.save()
    return [
        login(api, user, "wrong password"),
        api.post("user/login", {"email": user.email, "password": "wrong password"}),
        api.post("user/login", {"username": "nobody", "password": PASSWORD}),
        api.post("user/login", {"email": "nobody@example.com", "password": PASSWORD}),
        login(api, inactive),
        login(api, inactive, "wrong password"),
        login(api, unusable),
        login(api, UserFactory.create(suspended_until=in_a_day()), "wrong password"),
    ]


def in_a_day() -> datetime:
    """Return this time tomorrow."""
    return timezone.now() + timedelta(days=1)


def test_no_answer_tells_which_accounts_exist(api: Client) -> None:
    answers = wrong_answers(api)

    bodies = [{**answer.body, "requestId": ""} for answer in answers]
    assert bodies[0]["code"] == "invalid_credentials"
    assert all(body == bodies[0] for body in bodies)
    assert {answer.status for answer in answers} == {401}
    assert not any(answer.response.cookies for answer in answers)
    assert len({answer.response["WWW-Authenticate"] for answer in answers}) == 1
    assert not RefreshSession.objects.exists()


def test_no_time_tells_which_accounts_exist(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes: list[str] = []
    # A check of the old kind is an encoding; one of ours is not.
    for hasher, name in (
        (SmallArgon2PasswordHasher, "encode"),
        (SmallArgon2PasswordHasher, "verify"),
        (ImportedBcryptPasswordHasher, "encode"),
    ):
        real = getattr(hasher, name)

        def counted(self: Any, *args: Any, _real: Any = real) -> Any:
            hashes.append(self.algorithm)
            return _real(self, *args)

        monkeypatch.setattr(hasher, name, counted)
    known, inactive, imported = (
        UserFactory.create(),
        UserFactory.create(is_active=False),
        imported_user(PASSWORD),
    )
    unusable = UserFactory.create(password=None)
    costs = []
    for username in ("nobody", *(one.username for one in (known, inactive, imported, unusable))):
        hashes.clear()
        api.post("user/login", {"username": username, "password": "wrong password"})
        costs.append(sorted(hashes))

    assert costs == [["argon2", "bcrypt"]] * 5


def test_a_suspended_person_is_told_so_only_with_the_right_password(api: Client) -> None:
    until = in_a_day()
    user = UserFactory.create(suspended_until=until, suspension_reason="Spam in comments")

    answer = login(api, user)

    assert (answer.status, answer.code) == (403, "suspended")
    assert f"{until:%Y-%m-%d %H:%M} UTC: Spam in comments" in answer.body["message"]
    details = {field: item["message"] for field, [item] in answer.body["details"].items()}
    assert details == {"until": wire_time(until), "reason": "Spam in comments"}
    assert not answer.response.cookies
    assert login(api, user, "wrong").code == "invalid_credentials"


def test_a_suspension_that_is_over_does_not_count(api: Client) -> None:
    user = UserFactory.create(suspended_until=timezone.now() - timedelta(seconds=1))

    assert login(api, user).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": PASSWORD}, "username"),
        ({"username": "", "email": None, "password": PASSWORD}, "username"),
        ({"username": "person"}, "password"),
        ({"username": "person", "password": ""}, "password"),
        ({"username": "person", "password": None}, "password"),
        ({"username": "person", "password": ["x"]}, "password"),
        ({"username": {"$gt": ""}, "password": "x"}, "username"),
        ({"username": "with\x00nul", "password": "x"}, "username"),
        ({"username": "person", "password": "x" * 1001}, "password"),
    ],
)
def test_a_login_without_its_parts_is_refused(api: Client, body: Any, field: str) -> None:
    answer = api.post("user/login", body)

    assert (answer.status, answer.code) == (400, "invalid")
    assert list(answer.body["details"]) == [field]


@pytest.mark.parametrize("wildcard", ["%", "_______", "person%", "*"])
def test_wildcards_match_nobody(api: Client, user: User, wildcard: str) -> None:
    answer = api.post("user/login", {"username": wildcard, "password": PASSWORD})

    assert answer.code == "invalid_credentials"


def test_a_password_is_case_sensitive_and_not_trimmed(api: Client, user: User) -> None:
    assert login(api, user, PASSWORD.upper()).status == 401
    assert login(api, user, f"{PASSWORD} ").status == 401


def test_tokens_that_do_not_count_are_no_hindrance(user: User) -> None:
    token = expired(log_in(user).access)

    for client in (
        Client(token),
        Client("junk"),
        with_cookie("accessToken", token),
        with_cookie("accessToken", "junk"),
    ):
        assert login(client, user).status == 200

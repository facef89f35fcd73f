"""The trail of sign-ins and passwords that staff can look at."""

import getpass
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from users.models import RefreshSession, SecurityEvent, SecurityEventKind, User
from users.services.audit import KEEP_EVENTS
from users.tasks import prune_security_events
from users.tests.browsers import Browser, browser_of, run_action, staff, superuser
from users.tests.factories import PASSWORD, UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import log_in, refresh_with
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

EVENTS = "/admin/users/securityevent/"
NEW = "Tr0ub4dor and three"


@pytest.fixture(autouse=True)
def empty_trail(user: User) -> None:
    """Begin without what making ``user`` left."""
    SecurityEvent.objects.all().delete()


def trail() -> list[tuple[str, User | None, str, str | None]]:
    """Return what is on record: kind, person, device, address, in order."""
    return [
        (event.kind, event.user, event.device, event.address)
        for event in SecurityEvent.objects.order_by("id")
    ]


def try_login(body: dict[str, Any]) -> int:
    """Try to sign in from a phone; return the status."""
    return Client().post("user/login", body, User_Agent="A phone").status


def test_a_sign_in_is_on_record_with_device_and_address(user: User) -> None:
    assert try_login({"username": user.username, "password": PASSWORD}) == 200

    assert trail() == [("sign_in", user, "A phone", "127.0.0.1")]


@pytest.mark.parametrize(
    "standing",
    [{}, {"is_active": False}, {"suspended_until": timezone.now() + timedelta(days=1)}],
    ids=["good", "inactive", "suspended"],
)
def test_a_wrong_password_is_on_record(user: User, standing: dict[str, Any]) -> None:
    User.objects.update(**standing)

    assert try_login({"username": user.username, "password": "a wrong one"}) == 401

    assert trail() == [("sign_in_failed", user, "A phone", "127.0.0.1")]


def test_a_right_password_of_who_may_not_come_in_is_on_record(user: User) -> None:
    User.objects.update(suspended_until=timezone.now() + timedelta(days=1))

    assert try_login({"email": user.email, "password": PASSWORD}) == 403

    assert trail() == [("sign_in_failed", user, "A phone", "127.0.0.1")]


def test_what_was_typed_for_an_account_that_is_none_is_not_kept() -> None:
    assert try_login({"username": "my secret password", "password": "another"}) == 401

    assert trail() == [("sign_in_failed", None, "A phone", "127.0.0.1")]
    assert "secret" not in str(SecurityEvent.objects.values().get())


def test_a_known_and_an_unknown_account_cost_the_same_queries(user: User) -> None:
    counts = []
    for name in (user.username, "nobody"):
        with captured_queries() as queries:
            try_login({"username": name, "password": "a wrong one"})
        counts.append(len(queries))

    # SELECT the person, INSERT into the trail.
    assert counts == [2, 2]


def test_a_used_token_that_comes_again_is_on_record(user: User) -> None:
    device = log_in(user)
    refresh_with(device.refresh)
    RefreshSession.objects.update(used_at=timezone.now() - timedelta(seconds=11))
    SecurityEvent.objects.all().delete()

    body = {"refreshToken": device.refresh}
    Client().post("user/refresh-token", body, User_Agent="A thief")
    Client().post("user/refresh-token", body, User_Agent="A thief")

    # Once: after that the session is gone.
    assert trail() == [("token_reused", user, "A thief", "127.0.0.1")]


def change_over_the_api(user: User) -> None:
    """Change the password as an API client does."""
    body = {"oldPassword": PASSWORD, "newPassword": NEW}
    client = log_in(user).client
    SecurityEvent.objects.all().delete()
    assert client.post("user/change-password", body, User_Agent="A phone").status == 200


def test_a_new_password_over_the_api_is_on_record(user: User) -> None:
    change_over_the_api(user)

    assert trail() == [("password_changed", user, "A phone", "127.0.0.1")]


def test_a_wrong_old_password_is_on_record_and_a_weak_new_one_is_not(user: User) -> None:
    client = log_in(user).client
    SecurityEvent.objects.all().delete()

    for body in (
        {"oldPassword": "wrong", "newPassword": NEW},
        {"oldPassword": PASSWORD, "newPassword": "12345678"},
    ):
        assert client.post("user/change-password", body, User_Agent="A thief").status == 400

    assert trail() == [("password_wrong", user, "A thief", "127.0.0.1")]


@pytest.mark.parametrize("usable", ["true", "false"])
def test_a_password_given_or_taken_by_staff_is_on_record(user: User, usable: str) -> None:
    browser = browser_of(superuser())
    SecurityEvent.objects.all().delete()
    button = "set-password" if usable == "true" else "unset-password"
    body = {"usable_password": usable, "password1": NEW, "password2": NEW, button: "x"}

    assert browser.post(f"/admin/users/user/{user.pk}/password/", body).status_code == 302

    assert trail() == [("password_changed", user, "", None)]


def test_a_password_set_by_command_is_on_record(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: NEW)

    call_command("changepassword", user.username)

    assert trail() == [("password_changed", user, "", None)]


def log_in_to_admin(name: str, password: str = PASSWORD) -> bool:
    """Sign in to admin; tell whether it let one in."""
    body = {"username": name, "password": password}
    answer = Browser().post("/admin/login/?next=/admin/", body, headers={"User-Agent": "A desk"})
    return answer.status_code == 302


def test_signing_in_to_admin_is_on_record(user: User) -> None:
    member = staff()
    SecurityEvent.objects.all().delete()

    assert log_in_to_admin(member.username)
    assert not log_in_to_admin(member.username.upper(), "a wrong one")
    assert not log_in_to_admin(user.username)
    assert not log_in_to_admin("nobody")

    assert trail() == [
        ("admin_sign_in", member, "A desk", "127.0.0.1"),
        ("admin_sign_in_failed", member, "A desk", "127.0.0.1"),
        ("admin_sign_in_failed", user, "A desk", "127.0.0.1"),
        ("admin_sign_in_failed", None, "A desk", "127.0.0.1"),
    ]


def test_a_forged_forwarded_address_is_not_believed(user: User, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 0}
    credentials = {"username": user.username, "password": PASSWORD}

    Client().post("user/login", credentials, X_Forwarded_For="203.0.113.9")

    assert [row[3] for row in trail()] == ["127.0.0.1"]


def test_the_trail_is_kept_for_ninety_days(user: User) -> None:
    assert timedelta(days=90) == KEEP_EVENTS
    for _ in range(2):
        try_login({"username": user.username, "password": PASSWORD})
    old, kept = SecurityEvent.objects.order_by("id")
    now = timezone.now()
    moment = timedelta(minutes=1)
    SecurityEvent.objects.filter(pk=old.pk).update(created_at=now - KEEP_EVENTS - moment)
    SecurityEvent.objects.filter(pk=kept.pk).update(created_at=now - KEEP_EVENTS + moment)

    prune_security_events(timestamp=0)

    assert SecurityEvent.objects.get() == kept


def test_the_trail_outlives_the_account(user: User) -> None:
    try_login({"username": user.username, "password": PASSWORD})

    user.delete()

    assert trail() == [("sign_in", None, "A phone", "127.0.0.1")]


def test_only_known_kinds_can_be_stored(user: User) -> None:
    with (
        pytest.raises(IntegrityError, match="users_securityevent_kind_known"),
        transaction.atomic(),
    ):
        SecurityEvent.objects.create(kind="gossip", user=user)


class TestAdmin:
    """The trail in admin."""

    @pytest.fixture
    def event(self, user: User) -> SecurityEvent:
        """Return something on record."""
        event: SecurityEvent = SecurityEvent.objects.create(
            kind=SecurityEventKind.SIGN_IN_FAILED, user=user, device="A <b>phone</b>", address="::1"
        )
        return event

    def test_staff_can_look(self, event: SecurityEvent, user: User) -> None:
        browser = browser_of(staff("view_securityevent"))

        page = browser.get(EVENTS).content.decode()
        assert user.username in page
        assert "sign-in failed" in page
        assert "A &lt;b&gt;phone" in page
        assert browser.get(f"{EVENTS}{event.pk}/change/").status_code == 200

    @pytest.mark.parametrize("query", ["@{username}", "{id}", "::1"])
    def test_events_are_found(self, event: SecurityEvent, user: User, query: str) -> None:
        words = query.format(username=user.username, id=user.pk)
        browser = browser_of(superuser())

        assert str(event.pk) in browser.get(EVENTS, {"q": words}).content.decode()
        assert str(event.pk) not in browser.get(EVENTS, {"q": "@zzz"}).content.decode()
        assert str(event.pk) in browser.get(EVENTS, {"kind__exact": event.kind}).content.decode()
        assert str(event.pk) not in browser.get(EVENTS, {"kind__exact": "x"}).content.decode()

    def test_nobody_can_change_it(self, event: SecurityEvent) -> None:
        browser = browser_of(superuser())
        before = SecurityEvent.objects.values().get(pk=event.pk)

        assert browser.get(f"{EVENTS}add/").status_code == 403
        assert browser.post(f"{EVENTS}{event.pk}/change/", {"kind": "sign_in"}).status_code == 403
        assert browser.post(f"{EVENTS}{event.pk}/delete/", {"post": "yes"}).status_code == 403
        run_action(browser, EVENTS, "delete_selected", event)

        assert SecurityEvent.objects.values().get(pk=event.pk) == before

    def test_staff_without_the_permission_do_not_see_it(self) -> None:
        assert browser_of(staff()).get(EVENTS).status_code == 403

    def test_a_long_trail_costs_no_more_queries_than_a_short_one(
        self, event: SecurityEvent
    ) -> None:
        browser = browser_of(superuser())
        counts = []
        for _ in range(2):
            browser.get(EVENTS)
            with captured_queries() as queries:
                browser.get(EVENTS)
            counts.append(len(queries))
            for _ in range(5):
                SecurityEvent.objects.create(kind=event.kind, user=UserFactory.create())

        assert counts[0] == counts[1]

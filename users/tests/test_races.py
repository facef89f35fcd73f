"""What happens when two requests come at the same moment."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import choice
from threading import Barrier, Event, current_thread
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone

from users import serializers
from users.hashers import SmallArgon2PasswordHasher
from users.models import RefreshSession, SecurityEvent, SecurityEventKind, User
from users.services import accounts, sessions
from users.tests.factories import PASSWORD, UserFactory
from users.tests.signing_in import Device, log_in, refresh_with
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.tests.threads import at_once
from viztube.media.backends import FolderMissing
from viztube.media.disk import DiskBackend
from viztube.media.tests.fixtures import picture

pytestmark = pytest.mark.django_db(transaction=True)

ME = "user/current-user-details"


@pytest.mark.parametrize("field", ["username", "email"])
def test_of_two_who_want_one_name_one_gets_it(
    monkeypatch: pytest.MonkeyPatch, stored_files: Callable[[], set[str]], field: str
) -> None:
    check = serializers.check_new_password
    both_found_it_free = Barrier(2, timeout=10)

    def wait_and_check(*args: Any) -> None:
        both_found_it_free.wait()
        check(*args)

    monkeypatch.setattr(serializers, "check_new_password", wait_and_check)
    people = [
        {"username": name, "email": f"{name}@example.com", "fullname": "X", "password": PASSWORD}
        for name in ("first", "second")
    ]
    people[1][field] = people[0][field]

    answers = at_once(
        [partial(Client().post, "user/register", {**body, "avatar": picture()}) for body in people]
    )

    won, lost = sorted(answers, key=lambda answer: answer.status)
    assert (won.status, lost.status) == (201, 409)
    assert lost.code == "conflict"
    assert lost.body["details"] == {field: [{"code": "unique", "message": "is already taken"}]}
    assert stored_files() == {User.objects.get().avatar}


def test_of_two_who_change_to_one_name_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [log_in(UserFactory.create()) for _ in range(2)]
    update = User.save
    both_found_it_free = Barrier(2, timeout=10)

    def wait_and_update(self: User, *args: Any, **kwargs: Any) -> None:
        both_found_it_free.wait()
        update(self, *args, **kwargs)

    monkeypatch.setattr(User, "save", wait_and_update)

    answers = at_once(
        [
            partial(device.client.patch, "user/update-account", {"username": "wanted"})
            for device in devices
        ]
    )

    assert sorted(answer.status for answer in answers) == [200, 409]
    assert User.objects.filter(username="wanted").count() == 1


MANY = 20


def all_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, many: int = MANY) -> None:
    """Make calls of a function wait until many have come."""
    function = getattr(module, name)
    all_here = Barrier(many, timeout=20)

    def wait_and_go_on(*args: Any, **kwargs: Any) -> Any:
        # The pool has fewer connections than there are calls.
        connection.close()
        all_here.wait()
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, wait_and_go_on)


def test_twenty_refreshes_of_one_token_give_one_successor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = log_in(UserFactory.create())
    all_at(monkeypatch, sessions, "rotate")

    answers = at_once([lambda: refresh_with(device.refresh)] * MANY, threads=MANY)

    assert {answer.status for answer in answers} == {200}
    (successor,) = {answer.data["refreshToken"] for answer in answers}
    assert all(Client(answer.data["accessToken"]).get(ME).status == 200 for answer in answers)
    monkeypatch.undo()
    assert refresh_with(successor).status == 200
    assert RefreshSession.objects.get().revoked_at is None


def test_twenty_refreshes_of_a_token_used_long_ago_end_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = log_in(UserFactory.create())
    refresh_with(device.refresh)
    RefreshSession.objects.update(used_at=timezone.now() - timedelta(seconds=11))
    all_at(monkeypatch, sessions, "rotate")

    answers = at_once([lambda: refresh_with(device.refresh)] * MANY, threads=MANY)

    assert {(answer.status, answer.code) for answer in answers} == {(401, "token_invalid")}
    assert RefreshSession.objects.get().revoked_at is not None
    # Who came after the first found the session ended.
    assert SecurityEvent.objects.filter(kind=SecurityEventKind.TOKEN_REUSED).count() == 1


def test_twenty_who_want_one_name_in_any_case_make_one_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    all_at(monkeypatch, serializers, "check_new_password")
    people = [
        {
            "username": "".join(choice("aA") for _ in range(12)),
            "email": f"{'N' if n % 2 else 'n'}ew@Example.com",
            "fullname": "X",
            "password": PASSWORD,
        }
        for n in range(MANY)
    ]

    answers = at_once(
        [partial(Client().post, "user/register", body) for body in people], threads=MANY
    )

    assert sorted(answer.status for answer in answers) == [201] + [409] * (MANY - 1)
    assert {a.code for a in answers if a.status == 409} == {"conflict"}
    person = User.objects.get()
    assert (person.username, person.email) == ("a" * 12, "new@example.com")


def test_a_login_that_began_before_a_password_change_opens_no_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = UserFactory.create()
    device = log_in(user)
    check = sessions.check_credentials

    def check_then_wait(**kwargs: Any) -> User:
        found = check(**kwargs)
        body = {"oldPassword": PASSWORD, "newPassword": "another long one"}
        (changed,) = at_once([lambda: Client(device.access).post("user/change-password", body)])
        assert changed.status == 200
        return found

    monkeypatch.setattr(sessions, "check_credentials", check_then_wait)

    answer = Client().post("user/login", {"username": user.username, "password": PASSWORD})

    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert RefreshSession.objects.get() == device.session


def test_a_login_waits_for_a_password_change_that_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = UserFactory.create()
    device = log_in(user)
    open_session, change = sessions.open_session, Event()
    body = {"oldPassword": PASSWORD, "newPassword": "another long one"}

    def open_slowly(**kwargs: Any) -> sessions.TokenPair:
        # Late enough for a change that does not wait to end every session but this one.
        change.set()
        time.sleep(0.5)
        return open_session(**kwargs)

    def log_in_slowly() -> Answer:
        credentials = {"username": user.username, "password": PASSWORD}
        return Client().post("user/login", credentials)

    def change_meanwhile() -> Answer:
        change.wait(10)
        return Client(device.access).post("user/change-password", body)

    monkeypatch.setattr(sessions, "open_session", open_slowly)
    login, changed = at_once([log_in_slowly, change_meanwhile])

    assert changed.status == 200
    assert login.status == 200
    assert list(RefreshSession.objects.filter(revoked_at=None)) == [device.session]


def test_a_suspension_during_a_login_is_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    user = UserFactory.create()
    check = sessions.check_credentials

    def check_then_suspend(**kwargs: Any) -> User:
        found = check(**kwargs)
        User.objects.update(suspended_until=timezone.now() + timedelta(days=1))
        return found

    monkeypatch.setattr(sessions, "check_credentials", check_then_suspend)

    answer = Client().post("user/login", {"username": user.username, "password": PASSWORD})

    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert not RefreshSession.objects.exists()


def test_a_password_change_and_a_reused_token_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = UserFactory.create()
    device, other = log_in(user), log_in(user)
    refresh_with(refresh_with(other.refresh).data["refreshToken"])
    revoke_sessions, revoke = sessions.revoke_sessions, sessions.revoke
    person_locked, session_locked = Barrier(2, timeout=10), Barrier(2, timeout=10)

    def revoke_for_a_new_password(**kwargs: Any) -> int:
        person_locked.wait()
        session_locked.wait()
        return revoke_sessions(**kwargs)

    def revoke_for_a_reuse(queryset: Any) -> int:
        if current_thread().name != "reuse":
            return revoke(queryset)
        person_locked.wait()
        count = revoke(queryset)
        session_locked.wait()
        # Time for the other to reach the session that is locked here.
        time.sleep(0.3)
        return count

    def reuse() -> Answer:
        current_thread().name = "reuse"
        return refresh_with(other.refresh)

    monkeypatch.setattr(accounts, "revoke_sessions", revoke_for_a_new_password)
    monkeypatch.setattr(sessions, "revoke", revoke_for_a_reuse)

    def change() -> Answer:
        body = {"oldPassword": PASSWORD, "newPassword": "another long one"}
        return device.client.post("user/change-password", body)

    changed, refused = at_once([change, reuse])

    assert changed.status == 200
    assert (refused.status, refused.code) == (401, "token_invalid")
    assert list(RefreshSession.objects.filter(revoked_at=None)) == [device.session]
    kinds = set(SecurityEvent.objects.values_list("kind", flat=True))
    assert {"token_reused", "password_changed"} <= kinds


def test_two_who_revoke_the_same_sessions_do_not_wait_for_each_other() -> None:
    user = UserFactory.create()
    devices = [log_in(user) for _ in range(6)]

    answers = at_once(
        [partial(Client(device.access).post, "user/logout-all") for device in devices]
    )

    # Whoever came first ended the sessions of the others, who may not have been asked by then.
    assert {answer.status for answer in answers} <= {200, 401}
    assert not RefreshSession.objects.filter(revoked_at=None).exists()


class TestWeakerHash:
    """Passwords whose hash is from other times: a login renews it."""

    @pytest.fixture
    def user(self) -> User:
        user = UserFactory.create()
        weaker = SmallArgon2PasswordHasher()
        weaker.time_cost = 1
        User.objects.update(password=weaker.encode(PASSWORD, weaker.salt()))
        return user

    def test_a_login_does_not_undo_a_password_change(
        self, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        new = make_password("another long one")
        verify = hashers.verify_password

        def verify_then_change(*args: Any, **kwargs: Any) -> Any:
            found = verify(*args, **kwargs)
            User.objects.update(password=new)
            return found

        monkeypatch.setattr(hashers, "verify_password", verify_then_change)
        answer = Client().post("user/login", {"username": user.username, "password": PASSWORD})
        monkeypatch.undo()

        assert (answer.status, answer.code) == (401, "invalid_credentials")
        assert User.objects.get().password == new

    def test_many_logins_at_once_all_succeed(
        self, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        all_at(monkeypatch, sessions, "sign_in", 4)
        credentials = {"username": user.username, "password": PASSWORD}

        answers = at_once([partial(Client().post, "user/login", credentials)] * 4)

        assert {answer.status for answer in answers} == {200}
        assert "t=2" in User.objects.get().password


def test_of_two_password_changes_at_once_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    user = UserFactory.create()
    devices = [log_in(user), log_in(user)]
    change = accounts.change_password
    both_arrived = Barrier(2, timeout=10)

    def wait_and_change(**kwargs: Any) -> None:
        both_arrived.wait()
        change(**kwargs)

    monkeypatch.setattr(accounts, "change_password", wait_and_change)

    def request(device: Device, new: str) -> Answer:
        body = {"oldPassword": PASSWORD, "newPassword": new}
        return device.client.post("user/change-password", body)

    answers = at_once(
        [
            lambda: request(devices[0], "the first long one"),
            lambda: request(devices[1], "the second long one"),
        ]
    )

    assert sorted(answer.status for answer in answers) == [200, 400]
    assert [device.works() for device in devices].count(True) == 1


def test_an_avatar_replaced_before_it_was_moved_is_never_served(
    monkeypatch: pytest.MonkeyPatch, stored_files: Callable[[], set[str]]
) -> None:
    device = log_in(UserFactory.create())
    move = DiskBackend.move
    late: list[Callable[[], None]] = []

    def move_later(self: DiskBackend, source: str, target: str) -> None:
        late.append(lambda: move(self, source, target))

    monkeypatch.setattr(DiskBackend, "move", move_later)
    Client(device.access).patch("user/update-avatar", {"avatar": picture()})
    monkeypatch.setattr(DiskBackend, "move", move)
    Client(device.access).patch("user/update-avatar", {"avatar": picture()})

    with pytest.raises(FolderMissing):
        late[0]()
    served = {path for path in stored_files() if path.startswith("p/")}
    assert served == {User.objects.get().avatar}


def test_two_avatars_at_once_leave_one_file(stored_files: Callable[[], set[str]]) -> None:
    device = log_in(UserFactory.create())

    answers = at_once(
        [
            lambda: Client(device.access).patch("user/update-avatar", {"avatar": picture()})
            for _ in range(2)
        ]
    )

    assert [answer.status for answer in answers] == [200, 200]
    served = {path for path in stored_files() if path.startswith("p/")}
    assert served == {User.objects.get().avatar}

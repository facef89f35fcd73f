"""What happens when two requests come at the same moment."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from users import serializers
from users.models import RefreshSession, User
from users.services import accounts, sessions
from users.tests.factories import PASSWORD, UserFactory
from users.tests.signing_in import Device, log_in, refresh_with
from viztube.api.tests.fixtures import Answer, Client, documented_paths
from viztube.media.backends import FolderMissing, LocalBackend
from viztube.media.tests.fixtures import picture

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*requests: Callable[[], Answer]) -> list[Answer]:
    """Send requests from threads of their own; return the answers."""
    # Every answer is checked against the document, which two threads cannot generate at once.
    documented_paths()
    answers: list[Answer] = []

    def run(request: Callable[[], Answer]) -> None:
        try:
            answers.append(request())
        finally:
            connection.close()

    threads = [Thread(target=run, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(answers) == len(requests)
    return answers


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
        *[
            lambda body=body: Client().post("user/register", {**body, "avatar": picture()})
            for body in people
        ]
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
        *[
            lambda device=device: device.client.patch("user/update-account", {"username": "wanted"})
            for device in devices
        ]
    )

    assert sorted(answer.status for answer in answers) == [200, 409]
    assert User.objects.filter(username="wanted").count() == 1


def test_two_refreshes_with_one_token_never_give_two_sessions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = log_in(UserFactory.create())
    rotate = sessions.rotate
    both_verified = Barrier(2, timeout=10)

    def wait_and_rotate(**kwargs: Any) -> sessions.TokenPair:
        both_verified.wait()
        return rotate(**kwargs)

    monkeypatch.setattr(sessions, "rotate", wait_and_rotate)

    answers = at_once(*[lambda: refresh_with(device.refresh)] * 2)

    assert sorted(answer.status for answer in answers) == [200, 401]
    assert RefreshSession.objects.get().revoked_at is not None


def test_a_login_that_began_before_a_password_change_opens_no_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = UserFactory.create()
    device = log_in(user)
    check = sessions.check_credentials

    def check_then_wait(**kwargs: Any) -> User:
        found = check(**kwargs)
        body = {"oldPassword": PASSWORD, "newPassword": "another long one"}
        (changed,) = at_once(lambda: Client(device.access).post("user/change-password", body))
        assert changed.status == 200
        return found

    monkeypatch.setattr(sessions, "check_credentials", check_then_wait)

    answer = Client().post("user/login", {"username": user.username, "password": PASSWORD})

    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert RefreshSession.objects.get() == device.session


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
        lambda: request(devices[0], "the first long one"),
        lambda: request(devices[1], "the second long one"),
    )

    assert sorted(answer.status for answer in answers) == [200, 400]
    assert [device.works() for device in devices].count(True) == 1


def test_an_avatar_replaced_before_it_was_moved_is_never_served(
    monkeypatch: pytest.MonkeyPatch, stored_files: Callable[[], set[str]]
) -> None:
    device = log_in(UserFactory.create())
    move = LocalBackend.move
    late: list[Callable[[], None]] = []

    def move_later(self: LocalBackend, source: str, target: str) -> None:
        late.append(lambda: move(self, source, target))

    monkeypatch.setattr(LocalBackend, "move", move_later)
    Client(device.access).patch("user/update-avatar", {"avatar": picture()})
    monkeypatch.setattr(LocalBackend, "move", move)
    Client(device.access).patch("user/update-avatar", {"avatar": picture()})

    with pytest.raises(FolderMissing):
        late[0]()
    served = {path for path in stored_files() if path.startswith("p/")}
    assert served == {User.objects.get().avatar}


def test_two_avatars_at_once_leave_one_file(stored_files: Callable[[], set[str]]) -> None:
    device = log_in(UserFactory.create())

    answers = at_once(
        *[
            lambda: Client(device.access).patch("user/update-avatar", {"avatar": picture()})
            for _ in range(2)
        ]
    )

    assert [answer.status for answer in answers] == [200, 200]
    served = {path for path in stored_files() if path.startswith("p/")}
    assert served == {User.objects.get().avatar}

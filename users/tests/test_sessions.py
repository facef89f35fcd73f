"""The devices a person is signed in on."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from users.models import RefreshSession, User
from users.tests.factories import PASSWORD, UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import Device, claims, log_in, refresh_with, with_cookie
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

SESSIONS = "user/sessions"


@pytest.fixture
def device(user: User) -> Device:
    """Return a device that is signed in."""
    return log_in(user)


def log_in_as(user: User, name: str) -> Device:
    """Sign in a device of a name."""
    client = Client()
    credentials = {"username": user.username, "password": PASSWORD}
    answer = client.post("user/login", credentials, User_Agent=name)
    return Device(client, answer.data["accessToken"], answer.data["refreshToken"])


def test_each_device_is_listed_with_where_and_when_it_was_used(user: User) -> None:
    phone, laptop = log_in_as(user, "A phone"), log_in_as(user, "A laptop")
    log_in(UserFactory.create())

    answer = phone.client.get(SESSIONS)

    assert [row["device"] for row in answer.data] == ["A laptop", "A phone"]
    assert [row["isCurrent"] for row in answer.data] == [False, True]
    row = answer.data[1]
    session = phone.session
    assert set(row) == {
        "id",
        "device",
        "address",
        "createdAt",
        "lastUsedAt",
        "expiresAt",
        "isCurrent",
    }
    assert (row["id"], row["address"]) == (str(session.pk), "127.0.0.1")
    assert abs(datetime.fromisoformat(row["lastUsedAt"]) - session.used_at) < timedelta(seconds=1)
    assert answer.body["pagination"]["totalDocs"] == 2
    assert laptop.works()


def test_a_refresh_tells_from_where_a_device_was_used_last(device: Device) -> None:
    Client().post(
        "user/refresh-token", {"refreshToken": device.refresh}, User_Agent="The same, updated"
    )

    (row,) = device.client.get(SESSIONS).data
    assert row["device"] == "The same, updated"


def test_sessions_that_ended_are_not_listed(device: Device, user: User) -> None:
    log_in(user).client.post("user/logout")
    over = log_in(user).session
    RefreshSession.objects.filter(pk=over.pk).update(
        created_at=timezone.now() - timedelta(days=9), expires_at=timezone.now()
    )

    assert [row["id"] for row in device.client.get(SESSIONS).data] == [str(device.session.pk)]


def test_a_list_costs_the_same_for_one_device_as_for_many(device: Device, user: User) -> None:
    # The caller, the count, the rows.
    counts = []
    for _ in range(2):
        with captured_queries() as queries:
            assert device.client.get(SESSIONS).status == 200
        counts.append(len(queries))
        for _ in range(5):
            log_in(user)

    assert counts == [3, 2]


def test_one_device_is_signed_out_from_another(device: Device, user: User) -> None:
    lost, other = log_in(user), log_in(user)
    assert lost.works()

    answer = device.client.delete(f"{SESSIONS}/{lost.session.pk}")

    assert (answer.status, answer.data) == (200, {})
    assert not answer.response.cookies
    assert not lost.works()
    assert not lost.can_refresh()
    assert device.works()
    assert other.works()


def test_signing_out_the_device_in_use_clears_its_cookies(device: Device) -> None:
    answer = device.client.delete(f"{SESSIONS}/{device.session.pk}")

    assert answer.status == 200
    assert {one["max-age"] for one in answer.response.cookies.values()} == {0}
    assert set(answer.response.cookies) == {"accessToken", "refreshToken"}
    assert not device.works()


def test_only_ones_own_running_sessions_can_be_ended(device: Device, user: User) -> None:
    stranger, ended = log_in(UserFactory.create()), log_in(user)
    ended.client.post("user/logout")
    at = ended.session.revoked_at

    for name in (stranger.session.pk, ended.session.pk, uuid4(), "junk", "%00"):
        answer = device.client.delete(f"{SESSIONS}/{name}")
        assert (answer.status, answer.code) == (404, "not_found")

    assert stranger.works()
    assert ended.session.revoked_at == at


def test_signing_out_everywhere_ends_this_session_too(device: Device, user: User) -> None:
    other, stranger = log_in(user), log_in(UserFactory.create())
    assert device.works()
    assert other.works()

    answer = device.client.post("user/logout-all")

    assert (answer.status, answer.data) == (200, {})
    assert {one["max-age"] for one in answer.response.cookies.values()} == {0}
    for one in (device, other):
        assert not one.works()
        assert not one.can_refresh()
    assert stranger.works()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", SESSIONS), ("DELETE", f"{SESSIONS}/{UUID(int=1)}"), ("POST", "user/logout-all")],
)
def test_signed_out_people_have_no_sessions(api: Client, method: str, path: str) -> None:
    assert api.request(method, path).code == "not_authenticated"


def test_a_twenty_first_device_signs_out_the_one_that_was_used_longest_ago(user: User) -> None:
    stranger = log_in(UserFactory.create())
    devices = [log_in(user) for _ in range(20)]
    # The first of all is in use again, which leaves the second as the oldest.
    devices[0] = Device(
        devices[0].client, devices[0].access, refresh_with(devices[0].refresh).data["refreshToken"]
    )
    assert devices[1].works()

    devices.append(log_in(user))

    assert user.sessions.live().count() == 20
    assert [devices.index(one) for one in devices if not one.works()] == [1]
    assert not devices[1].can_refresh()
    assert stranger.works()


def test_sessions_that_ended_take_no_room(user: User) -> None:
    first = log_in(user)
    for _ in range(25):
        log_in(user).client.post("user/logout")

    assert first.works()


def test_however_often_it_is_refreshed_a_session_ends_after_thirty_days(device: Device) -> None:
    now = timezone.now()
    RefreshSession.objects.update(created_at=now - timedelta(days=29, hours=23, minutes=50))

    answer = refresh_with(device.refresh)

    session = device.session
    assert session.expires_at == session.created_at + timedelta(days=30)
    access, refresh = claims(answer.data["accessToken"]), claims(answer.data["refreshToken"])
    assert refresh["exp"] == int(session.expires_at.timestamp())
    assert 0 < session.expires_at.timestamp() - access["exp"] < 2
    lives = {cookie["max-age"] for cookie in answer.response.cookies.values()}
    assert len(lives) == 1
    assert 590 < lives.pop() <= 600

    RefreshSession.objects.update(created_at=now - timedelta(days=30, seconds=1), expires_at=now)
    assert refresh_with(answer.data["refreshToken"]).status == 401


def test_a_session_from_before_the_limit_is_over_too(device: Device) -> None:
    RefreshSession.objects.update(created_at=timezone.now() - timedelta(days=60))

    answer = refresh_with(device.refresh)

    assert (answer.status, answer.code) == (401, "token_invalid")


def test_until_then_each_refresh_gives_another_week(device: Device) -> None:
    RefreshSession.objects.update(created_at=timezone.now() - timedelta(days=20))

    answer = refresh_with(device.refresh)

    session = device.session
    assert session.expires_at - session.used_at == timedelta(days=7)
    assert answer.response.cookies["refreshToken"]["max-age"] == 7 * 24 * 3600
    assert with_cookie("refreshToken", answer.data["refreshToken"]).get("videos").status == 200

"""What is remembered of a caller, and what happens to it when a session ends."""

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import ConnectionError as CacheGone
from redis.exceptions import OutOfMemoryError, ResponseError
from redis.exceptions import TimeoutError as CacheHangs

from users import principals
from users.models import RefreshSession, User
from users.services.sessions import revoke_sessions
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import Device, log_in
from viztube.api import caching
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(user: User) -> Device:
    """Return a device that is signed in."""
    return log_in(user)


def stored(device: Device) -> tuple[bytes | None, int]:
    """Return what the cache server holds for a session, as it is, and its seconds to live."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    key = cache.make_key(f"principal:1:{device.session.pk}")
    with client:
        return client.get(key), client.ttl(key)  # type: ignore[return-value]


def knows_caller(device: Device) -> int:
    """Make a call that needs nothing but its caller; return the number of queries it took."""
    with captured_queries() as queries:
        Client(device.access).get("videos")
    return len([one for one in queries if "users_refreshsession" in one])


def test_only_ids_and_a_flag_are_kept_and_for_a_minute(device: Device, user: User) -> None:
    device.works()

    value, seconds = stored(device)
    assert value == f'["{user.pk}",false]'.encode()
    assert 0 < seconds <= 60


def test_who_is_remembered_costs_no_query(device: Device) -> None:
    assert knows_caller(device) == 1
    assert knows_caller(device) == 0


def test_what_a_remembered_caller_may_see_is_the_same(user: User) -> None:
    for person in (user, UserFactory.create(is_staff=True)):
        device = log_in(person)
        first, second = (
            principals.caller(user_id=person.pk, session_id=device.session.pk) for _ in range(2)
        )
        assert first is not None
        assert second is not None
        assert (first.pk, first.is_staff) == (second.pk, second.is_staff)
        assert first.get_deferred_fields() == second.get_deferred_fields()
        assert first == second == person


def test_a_token_of_another_person_does_not_profit(device: Device) -> None:
    device.works()

    other = UserFactory.create()
    assert principals.caller(user_id=other.pk, session_id=device.session.pk) is None


def test_a_session_that_ended_leaves_a_tombstone(device: Device) -> None:
    device.works()

    device.client.post("user/logout")

    value, seconds = stored(device)
    assert value == b"0"
    # As long as an access token could live, and more.
    assert seconds > 15 * 60 + 50
    assert knows_caller(device) == 0


@pytest.mark.django_db(transaction=True)
def test_a_request_that_looked_before_the_end_cannot_bring_it_back(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = log_in(user)
    remember = principals._remember

    def end_then_remember(key: str, person: User) -> None:
        revoke_sessions(user=user)
        remember(key, person)

    monkeypatch.setattr(principals, "_remember", end_then_remember)

    # The request itself looked when the session still was.
    assert device.works()
    monkeypatch.undo()
    assert not device.works()


@pytest.mark.django_db(transaction=True)
def test_a_revocation_that_is_rolled_back_ends_nothing(user: User) -> None:
    device = log_in(user)
    device.works()

    def fail() -> None:
        with transaction.atomic():
            revoke_sessions(user=user)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert device.works()


FAILS = [CacheGone("refused"), CacheHangs("hangs"), ResponseError("OOM"), OSError("reset")]


def broken(error: Exception) -> Callable[..., Any]:
    """Return a call to the cache that fails."""
    return Mock(side_effect=error)


@pytest.mark.parametrize("error", FAILS, ids=repr)
def test_without_the_cache_the_database_is_asked(
    device: Device, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for name in ("get", "get_many", "add", "set_many"):
        monkeypatch.setattr(cache._cache, name, broken(error), raising=False)  # type: ignore[attr-defined]
    monkeypatch.setattr(caching.Commands, "ask", lambda *_: None)

    assert device.works()
    assert knows_caller(device) == 1
    # A cache that did not answer is not asked again by the same request.
    assert cache._cache.add.call_count == 0  # type: ignore[attr-defined]
    assert device.client.post("user/logout").status == 200
    assert not device.works()
    assert not device.can_refresh()


def test_a_cache_that_can_only_be_read_is_no_hindrance(
    device: Device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("add", "set_many", "delete_many"):
        error = ResponseError("READONLY")
        monkeypatch.setattr(cache._cache, name, broken(error), raising=False)  # type: ignore[attr-defined]

    assert device.works()
    assert device.client.post("user/logout").status == 200
    assert not device.works()
    assert "up to 60 s" in caplog.text


def test_a_full_cache_lets_go_of_who_has_signed_out(
    device: Device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    device.works()
    full = broken(OutOfMemoryError("OOM"))
    monkeypatch.setattr(cache._cache, "set_many", full, raising=False)  # type: ignore[attr-defined]

    assert device.client.post("user/logout").status == 200

    assert stored(device)[0] is None
    assert not device.works()
    assert "up to 60 s" not in caplog.text


def test_an_end_is_told_to_a_cache_that_failed_a_moment_ago(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.works()
    # Nothing else of this process asks it for now; another's request might, and find the entry.
    monkeypatch.setattr(caching, "PAUSE_SECONDS", 60)
    caching._server.has_failed(CacheHangs())

    assert device.client.post("user/logout").status == 200

    assert caching._server.is_open
    assert stored(device)[0] == b"0"


def test_what_is_changed_past_our_services_counts_when_the_minute_is_over(device: Device) -> None:
    device.works()
    session = device.session
    RefreshSession.objects.all().delete()

    assert knows_caller(device) == 0
    cache.delete(f"principal:1:{session.pk}")
    assert not device.works()

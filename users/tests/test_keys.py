"""Tokens while the keys that sign them are replaced."""

import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from django.utils import timezone

from users.keys import key_id
from users.models import User
from users.tests.signing_in import HOUR, claims, expired, forged, log_in, refresh_with, who_am_i
from users.tests.test_refresh_again import seconds_pass
from users.tokens import session_of
from viztube.api.tests.fixtures import Answer

pytestmark = pytest.mark.django_db

K1, K2, K3, K4 = (f"key-number-{number}-" + "qwertzuiopasdfgh" * 2 for number in range(1, 5))


@pytest.fixture(autouse=True)
def first(settings: Any) -> None:
    """Sign with the first key, as it is before any rotation."""
    use(settings, K1, K2)


def use(settings: Any, *keys: str) -> None:
    """Let these be the keys, as a process has them that was started now."""
    settings.JWT_SIGNING_KEY, settings.JWT_VERIFYING_KEYS = keys[0], keys


def ask(token: str) -> Answer:
    return who_am_i(Authorization=f"Bearer {token}")


def named(token: str, *, key: str, kid: Any) -> str:
    """Return the token signed by one key and with any name of a key, allowed or not."""
    head = json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode()
    payload = token.split(".")[1]
    signed = f"{urlsafe_b64encode(head).decode().rstrip('=')}.{payload}"
    signature = hmac.digest(key.encode(), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_a_token_names_the_key_that_signed_it_and_is_nobodys_else(user: User) -> None:
    device = log_in(user)

    for token in (device.access, device.refresh):
        assert jwt.get_unverified_header(token)["kid"] == key_id(K1)
        jwt.decode(token, K1, algorithms=["HS256"], audience="viztube-api")
    assert key_id(K1) != key_id(K2)
    assert K1 not in device.access


def test_nobody_is_signed_out_over_two_rotations(user: User, settings: Any) -> None:
    before = log_in(user)
    idle = log_in(user)

    use(settings, K2, K3, K1)

    assert before.works()
    between = log_in(user)
    before.refresh = refresh_with(before.refresh).data["refreshToken"]
    assert jwt.get_unverified_header(before.refresh)["kid"] == key_id(K2)
    assert idle.can_refresh()

    use(settings, K3, K4, K2)

    assert between.works()
    assert between.can_refresh()
    assert before.can_refresh()


def test_a_process_that_was_not_restarted_yet_takes_tokens_of_the_next_key(
    user: User, settings: Any
) -> None:
    use(settings, K2, K3, K1)
    device = log_in(user)

    use(settings, K1, K2)

    assert device.works()
    assert device.can_refresh()


def test_tokens_of_a_key_that_was_dropped_are_nobodys(user: User, settings: Any) -> None:
    device = log_in(user)
    without_name = forged(device.access)

    use(settings, K3, K4, K2)

    for answer in (ask(device.access), ask(without_name), refresh_with(device.refresh)):
        assert (answer.status, answer.code) == (401, "token_invalid")
    assert session_of(device.access) is None
    # Which is no reuse: the session is not ended for it.
    assert device.session.revoked_at is None


def test_a_token_that_was_verified_before_is_nobodys_once_its_key_is_dropped(
    user: User, settings: Any
) -> None:
    device = log_in(user)
    without_name = forged(device.access)
    for token in (device.access, without_name):
        assert ask(token).status == 200

    use(settings, K2, K3, K1)
    for token in (device.access, without_name):
        assert ask(token).status == 200

    use(settings, K3, K4, K2)
    for token in (device.access, without_name):
        assert (ask(token).status, ask(token).code) == (401, "token_invalid")


@pytest.mark.parametrize("key", [K1, K2])
def test_a_token_without_the_name_of_a_key_is_tried_with_all(user: User, key: str) -> None:
    device = log_in(user)
    token = forged(device.access, key=key)

    assert "kid" not in jwt.get_unverified_header(token)
    assert ask(token).status == 200
    assert ask(expired(device.access)).code == "token_expired"
    assert ask(forged(device.access, key=K3)).code == "token_invalid"


def test_a_token_may_name_its_key_by_hand(user: User) -> None:
    # So that the next test fails for what it says.
    assert ask(named(log_in(user).access, key=K1, kid=key_id(K1))).status == 200


@pytest.mark.parametrize(
    "kid", [key_id(K2), key_id(K3), "", "unknown", "../" * 9, K1, 7, ["x"], {}, True]
)
def test_a_token_that_names_another_key_is_nobodys(user: User, kid: Any) -> None:
    device = log_in(user)
    token = named(device.access, key=K1, kid=kid)

    answer = ask(token)

    assert (answer.status, answer.code) == (401, "token_invalid")
    assert session_of(token) is None


@pytest.mark.parametrize("kid", [None, key_id(K1)])
def test_a_token_without_a_signature_is_nobodys_whatever_key_it_names(
    user: User, kid: str | None
) -> None:
    device = log_in(user)
    headers = {} if kid is None else {"kid": kid}
    token = jwt.encode(claims(device.access), None, algorithm="none", headers=headers)

    assert ask(token).code == "token_invalid"
    assert session_of(token) is None


@pytest.mark.parametrize("keys", [(K1, K2), (K2, K3, K1)])
def test_an_expired_token_is_told_as_such_whichever_key_signed_it(
    user: User, settings: Any, keys: tuple[str, ...]
) -> None:
    device = log_in(user)
    payload = {**claims(device.access), "exp": timezone.now() - HOUR}
    token = jwt.encode(payload, K1, algorithm="HS256", headers={"kid": key_id(K1)})

    use(settings, *keys)

    assert ask(token).code == "token_expired"
    assert session_of(token) == device.session.pk


@pytest.mark.parametrize(("made_with", "repeated_with"), [(1, 2), (2, 1)])
def test_an_exchange_may_be_repeated_across_a_rotation(
    user: User, settings: Any, made_with: int, repeated_with: int
) -> None:
    processes = {1: (K1, K2), 2: (K2, K3, K1)}
    device = log_in(user)
    use(settings, *processes[made_with])
    made = refresh_with(device.refresh).data["refreshToken"]

    use(settings, *processes[repeated_with])
    again = refresh_with(device.refresh).data["refreshToken"]

    # The same token, though each is signed by the key of its process.
    assert claims(again) == claims(made)
    assert device.session.revoked_at is None
    # Whichever of the two is used, the other is its repetition.
    use(settings, *processes[made_with])
    assert refresh_with(made).status == 200
    use(settings, *processes[repeated_with])
    assert refresh_with(again).status == 200
    assert device.session.revoked_at is None


def test_a_used_token_that_comes_late_is_a_reuse_across_a_rotation_too(
    user: User, settings: Any
) -> None:
    device = log_in(user)
    refresh_with(device.refresh)
    use(settings, K2, K3, K1)
    seconds_pass(11)

    assert refresh_with(device.refresh).status == 401
    assert device.session.revoked_at is not None


def test_signing_out_works_with_a_token_of_the_key_before(user: User, settings: Any) -> None:
    device = log_in(user)
    use(settings, K2, K3, K1)

    assert device.client.post("user/logout").status == 200

    assert device.session.revoked_at is not None

"""What the tables refuse, and what rows say of themselves."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from users.hashers import SmallArgon2PasswordHasher
from users.models import RefreshSession, User
from users.querysets import in_good_standing
from users.services.sessions import KEEP_ENDED, revoke_sessions
from users.tasks import prune_sessions
from users.tests.factories import PASSWORD, UserFactory
from users.tests.signing_in import log_in

pytestmark = pytest.mark.django_db


def session(user: User, **values: Any) -> RefreshSession:
    """Store a session of a person."""
    now = timezone.now()
    defaults = {"digest": "0" * 64, "used_at": now, "expires_at": now + timedelta(days=7)}
    stored: RefreshSession = RefreshSession.objects.create(user=user, **{**defaults, **values})
    return stored


def refused(constraint: str, write: Callable[[], Any]) -> None:
    """Require a named constraint to refuse a write."""
    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        write()


@pytest.mark.parametrize("column", ["username", "email"])
def test_two_people_cannot_have_one_name(user: User, column: str) -> None:
    refused(
        f"users_user_{column}_unique",
        lambda: UserFactory.create(**{column: getattr(user, column)}),
    )


@pytest.mark.parametrize("value", ["Upper", "É", ""])
@pytest.mark.parametrize("column", ["username", "email"])
def test_names_are_lower_case_and_not_empty(user: User, column: str, value: str) -> None:
    refused(f"users_user_{column}_lower", lambda: User.objects.update(**{column: value}))


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 63 + "G", "A" * 64, "0" * 63 + "\n"])
def test_a_session_keeps_a_digest_and_nothing_else(user: User, digest: str) -> None:
    refused("users_refreshsession_digest_sha256", lambda: session(user, digest=digest))


@pytest.mark.parametrize("age", [timedelta(), timedelta(days=1)])
def test_a_session_ends_after_it_began(user: User, age: timedelta) -> None:
    stored = session(user)

    refused(
        "users_refreshsession_expires_later",
        lambda: RefreshSession.objects.update(expires_at=stored.created_at - age),
    )


def test_a_session_goes_with_its_person(user: User) -> None:
    session(user)

    user.delete()

    assert not RefreshSession.objects.exists()


def test_rows_have_a_text(user: User) -> None:
    assert str(user) == user.username
    stored = session(user, device="A phone")
    assert str(stored) == f"A phone ({stored.created_at:%Y-%m-%d})"
    assert str(session(user)).startswith("unknown device (")


MOMENT = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("values", "good"),
    [
        ({}, True),
        ({"is_active": False}, False),
        ({"suspended_until": timezone.now() + timedelta(hours=1)}, False),
        ({"suspended_until": timezone.now() - MOMENT}, True),
        ({"suspended_until": timezone.now() - MOMENT, "is_active": False}, False),
    ],
)
def test_one_rule_says_who_may_sign_in_in_rows_and_queries(
    values: dict[str, Any], good: bool
) -> None:
    user = UserFactory.create(**values)
    session(user)

    assert user.may_sign_in is good
    assert User.objects.filter(in_good_standing()).exists() is good
    assert RefreshSession.objects.filter(in_good_standing("user__")).exists() is good


def test_a_session_lives_until_it_is_revoked_or_over(user: User) -> None:
    now = timezone.now()
    live = session(user)
    session(user, revoked_at=now)
    session(user)
    over = session(user)
    RefreshSession.objects.filter(pk=over.pk).update(
        created_at=now - timedelta(days=9), expires_at=now - MOMENT
    )
    RefreshSession.objects.filter(revoked_at=None).exclude(pk__in=[live.pk, over.pk]).update(
        created_at=now - timedelta(days=9), expires_at=now - MOMENT, revoked_at=now
    )

    assert [one for one in RefreshSession.objects.all() if one.is_live] == [live]


def test_all_or_all_but_one_session_can_be_revoked(user: User) -> None:
    sessions = [session(user) for _ in range(3)]
    stranger = session(UserFactory.create())

    assert revoke_sessions(user=user, keep=sessions[1].pk) == 2
    assert list(user.sessions.filter(revoked_at=None)) == [sessions[1]]
    assert revoke_sessions(user=user) == 1
    assert revoke_sessions(user=user) == 0
    stranger.refresh_from_db()
    assert stranger.is_live


def test_passwords_are_hashed_with_the_parameters_of_a_small_machine(user: User) -> None:
    # OWASP Password Storage Cheat Sheet: Argon2id, 19 MiB, two passes, one lane.
    assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_hash_with_other_parameters_is_renewed_at_login(user: User) -> None:
    hasher = SmallArgon2PasswordHasher()
    hasher.time_cost = 1
    User.objects.update(password=hasher.encode(PASSWORD, "somesaltsomesalt"))
    assert ",t=1," in User.objects.get().password

    device = log_in(user)

    assert ",t=2," in User.objects.get().password
    assert device.works()


def test_accounts_made_by_code_are_stored_in_lower_case() -> None:
    user = User.objects.create_user("Some.One", "Some@One.Example", PASSWORD)

    assert (user.username, user.email, user.fullname) == (
        "some.one",
        "some@one.example",
        "Some.One",
    )
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert log_in(user).works()


def test_an_account_without_a_password_cannot_sign_in() -> None:
    assert not User.objects.create_user("someone", "some@one.example").has_usable_password()


def test_a_superuser_can_be_made_at_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

    call_command(
        "createsuperuser",
        interactive=False,
        username="Admin",
        email="Admin@Example.COM",
        fullname="The Admin",
        verbosity=0,
    )

    user = User.objects.get()
    assert (user.username, user.email, user.fullname) == ("admin", "admin@example.com", "The Admin")
    assert user.is_staff
    assert user.is_superuser
    assert user.check_password(PASSWORD)


def test_sessions_that_ended_long_ago_are_pruned(user: User) -> None:
    now = timezone.now()
    long_ago, lately = now - KEEP_ENDED - MOMENT, now - KEEP_ENDED + timedelta(minutes=1)
    kept = [
        session(user),
        session(user, revoked_at=lately),
        session(user),
    ]
    session(user, revoked_at=long_ago)
    gone = session(user)
    began = long_ago - timedelta(days=7)
    RefreshSession.objects.filter(pk=gone.pk).update(created_at=began, expires_at=long_ago)
    RefreshSession.objects.filter(pk=kept[2].pk).update(created_at=began, expires_at=lately)

    prune_sessions(timestamp=0)

    assert set(RefreshSession.objects.all()) == set(kept)
    prune_sessions(timestamp=0)
    assert RefreshSession.objects.count() == 3

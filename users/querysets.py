"""Reads of people and sessions, one method a need."""

from typing import Any, Self
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


def in_good_standing(prefix: str = "") -> Q:
    """Return the condition that a person is active and not suspended.

    ``prefix`` leads to the person from another model, like ``user__``: what is theirs is hidden
    while it does not hold.
    """
    return Q(**{f"{prefix}is_active": True}) & (
        Q(**{f"{prefix}suspended_until": None}) | Q(**{f"{prefix}suspended_until__lte": Now()})
    )


def seen_by(viewer: models.Model | AnonymousUser, public: Q, owner: str = "user") -> Q:
    """Return the condition under which a person may see a thing.

    ``public`` is when everyone may; besides, everyone sees what is their own, and staff see
    everything. ``owner`` leads from the thing to whose it is.
    """
    if isinstance(viewer, AnonymousUser):
        return public
    # An empty condition holds for every row.
    return Q() if getattr(viewer, "is_staff", False) else public | Q(**{owner: viewer.pk})


class UserQuerySet(models.QuerySet[Any]):
    """Reads of people."""

    def channels(self) -> Self:
        """Return those whose channel everyone may see."""
        return self.filter(in_good_standing())

    def hidden(self) -> Self:
        """Return all others: of what they made, nothing is shown."""
        return self.filter(~in_good_standing())

    def visible_to(self, user: models.Model | AnonymousUser) -> Self:
        """Return those whose channel this person may see."""
        return self.filter(seen_by(user, in_good_standing(), "pk"))

    def locked(self) -> Self:
        """Lock the rows for a change that leaves their keys alone.

        Rows that refer to a person can be added meanwhile: whoever has locked a session and adds to
        the audit trail must not wait for who has locked the person and wants the session.
        """
        return self.select_for_update(of=("self",), no_key=True)

    def signed_in(self, *, user_id: UUID, session_id: UUID) -> Self:
        """Return who an access token speaks for, as long as its session is not revoked."""
        return self.filter(
            in_good_standing(),
            pk=user_id,
            sessions__pk=session_id,
            sessions__revoked_at=None,
        )


class RefreshSessionQuerySet(models.QuerySet[Any]):
    """Reads of sessions."""

    def live(self) -> Self:
        """Return those that can still be refreshed."""
        return self.filter(revoked_at=None, expires_at__gt=Now())

    def latest_first(self) -> Self:
        """Return them with the one that was used last in front."""
        return self.order_by("-used_at", "-pk")


class UserManager(BaseUserManager[Any].from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Makes accounts; names and addresses are stored in lower case."""

    def create_user(
        self, username: str, email: str, password: str | None = None, **fields: Any
    ) -> Any:
        """Create and return a person; raises IntegrityError when name or address is taken."""
        fields.setdefault("fullname", username)
        user = self.model(username=username.lower(), email=email.lower(), **fields)
        user.password = make_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, username: str, email: str, password: str | None = None, **fields: Any
    ) -> Any:
        """Create and return a person who may do everything in admin."""
        return self.create_user(
            username, email, password, **{**fields, "is_staff": True, "is_superuser": True}
        )

    def get_by_natural_key(self, username: str | None) -> Any:
        """Return who signs in to admin, whatever the case of the name typed."""
        return self.get(username=(username or "").lower())

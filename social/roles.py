"""The ranks of staff: nobody decides about themselves or a higher one."""

from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db.models import Q

from users.models import User

DECIDE_CONTENT = "social.decide_content"
DECIDE_PEOPLE = "social.decide_people"
ADMINISTER = "social.administer"


class Role(IntEnum):
    """A rank. What makes one are permissions, so that renaming a group changes nobody's."""

    PERSON = 0
    MODERATOR = 1
    SENIOR = 2
    ADMINISTRATOR = 3
    SUPERUSER = 4
    OPERATOR = 5

    @property
    def label(self) -> str:
        """Return its name as people read it."""
        return self.name.lower()


_ROLES = {
    "decide_content": Role.MODERATOR,
    "decide_people": Role.SENIOR,
    "administer": Role.ADMINISTRATOR,
}


def role_of(user: User) -> Role:
    """Return a person's rank, whether they may sign in or not."""
    if user.is_superuser:
        return Role.SUPERUSER
    # Not user.has_perm, which says no of everyone who was banned.
    held = Permission.objects.filter(content_type__app_label="social", codename__in=_ROLES)
    held = held.filter(Q(user=user) | Q(group__user=user))
    return max(
        (_ROLES[name] for name in held.values_list("codename", flat=True)), default=Role.PERSON
    )


@dataclass(frozen=True)
class Actor:
    """Who decides: a member of staff, or whoever operates the machine."""

    id: UUID | None
    label: str
    role: Role
    permissions: frozenset[str]

    def has_perm(self, permission: str) -> bool:
        """Tell whether they may, by their role."""
        return self.role == Role.OPERATOR or permission in self.permissions


def staff(user: User) -> Actor:
    """Return a member of staff as an actor; one who may not sign in may nothing."""
    # Django knows who was banned, but not who is suspended.
    permissions = frozenset(user.get_all_permissions() if user.may_sign_in else ())
    held = (role for name, role in _ROLES.items() if f"social.{name}" in permissions)
    role = max(held, default=Role.PERSON)
    if user.is_superuser and user.may_sign_in:
        role = Role.SUPERUSER
    return Actor(user.pk, user.username, role, permissions)


def operator(name: str) -> Actor:
    """Return who runs a command on the machine, by the name of their account there."""
    return Actor(None, f"operator {name}"[:300], Role.OPERATOR, frozenset())

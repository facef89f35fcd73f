"""Makes members of staff of each role."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group

from social.roles import Role
from users.models import User
from users.tests.factories import UserFactory

GROUPS = {
    Role.MODERATOR: "Moderators",
    Role.SENIOR: "Senior moderators",
    Role.ADMINISTRATOR: "Administrators",
}


def member(role: Role, **fields: Any) -> User:
    """Return somebody of a role, who can sign in to admin if that is one of staff."""
    if role == Role.OPERATOR:
        raise ValueError("Operators have no account.")
    superuser = role == Role.SUPERUSER
    made = UserFactory.create(is_staff=role > Role.PERSON, is_superuser=superuser, **fields)
    if role in GROUPS:
        _need_groups()
        made.groups.add(Group.objects.get(name=GROUPS[role]))
    return made


def _need_groups() -> None:
    """Make the groups again: the end of a test that commits takes away what migrations added."""
    if Group.objects.filter(name__in=GROUPS.values()).count() < len(GROUPS):
        import_module("social.migrations.0008_roles").make_roles(apps, None)

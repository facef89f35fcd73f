"""Who may decide what about whose: every role, decision, kind of thing and owner.

What is expected is written out here, so that no table of the code can agree with itself.
"""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils import timezone

from social.decisions import DECISIONS as KNOWN
from social.models import (
    Case,
    Comment,
    DecisionName,
    ModerationAction,
    Report,
    TargetType,
    Tweet,
)
from social.roles import Actor, Role, operator, role_of, staff
from social.services.moderation import Refused
from social.tests.deciding import MAKE, decided
from social.tests.factories import ReportFactory
from social.tests.roles import member
from users.models import RefreshSession, User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.hidden import suspended

pytestmark = pytest.mark.django_db

ROLES = ("person", "moderator", "senior", "administrator", "superuser", "operator")
# What each role decides about.
MAY: dict[str, set[str]] = {
    "person": set(),
    "moderator": {"video", "comment", "tweet"},
    "senior": {"video", "comment", "tweet", "channel"},
    "administrator": {"video", "comment", "tweet", "channel"},
    "superuser": {"video", "comment", "tweet", "channel"},
    "operator": {"video", "comment", "tweet", "channel"},
}
ABOUT = {
    "video": {"dismiss", "take_down", "restore"},
    "comment": {"dismiss", "remove", "restore"},
    "tweet": {"dismiss", "remove", "restore"},
    "channel": {"dismiss", "suspend", "ban", "lift"},
}
DECISIONS = ("dismiss", "take_down", "remove", "restore", "suspend", "ban", "lift")
OWNERS = ("person", "oneself", "equal", "higher")
# What follows a decision: the field of the thing that it changes, and whether that is set then.
CHANGES = {
    "take_down": ("removed_at", True),
    "remove": ("removed_at", True),
    "restore": ("removed_at", False),
    "suspend": ("suspended_until", True),
    "ban": ("is_active", False),
    "lift": ("suspended_until", False),
}
CLOSED_AS = {
    "dismiss": "dismissed",
    **dict.fromkeys(("take_down", "remove", "suspend", "ban"), "upheld"),
    **dict.fromkeys(("restore", "lift"), ""),
}


def owners_for(role: str) -> list[str]:
    """Return the owners there can be: operators have no account, and nobody is above superusers."""
    lacking = {"operator": {"oneself", "equal", "higher"}, "superuser": {"higher"}}
    return [owner for owner in OWNERS if owner not in lacking.get(role, set())]


def matrix() -> list[tuple[str, str, str]]:
    return [(role, kind, owner) for role in ROLES for kind in ABOUT for owner in owners_for(role)]


def state() -> list[Any]:
    """Return everything a decision could change."""
    tables = (User, RefreshSession, Video, Comment, Tweet, Case, Report, ModerationAction)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


def prepared(decision: str, kind: str, owner: User) -> Any:
    """Return a reported thing about which the decision can be taken."""
    target = MAKE[TargetType(kind)](user=owner)
    ReportFactory.create(**{kind: target})
    if decision == "restore" and kind != "channel":
        if kind == "video":
            target.folder = target.stored_folder = f"h/{target.folder.partition('/')[2]}"
        target.removed_at = timezone.now()
        target.save()
    if decision == "lift":
        User.objects.filter(pk=owner.pk).update(**suspended())
    return target


def somebody(role: str) -> User:
    return member(Role[role.upper()], password=None)


def person_who_is(owner: str, role: str, person: User | None) -> User:
    """Return whose the thing is."""
    if owner == "oneself":
        assert person is not None
        return person
    if owner == "person":
        return UserFactory.create(password=None)
    return somebody(role if owner == "equal" else ROLES[ROLES.index(role) + 1])


@pytest.mark.parametrize(("role", "kind", "owner"), matrix())
def test_decisions(role: str, kind: str, owner: str) -> None:
    person = None if role == "operator" else somebody(role)
    owning = person_who_is(owner, role, person)
    actor = operator("root") if person is None else staff(User.objects.get(pk=person.pk))
    for decision in DECISIONS:
        # Each from the same beginning.
        with transaction.atomic():
            target = prepared(decision, kind, owning)
            if kind in MAY[role] and decision in ABOUT[kind] and owner in {"person", "equal"}:
                check_allowed(target, decision, kind, role, actor)
            else:
                check_refused(target, decision, actor)
            transaction.set_rollback(True)


def check_refused(target: Any, decision: str, actor: Actor) -> None:
    before = state()
    with pytest.raises(Refused):
        decided(target, DecisionName(decision), by=actor)
    assert state() == before, decision


def check_allowed(target: Any, decision: str, kind: str, role: str, actor: Actor) -> None:
    line = decided(target, DecisionName(decision), by=actor)

    target.refresh_from_db()
    if decision in CHANGES:
        field, there = CHANGES[decision]
        assert bool(getattr(target, field)) is there
    case = Case.objects.get()
    assert (case.outcome, case.is_open) == (CLOSED_AS[decision], not CLOSED_AS[decision])
    assert ModerationAction.objects.get() == line
    assert (line.decision, line.actor_role, line.actor_id) == (decision, role, actor.id)
    assert line.actor_label == actor.label
    assert (line.target_type, line.target_id, line.case_id) == (kind, target.pk, case.pk)
    owner = target if kind == "channel" else target.user
    assert (line.owner_id, line.owner_label) == (owner.pk, owner.username)
    assert (line.until is not None) == (decision == "suspend")


def test_every_decision_is_in_the_matrix() -> None:
    assert set(DECISIONS) == set(DecisionName.values) - {"purge"}
    assert set(ABOUT) == set(TargetType.values)
    assert {role.lower() for role in Role.__members__} == set(ROLES)


def test_a_purge_is_no_decision_of_the_desk() -> None:
    assert DecisionName.PURGE not in KNOWN


@pytest.mark.parametrize("higher", ["moderator", "senior", "administrator", "superuser"])
def test_operators_decide_about_everyone(higher: str) -> None:
    decided(somebody(higher), DecisionName.BAN, by=operator("root"))

    assert not User.objects.get().is_active


@pytest.mark.parametrize("role", ["moderator", "senior", "administrator", "superuser"])
@pytest.mark.parametrize("away", ["banned", "suspended"])
def test_who_may_not_sign_in_decides_nothing_and_keeps_the_rank(role: str, away: str) -> None:
    person = somebody(role)
    fields = {"is_active": False} if away == "banned" else suspended()
    User.objects.filter(pk=person.pk).update(**fields)
    person = User.objects.get(pk=person.pk)
    target = prepared("dismiss", "tweet", UserFactory.create(password=None))

    for name in (DecisionName.DISMISS, DecisionName.REMOVE):
        with pytest.raises(Refused, match="role does not allow"):
            decided(target, name, by=staff(person))
    assert role_of(person).name.lower() == role
    lower = ROLES[ROLES.index(role) - 1]
    with pytest.raises(Refused):
        decided(person, DecisionName.LIFT, by=staff(somebody(lower)))


def test_what_makes_a_role_are_permissions_and_no_names() -> None:
    person = UserFactory.create(is_staff=True, password=None)
    assert role_of(person) == Role.PERSON
    Group.objects.get_or_create(name="Administrators")[0].permissions.clear()
    person.groups.add(Group.objects.get(name="Administrators"))
    assert role_of(person) == Role.PERSON

    person.user_permissions.add(Permission.objects.get(codename="decide_content"))
    assert role_of(person) == Role.MODERATOR
    other = Group.objects.create(name="Whatever")
    other.permissions.add(Permission.objects.get(codename="administer"))
    person.groups.add(other)
    assert role_of(person) == Role.ADMINISTRATOR
    # The rank alone lets nobody decide.
    tweet = prepared("remove", "tweet", UserFactory.create(password=None))
    assert decided(tweet, DecisionName.REMOVE, by=staff(person)).actor_role == "administrator"
    with pytest.raises(Refused, match="role does not allow"):
        decided(tweet.user, DecisionName.BAN, by=staff(person))


def test_the_groups_may_do_little() -> None:
    import_module("social.migrations.0008_roles").make_roles(apps, None)
    held = {
        group.name: set(group.permissions.values_list("codename", flat=True))
        for group in Group.objects.all()
    }
    beyond_seeing = {
        name: {one for one in codes if not one.startswith("view_")} for name, codes in held.items()
    }

    senior = {"decide_content", "decide_people", "change_refreshsession"}
    changing = {"add_user", "change_user", "change_video", "change_procrastinatejob"}
    assert beyond_seeing == {
        "Moderators": {"decide_content"},
        "Senior moderators": senior,
        "Administrators": senior | changing | {"administer"},
    }
    # Who signs in from where is for those alone who decide about people.
    assert not held["Moderators"] & {"view_refreshsession", "view_securityevent"}
    assert held["Moderators"] < held["Senior moderators"] < held["Administrators"]


def test_making_the_groups_again_keeps_what_was_added_and_who_is_in_them() -> None:
    person = member(Role.MODERATOR, password=None)
    group = Group.objects.get(name="Moderators")
    more = Permission.objects.get(codename="view_like")
    group.permissions.add(more)
    group.permissions.remove(Permission.objects.get(codename="decide_content"))
    assert role_of(person) == Role.PERSON

    import_module("social.migrations.0008_roles").make_roles(apps, None)

    assert role_of(person) == Role.MODERATOR
    assert more in group.permissions.all()
    assert Group.objects.count() == 3

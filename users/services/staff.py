"""Making people staff at the machine itself."""

from collections.abc import Collection
from dataclasses import dataclass, field

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from users.models import User
from viztube.api import shared
from viztube.api.errors import Conflict


@dataclass
class Appointment:
    """An account, whether it was made just now, and what was changed in one that was there."""

    user: User
    created: bool
    changes: list[str] = field(default_factory=list)


def account_of(*, username: str, email: str) -> User | None:
    """Return the account of a name, None when name and address are both free.

    Raises Conflict when the account has another address: it is somebody else's then. Raises it also
    for one that is suspended or banned, and for a free name with an address in use.
    """
    user: User | None = User.objects.filter(username=username.lower()).first()
    if user is None:
        if User.objects.filter(email=email.lower()).exists():
            raise Conflict(f"Another account has the address {email}: name that one.")
        return None
    if user.email != email.lower():
        raise Conflict(
            f"The account {user.username} has another e-mail address, so it may be somebody "
            "else's: give its own address or another name."
        )
    _check_standing(user)
    return user


def appoint(
    *,
    username: str,
    email: str,
    superuser: bool = False,
    groups: Collection[Group] = (),
    password: str | None = None,
) -> Appointment:
    """Make an account that is active staff, or make the one that is there such; safe to repeat.

    Nothing is taken away: not what makes a superuser, nor groups. ``password`` is needed for a new
    account; for another it is set unless it is None, which ends every session. Raises Conflict,
    ValidationError (Django's, of the password), IntegrityError when somebody else took the name at
    the same moment.
    """
    with transaction.atomic():
        user = account_of(username=username, email=email)
        if user is None:
            user = User(username=username.lower(), email=email.lower(), fullname=username)
            # First, because validators compare the password with them.
            validate_password(password or "", user)
            user = User.objects.create_user(username, email, password, is_staff=True)
            appointment = Appointment(user, created=True)
        else:
            user = User.objects.locked().get(pk=user.pk)
            _check_standing(user)
            appointment = Appointment(user, created=False)
            if password is not None:
                validate_password(password, user)
                user.set_password(password)
                appointment.changes.append("new password")
        wanted = {"is_active": True, "is_staff": True}
        if superuser:
            wanted["is_superuser"] = True
        for name, value in wanted.items():
            if getattr(user, name) != value:
                setattr(user, name, value)
                appointment.changes.append(name.removeprefix("is_"))
        if appointment.changes:
            user.save()
            shared.forget_everything_on_commit()
        missing = set(groups) - set(user.groups.all())
        user.groups.add(*missing)
        appointment.changes += sorted(f"group {group.name}" for group in missing)
    return appointment


def _check_standing(user: User) -> None:
    """Raise Conflict for who is suspended or banned: only a decision undoes a decision."""
    if user.is_suspended or not (user.is_active or user.is_closed):
        state = "suspended" if user.is_suspended else "banned"
        raise Conflict(
            f"{user.username} is {state}: lift that first with `manage.py moderate lift "
            f"{user.username}`."
        )

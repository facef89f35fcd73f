"""``manage.py create_staff``: an account for who moderates or administers."""

import getpass
import json
import os
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import IntegrityError

from users.serializers import USERNAME
from users.services.staff import Appointment, account_of, appoint
from viztube.api.errors import Conflict
from viztube.environment import Environment

MADE_UP_BYTES = 18


class Command(BaseCommand):
    """Makes an account staff, whether it is there or not; safe to repeat."""

    help = (
        "Make an active account that may sign in to the admin site, or let an account that is "
        "there do so: it must have the address given. Run again, it changes nothing and says so; "
        "it takes nothing away, and leaves the password alone without --new-password. The password "
        "is read from STAFF_PASSWORD, or from the file that STAFF_PASSWORD_FILE names; else it is "
        "asked for on a terminal; else one is made up and printed, this once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("username", help="Its name: 3-30 characters of a-z, 0-9, _ . and -.")
        parser.add_argument("--email", required=True, help="Its e-mail address.")
        parser.add_argument(
            "--superuser", action="store_true", help="May do everything, and appoint others."
        )
        parser.add_argument(
            "--group",
            action="extend",
            nargs="+",
            default=[],
            metavar="NAME",
            help="Gives what a group of the admin site may do; may be repeated.",
        )
        parser.add_argument(
            "--new-password",
            action="store_true",
            help="Give an account that is there another password, which ends its sessions.",
        )
        parser.add_argument("--json", action="store_true", help="Print JSON instead of sentences.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Appoint; what is wrong is a sentence and status 1."""
        username, email = options["username"], options["email"]
        groups = _groups(options["group"])
        made_up = None
        try:
            existing = account_of(username=username, email=email)
            password = None
            if existing is None:
                _check_names(username, email)
            if existing is None or options["new_password"]:
                password = _given_password()
                if password is None:
                    password = made_up = secrets.token_urlsafe(MADE_UP_BYTES)
            done = appoint(
                username=username,
                email=email,
                superuser=options["superuser"],
                groups=groups,
                password=password,
            )
        except Conflict as error:
            raise CommandError(str(error.detail)) from error
        except ValidationError as error:
            raise CommandError(f"Choose another password: {' '.join(error.messages)}") from error
        except IntegrityError as error:
            raise CommandError(
                "Somebody took that name or address just now: run this again."
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(_document(done, made_up), indent=2))
        else:
            self.stdout.write(_sentences(done, made_up))


def _groups(names: list[str]) -> list[Group]:
    """Return groups by name; raises CommandError for one that is not there."""
    there = {group.name: group for group in Group.objects.order_by("name")}
    if missing := [name for name in names if name not in there]:
        raise CommandError(
            f"There is no group {', '.join(missing)}: make it in admin, or take one of these: "
            f"{', '.join(there) or 'none yet'}."
        )
    return [there[name] for name in names]


def _check_names(username: str, email: str) -> None:
    """Hold a new account to what sign-up asks for; raises CommandError."""
    if not USERNAME.fullmatch(username.lower()):
        raise CommandError(
            "A user name has 3-30 characters of a-z, 0-9, _ . and -: choose another."
        )
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"{email} is no e-mail address: correct --email.") from error


def _given_password() -> str | None:
    """Return the password from the environment or the terminal, None without both."""
    try:
        password = Environment(os.environ).text("STAFF_PASSWORD", "")
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
    if password:
        return password
    if not sys.stdin.isatty():
        return None
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("The same again: "):
        raise CommandError("The two passwords differ: run this again.")
    return first


def _document(done: Appointment, made_up: str | None) -> dict[str, Any]:
    document = {
        "username": done.user.username,
        "email": done.user.email,
        "created": done.created,
        "superuser": done.user.is_superuser,
        "groups": sorted(done.user.groups.values_list("name", flat=True)),
        "changes": done.changes,
    }
    return document | ({"password": made_up} if made_up else {})


def _sentences(done: Appointment, made_up: str | None) -> str:
    name = done.user.username
    if done.created:
        lines = [f"Made the account {name}, which may sign in to the admin site."]
    elif not done.changes:
        return f"Nothing to change: {name} is what you asked for."
    else:
        lines = [f"Changed the account {name}."]
    lines += [f"  now: {change}" for change in done.changes]
    if made_up:
        lines.append(f"Its password, which is not shown again: {made_up}")
    return "\n".join(lines)

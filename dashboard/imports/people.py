"""Rules for the old table of people."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from django.contrib.auth.hashers import make_password
from django.db import connection

from dashboard.imports.rows import ADDRESS_LENGTH, Draft, Kind, OldRow
from users.hashers import ImportedBcryptPasswordHasher
from users.models import User

FULLNAME_LENGTH = 100  # characters
EMAIL_LENGTH = 254  # characters
# As much of a name as leaves an index room for what is put behind it.
KEPT_OF_TAKEN_NAME = 100  # characters
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")


class People(Kind):
    """Accounts, the oldest first, so that of two with one name the older keeps it."""

    name = "User"
    model = User
    texts: ClassVar[dict[str, int | None]] = {
        "username": None,
        "email": EMAIL_LENGTH,
        "fullname": FULLNAME_LENGTH,
        "avatar": ADDRESS_LENGTH,
        "coverImage": ADDRESS_LENGTH,
    }
    others = ("password", "createdAt", "updatedAt")
    order = ("createdAt", "id")
    taken = "another person has its name and every name instead of it"
    gives_way = True

    def __init__(self) -> None:
        self._lower: dict[str, str] = {}
        self._usernames: set[str] = set()
        self._emails: set[str] = set()

    def prepare(self, rows: Sequence[OldRow]) -> None:
        """Look up which of the names that these rows may get are taken."""
        self._lower = _lower([row[name] or "" for row in rows for name in ("username", "email")])
        usernames = [name for row in rows for name in self._names(row)]
        emails = [
            email for row in rows for email in (self._address(row), _placeholder(row, "duplicate"))
        ]
        people = User.objects.all()
        self._usernames = set(
            people.filter(username__in=usernames).values_list("username", flat=True)
        )
        self._emails = set(people.filter(email__in=emails).values_list("email", flat=True))

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return an account that can sign in as before."""
        # First: a row that is refused for them takes no name from those behind it.
        times = draft.times()
        username = self._username(draft)
        return {
            "username": username,
            "email": self._email(draft),
            "fullname": self._fullname(draft, username),
            "avatar": draft.web_address("avatar"),
            "cover_image": draft.web_address("coverImage"),
            "password": self._password(draft),
            **times,
        }

    def _username(self, draft: Draft) -> str:
        wanted, *others = self._names(draft.old)
        old = draft.old["username"] or ""
        free = next(
            (name for name in (wanted, *others) if name and name not in self._usernames),
            others[-1],
        )
        self._usernames.add(free)
        if not wanted:
            draft.note("username", "username is blank", f"is now {free!r}", old)
        elif free != wanted:
            draft.note("username", f"the name {wanted!r} is taken", f"is now {free!r}")
        elif free != old:
            draft.note("username", "names are lower-case here", f"is now {free!r}")
        return free

    def _email(self, draft: Draft) -> str:
        wanted = self._address(draft.old)
        old = draft.old["email"] or ""
        if not wanted:
            reason, free = "email is blank", _placeholder(draft.old, "missing")
        elif len(wanted) > EMAIL_LENGTH:
            reason = f"email is longer than {EMAIL_LENGTH} characters"
            free, old = _placeholder(draft.old, "toolong"), partial(draft.whole, "email")
        elif wanted in self._emails:
            reason, free = f"{wanted!r} is taken", _placeholder(draft.old, "duplicate")
        else:
            reason, free = "addresses are lower-case here", wanted
        self._emails.add(free)
        if free != old:
            draft.note("email", reason, f"is now {free!r}", old)
        return free

    def _fullname(self, draft: Draft, username: str) -> str:
        fullname = draft.text("fullname", FULLNAME_LENGTH)
        if fullname.strip():
            return fullname
        draft.note("fullname", "fullname is blank", "is now the user name", fullname)
        return username[:FULLNAME_LENGTH]

    def _password(self, draft: Draft) -> str:
        old = draft.old["password"] or ""
        if _BCRYPT.fullmatch(old):
            return f"{ImportedBcryptPasswordHasher.algorithm}${old}"
        # What it is instead may be the password itself: it is not told.
        draft.note("password", "password is no bcrypt hash", "nobody can sign in with it", "")
        return make_password(None)

    def _names(self, row: OldRow) -> tuple[str, str, str]:
        """Return the name that a person should get, and those for when it is taken."""
        name = self._lower[row["username"] or ""]
        name = name if name.strip() else ""
        start = name[:KEPT_OF_TAKEN_NAME] or "user"
        return name, f"{start}-{row['id'][-8:]}", f"{start}-{row['id']}"

    def _address(self, row: OldRow) -> str:
        return self._lower[row["email"] or ""].strip()


def _lower(texts: Sequence[str]) -> dict[str, str]:
    """Return texts in lower case.

    As Python has it, so that who signs in finds them, and then as PostgreSQL has it, whose
    constraints compare with its own: the newer one of the two knows more letters.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lower(name) FROM unnest(%s::text[]) WITH ORDINALITY AS names (name, place) "
            "ORDER BY place",
            [[text.lower() for text in texts]],
        )
        return {text: lower for text, (lower,) in zip(texts, cursor.fetchall(), strict=True)}


def _placeholder(row: OldRow, reason: str) -> str:
    """Return an address that no mail reaches (RFC 2606)."""
    return f"{row['id']}@{reason}.invalid"

"""Rows on their way from the old tables into ours."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import Model

OldRow = Mapping[str, Any]

ADDRESS_LENGTH = 5000  # characters
UNTITLED = "Untitled"
_WEB_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


class Refused(Exception):
    """A row cannot be imported; the text is the reason."""


@dataclass(frozen=True)
class Note:
    """What was wrong with a row, what was done about it, and what stood there before.

    A text that was too long to be read along is a function that reads it.
    """

    reason: str
    done: str
    old: Mapping[str, Any]


def uuid_of(text: Any) -> UUID | None:
    """Return the id that a text is, None unless it is written the usual way.

    Another way would let two ids of the old database become one of ours.
    """
    try:
        found = UUID(text)
    except (TypeError, ValueError, AttributeError):
        return None
    return found if str(found) == text else None


@dataclass
class Draft:
    """One row: what the old table holds, what ours will, and what changes on the way.

    ``whole`` reads a text of the row that was too long to be read along.
    """

    old: OldRow
    here: Mapping[type[Model], set[UUID]]
    whole: Callable[[str], str]
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        """Return the row's id."""
        found = uuid_of(self.old["id"])
        assert found is not None
        return found

    def note(self, column: str, reason: str, done: str, old: Any = None) -> None:
        """Tell that something of the row does not arrive as it was."""
        value = self.old[column] if old is None else old
        self.notes.append(Note(reason, done, {column: value}))

    def refer(self, column: str, model: type[Model]) -> UUID:
        """Return the id in a column, of a row that is here; raises Refused."""
        found = self.reference(column, model)
        if found is None:
            raise Refused(f"{column} names no {model._meta.verbose_name} that is here")
        return found

    def reference(self, column: str, model: type[Model]) -> UUID | None:
        """Return the id in a column, None unless such a row is here."""
        found = uuid_of(self.old[column])
        return found if found in self.here[model] else None

    def text(self, column: str, limit: int) -> str:
        """Return a text, cut to so many characters; none is an empty one."""
        value = self.old[column] or ""
        if len(value) <= limit:
            return str(value)
        self.note(
            column,
            f"{column} is longer than {limit} characters",
            f"cut to {limit} characters",
            partial(self.whole, column),
        )
        return str(value[:limit])

    def readable(self, column: str, limit: int) -> str:
        """Return a text that is not blank, cut to so many characters; raises Refused."""
        text = self.text(column, limit)
        if not text.strip():
            raise Refused(f"{column} is blank")
        return text

    def titled(self, column: str, limit: int) -> str:
        """Return a text, cut to so many characters, or a word instead of a blank one."""
        text = self.text(column, limit)
        if text.strip():
            return text
        self.note(column, f"{column} is blank", f"is now {UNTITLED!r}", text)
        return UNTITLED

    def web_address(self, column: str) -> str:
        """Return an absolute address, "" when there is none that works.

        A path would be taken for one below our own media root.
        """
        value = str(self.old[column] or "").strip()
        if not value or is_web_address(value):
            return value
        self.note(column, f"{column} is no web address", "left empty", partial(self.whole, column))
        return ""

    def number(self, column: str) -> float:
        """Return a number from 0 up; what is none becomes 0."""
        value = self.old[column]
        # Not a number compares with nothing.
        if value is not None and 0 <= value < float("inf"):
            return value  # type: ignore[no-any-return]
        self.note(column, f"{column} is no number from 0 up", "is now 0", str(value))
        return 0

    def time(self, column: str) -> datetime:
        """Return a time; raises Refused."""
        value: datetime | None = self.old[column]
        if value is None:
            raise Refused(f"{column} is no time")
        return value

    def times(self) -> dict[str, datetime]:
        """Return when the row was made and changed; raises Refused."""
        created = self.time("createdAt")
        updated: datetime | None = self.old["updatedAt"]
        if updated is None:
            self.note("updatedAt", "updatedAt is no time", "is now createdAt", "")
        return {"created_at": created, "updated_at": updated or created}


def is_web_address(text: str) -> bool:
    """Tell whether a text is an absolute address that can be given out."""
    if len(text) > ADDRESS_LENGTH or not _WEB_ADDRESS.fullmatch(text):
        return False
    try:
        return bool(urlsplit(text).hostname)
    except ValueError:
        return False


class Kind(ABC):
    """One of the old tables, and the rules by which its rows become ours.

    ``texts`` names its columns of text and how many characters of each are kept (None: all);
    nothing longer is read but for the report. ``references`` names those with the id of a row of
    ours. Rows arrive in ``order``, ``batch`` at a time.
    """

    name: ClassVar[str]
    model: ClassVar[type[Model]]
    texts: ClassVar[dict[str, int | None]] = {}
    references: ClassVar[dict[str, type[Model]]] = {}
    others: ClassVar[tuple[str, ...]] = ()
    order: ClassVar[tuple[str, ...]] = ("id",)
    batch: ClassVar[int] = 1000
    # Why a row is refused that one of ours stands in the way of.
    taken: ClassVar[str] = "a row of ours has its place"
    # Whether such a row finds another place when it is looked at once more.
    gives_way: ClassVar[bool] = False
    # Columns of ours that such rows share, where the database has to be told.
    shared: ClassVar[tuple[str, ...]] = ()

    def prepare(self, rows: Sequence[OldRow]) -> None:  # noqa: B027 - not every table needs it
        """Look up in our database what ``convert`` needs for these rows."""

    @abstractmethod
    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return the columns of ours that get another value than the default; raises Refused."""

    def imported(self, drafts: Sequence[Draft]) -> None:  # noqa: B027
        """Write what belongs to rows that were just written."""

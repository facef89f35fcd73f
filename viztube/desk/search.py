"""What may be searched for on the desk, each by an index."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

# A trigram index knows letters and digits, three in a row.
_TRIGRAM = re.compile(r"[^\W_]{3}")


class NotSearchable(Exception):
    """No index answers this; the message says what to type instead."""


@dataclass(frozen=True)
class Search:
    """Where a list looks for what is typed.

    Conditions on several columns are joined only if all are columns of the list's own table: over
    a join, PostgreSQL would read every row.
    """

    # Columns with a trigram index.
    text: tuple[str, ...] = ()
    # The ids that find a row: its own and those of what it is about.
    ids: tuple[str, ...] = ("id",)
    # What leads to the person whose it is.
    owner: str = ""
    # The column of an IP address.
    address: str = ""

    def __call__(self, rows: QuerySet[Any], typed: str) -> QuerySet[Any]:
        """Return the rows that are meant; raises NotSearchable."""
        term = typed.replace("\x00", "").strip()
        if not term:
            return rows
        if self.owner and term.startswith("@"):
            people = get_user_model()._default_manager.filter(username=term[1:].lower())
            # As a value of its own, for which PostgreSQL knows how many rows there will be.
            person = people.values_list("pk", flat=True).first()
            return rows.filter(**{self.owner: person}) if person else rows.none()
        if self.ids and (ids := self._ids(rows, term)) is not None:
            return rows.filter(_any(dict.fromkeys(self.ids, ids)))
        if self.address and (address := _address(term)):
            return rows.filter(**{self.address: address})
        if not self.text or not _TRIGRAM.search(term):
            needed = "A text needs at least three letters or digits in a row. " if self.text else ""
            raise NotSearchable(f"{needed}{self.help}.")
        return rows.filter(_any({f"{name}__icontains": term for name in self.text}))

    @property
    def help(self) -> str:
        """Return what to type, for people."""
        kinds = [
            ", ".join(name.replace("_", " ") for name in self.text),
            "@username" if self.owner else "",
            "IP address" if self.address else "",
            " or ".join(_name_of_id(name) for name in self.ids),
        ]
        return f"Search: {'; '.join(kind for kind in kinds if kind)}"

    def _ids(self, rows: QuerySet[Any], term: str) -> UUID | int | None:
        """Return the term as an id, if it is one."""
        if rows.model._meta.pk.get_internal_type() != "UUIDField" and self.ids == ("id",):
            return int(term) if re.fullmatch(r"[0-9]{1,18}", term) else None
        try:
            return UUID(term)
        except ValueError:
            return None


def _any(conditions: dict[str, Any]) -> Q:
    found = Q()
    for lookup, value in conditions.items():
        found |= Q(**{lookup: value})
    return found


def _name_of_id(name: str) -> str:
    return "id" if name == "id" else f"{name.removesuffix('_id').replace('_', ' ')} id"


def _address(term: str) -> str | None:
    try:
        return str(ip_address(term))
    except ValueError:
        return None

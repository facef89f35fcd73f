"""What the shared cache holds of answers, and what ends it.

| Kind       | An entry                                    | Late by    | Forgotten when           |
|------------|---------------------------------------------|------------|--------------------------|
| CHANNEL    | a channel's page, by user name, as everyone | 60 seconds | its person, its videos   |
|            | sees it                                     |            | or subscriptions change  |
| STATS      | the figures of one's own channel, by person | 30 seconds | its videos, their likes  |
|            |                                             |            | or subscribers change    |
| VIDEO_LIST | one of the first pages of the list of       | 10 seconds | anything changes that it |
|            | videos or of a search, as everyone sees it  |            | shows of any video       |
| COMMENTS   | one of the first pages of what was said     | 10 seconds | those comments, their    |
|            | about a video that everyone may see         |            | likes or the video       |
|            |                                             |            | change, or any person    |
| VIDEO      | folder of a video, and what lists and page  | 10 seconds | the video, its likes or  |
|            | show, by id; whoever is shown it was asked  |            | comments change, or any  |
|            | whether they may see it                     |            | person                   |

Nothing is in an entry that depends on who asks, but for STATS, whose key is who asks. Whoever
changes something names what it was in, in the transaction of the change (``forget_on_commit``), and
reads it changed once that has committed. "Late by" is a lifetime, and the bound for what nobody
tells us about: views, a suspension that ends by the clock, rows changed past our services; and for
a change whose process dies at its commit; one that cannot reach the cache makes up for it later.

An entry names the marks it was made under: that of everything, its own and, where its kind has one,
that of what it shows besides. To forget is to delete a mark. Who reads the database notes the marks
before, so that what was read before a change and is stored after it counts for nothing; a mark is
random and never comes again, however it was lost.

When an entry ends, one caller a process, and one process, makes it anew. The others get the one
from before for the last of its lifetime, or wait for the new one; one that was forgotten is given
to nobody. When the cache is away, everybody asks the database.

The name of an entry holds what its shape follows from: fields of the serializer, the address of
this service, the database. So a deployment never reads what another version wrote. Who lets a field
mean something else raises ``version``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from secrets import token_hex
from threading import Event, Lock
from typing import Any

import orjson
from django.conf import settings
from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS, transaction

from viztube.api import overdue
from viztube.api.asking import add_many, key_of
from viztube.api.asking import ask as ask_cache
from viztube.api.caching import CACHE_AWAY, Asked, insisting
from viztube.api.renderers import dumps
from viztube.api.representation import shape_of

# What precedes the value of an entry as it is stored; no text within JSON has such quotes.
_VALUE = b',"value":'

# For the last seconds of its lifetime, an entry is given out while one caller makes the next one.
RENEWAL = 2
# A lost mark only costs making entries anew. Strangers make up names: marks do not stay long.
MARK_LIFETIME = 120
# How long one process may take to make an entry before others no longer leave it to that one, and
# how long a caller waits for another who is at it.
TURN_LIFETIME = 5
PATIENCE = 1.0
POLL = 0.02

EVERYTHING = "everything"


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of entry: its name, its lifetime in seconds, the version of its meaning.

    ``together`` are those that are all forgotten at once; ``besides`` is a tag that all of them are
    forgotten with, too.
    """

    name: str
    lifetime: int
    version: int = 1
    together: bool = False
    besides: str = ""

    def tag(self, key: object = "") -> str:
        """Return what to forget for an entry; for those that go together, for all of them."""
        return self.name if self.together else f"{self.name}:{_digest(str(key))}"


CHANNEL = Kind("channel", lifetime=60)
STATS = Kind("stats", lifetime=30)
VIDEO_LIST = Kind("videos", lifetime=10, together=True)
PEOPLE = "people"
COMMENTS = Kind("comments", lifetime=10, besides=PEOPLE)
VIDEO = Kind("video", lifetime=10, version=2, besides=PEOPLE)


def ask(kind: Kind, key: object, *, of: Callable[[], Any], page: str = "") -> Asked | None:
    """Ask for an entry along with whatever else the cache is asked next; ``read`` takes that."""
    overdue.settle()
    return ask_cache("MGET", *map(key_of, _names(_site(), kind, str(key), of, page)))


def read(
    kind: Kind,
    key: object,
    make: Callable[[], Any],
    *,
    of: Callable[[], Any],
    page: str = "",
    asked: Asked | None = None,
) -> Any:
    """Return an entry, made anew when there is none that counts: one's own copy, as JSON has it.

    ``of`` is the class of the serializer that ``make`` uses; ``page`` tells entries apart that are
    forgotten by the same key. What ``make`` raises, the caller gets.
    """
    *marks, place = names = _names(_site(), kind, str(key), of, page)
    try:
        if asked is None:
            overdue.settle()
            found = cache.get_many(names)
        else:
            answers = zip(names, asked.answer(), strict=True)
            found = {name: orjson.loads(text) for name, text in answers if text is not None}
    except CACHE_AWAY:
        return _plain(make())
    entry = _valid(found.get(place), [found.get(mark) for mark in marks])
    if entry is not None and entry["until"] > time.time():
        return entry["value"]
    try:
        made_under = [found.get(mark) or _new_mark(mark) for mark in marks]
    except CACHE_AWAY:
        return _plain(make())
    return _Renewal(kind, place, marks, made_under, make).value(entry)


def read_json(
    kind: Kind,
    key: object,
    make: Callable[[], Any],
    *,
    of: Callable[[], Any],
    page: str = "",
    asked: Asked | None = None,
) -> bytes:
    """Return what ``read`` does as JSON, as it is stored where it counts."""
    try:
        *marks, text = asked.answer() if asked else (None,)
    except CACHE_AWAY:
        text = None
    if text is not None and None not in marks:
        head = b'{"marks":[%b],"until":' % b",".join(marks)
        if text.startswith(head):
            end = text.index(_VALUE)
            if float(text[len(head) : end]) > time.time():
                return bytes(text[end + len(_VALUE) : -1])
    return dumps(read(kind, key, make, of=of, page=page, asked=asked))


def read_each(
    kind: Kind,
    keys: Sequence[str],
    make: Callable[[Sequence[str]], Mapping[str, Any]],
    *,
    of: Callable[[], Any],
) -> dict[str, bytes]:
    """Return the JSON of many entries by key; nobody waits for others who are at it.

    ``make`` gets the keys of those that do not count, and returns what there is of them.
    """
    if not keys:
        return {}
    overdue.settle()
    site, keys = _site(), list(dict.fromkeys(keys))
    names = zip(*[_keys(site, kind, key, of) for key in keys], strict=True)
    everyone, own, *besides, places = names
    common = everyone[0], *(same[0] for same in besides)
    asked = ask_cache("MGET", *common, *own, *places)
    try:
        marks = asked.answer() if asked else None
    except CACHE_AWAY:
        marks = None
    if marks is None:
        return _as_json(make(keys))
    first, second = len(common), len(common) + len(keys)
    values: dict[str, bytes] = {}
    if None not in marks[:first]:
        head, *after = marks[:first]
        head, end = b'{"marks":[%b,' % head, b"".join(b",%b" % mark for mark in after) + b"],"
        for key, mark, text in zip(keys, marks[first:second], marks[second:], strict=True):
            if mark and text and text.startswith(head + mark + end):
                value = text[text.index(_VALUE) + len(_VALUE) : -1]
                # As ``read`` keeps it of what is gone.
                if value != b"null":
                    values[key] = value
    if len(values) < len(keys):
        values |= _made_each(kind, [key for key in keys if key not in values], make, of)
    return values


def _made_each(
    kind: Kind,
    keys: Sequence[str],
    make: Callable[[Sequence[str]], Mapping[str, Any]],
    of: Callable[[], Any],
) -> dict[str, bytes]:
    """Make entries, under marks that were there before, and store them."""
    site = _site()
    names = {key: _names(site, kind, key, of, "") for key in keys}
    wanted = {mark for *marks, _ in names.values() for mark in marks}
    try:
        marks = add_many({mark: token_hex(8) for mark in wanted}, timeout=MARK_LIFETIME)
    except CACHE_AWAY:
        return _as_json(make(keys))
    values, entries = _as_json(make(keys)), {}
    for key, value in values.items():
        *under, place = names[key]
        entries[place] = _entry(kind, [marks[mark] for mark in under], value)
    with suppress(*CACHE_AWAY):
        cache.set_many(entries, timeout=kind.lifetime)
    return values


def _as_json(values: Mapping[str, Any]) -> dict[str, bytes]:
    return {key: dumps(value) for key, value in values.items()}


@lru_cache(maxsize=2000)
def _keys(site: tuple[Any, ...], kind: Kind, key: str, of: Callable[[], Any]) -> tuple[str, ...]:
    """Return how Valkey knows the marks of an entry, and itself."""
    return tuple(map(key_of, _names(site, kind, key, of, "")))


def _site() -> tuple[Any, ...]:
    """Return what this service is told apart by: who shares a cache shares no entries."""
    database = settings.DATABASES[DEFAULT_DB_ALIAS]
    return settings.PUBLIC_URL, database["HOST"], database["PORT"], database["NAME"]


@lru_cache(maxsize=2000)
def _names(
    site: tuple[Any, ...], kind: Kind, key: str, of: Callable[[], Any], page: str
) -> tuple[str, ...]:
    """Return the names of the marks of an entry, and its own."""
    url, host, port, name = site
    here = f"shared:{_digest(f'{url} {host}:{port}/{name}')}"
    shape = _digest(shape_of(of))
    place = f"{here}:{kind.name}:{kind.version}:{shape}:{_digest(key)}{page and ':'}{page}"
    tags = [EVERYTHING, kind.tag(key), *([kind.besides] if kind.besides else [])]
    return *map(_mark_of, tags), place


def forget(*tags: str) -> None:
    """Let entries count no longer; to be called after the commit."""
    marks = [_mark_of(tag) for tag in tags]
    try:
        # Who was banned shall be gone even if the cache failed a moment ago.
        with insisting() if EVERYTHING in tags else nullcontext():
            cache.delete_many(marks)
    except CACHE_AWAY:
        overdue.keep(marks)


def forget_on_commit(*tags: str) -> None:
    """Let entries count no longer once the transaction commits, at once where there is none."""

    # A function of its own and no partial: Django logs the __qualname__ of what fails here.
    def forget_them() -> None:
        forget(*tags)

    transaction.on_commit(forget_them, robust=True)


def forget_everything_on_commit() -> None:
    """Let no entry count any longer: for what is rare, and changes what many of them show."""
    forget_on_commit(EVERYTHING)


class _Flight:
    """An entry being made in this process; ``text`` is what became of it, None for nothing."""

    def __init__(self) -> None:
        self.done = Event()
        self.text: bytes | None = None


_flights: dict[tuple[Any, ...], _Flight] = {}
_flights_lock = Lock()


@dataclass(frozen=True)
class _Renewal:
    """The making of an entry under certain marks, by one of those who want it."""

    kind: Kind
    place: str
    marks: Sequence[str]
    made_under: Sequence[str]
    make: Callable[[], Any]

    def value(self, before: dict[str, Any] | None) -> Any:
        """Return the value; that of the entry from before, if any, when another is at it."""
        # Who comes after a change has other marks, and does not join who began before it.
        key = (self.place, *self.made_under)
        with _flights_lock:
            flight = _flights.get(key)
            if mine := flight is None:
                flight = _flights[key] = _Flight()
        if not mine:
            if before is not None:
                return before["value"]
            flight.done.wait(PATIENCE)
            return orjson.loads(flight.text) if flight.text else _plain(self.make())
        try:
            flight.text = self._text(before)
            return orjson.loads(flight.text)
        finally:
            with _flights_lock:
                _flights.pop(key, None)
            flight.done.set()

    def _text(self, before: dict[str, Any] | None) -> bytes:
        turn = f"{self.place}:turn:{_digest(repr(self.made_under))}"
        try:
            mine = cache.add(turn, 1, timeout=TURN_LIFETIME)
            if not mine:
                other = before or self._awaited(turn)
                if other is not None:
                    return dumps(other["value"])
        except CACHE_AWAY:
            return dumps(self.make())
        try:
            text = dumps(self.make())
            self._store(text)
        finally:
            if mine:
                _give_back(turn)
        return text

    def _awaited(self, turn: str) -> dict[str, Any] | None:
        """Wait for another process; return its entry, None when it has made none."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            time.sleep(POLL)
            found = cache.get_many([self.place, turn])
            entry = _valid(found.get(self.place), self.made_under)
            if entry is not None or turn not in found:
                return entry
        return None

    def _store(self, text: bytes) -> None:
        entry = _entry(self.kind, self.made_under, text)
        with suppress(*CACHE_AWAY):
            cache.set(self.place, entry, timeout=self.kind.lifetime)


def _entry(kind: Kind, marks: Sequence[str], text: bytes) -> dict[str, Any]:
    """Return what is stored of a value that is JSON already, in the order that is read."""
    until = time.time() + kind.lifetime - RENEWAL
    return {"marks": marks, "until": until, "value": orjson.Fragment(text)}


def _valid(entry: Any, marks: Sequence[str | None]) -> dict[str, Any] | None:
    """Return an entry if it was made under these marks, which are all there."""
    return entry if entry is not None and entry["marks"] == list(marks) else None


def _new_mark(name: str) -> str:
    """Return the mark that counts from now on: one's own, or that of whoever was faster."""
    mark = token_hex(8)
    if cache.add(name, mark, timeout=MARK_LIFETIME):
        return mark
    return cache.get(name) or mark


def _give_back(turn: str) -> None:
    with suppress(*CACHE_AWAY):
        cache.delete(turn)


def _plain(value: Any) -> Any:
    return orjson.loads(dumps(value))


def _mark_of(tag: str) -> str:
    # Without the address of the database: a worker or an operator may know it by another one.
    return f"shared:{_digest(settings.DATABASES[DEFAULT_DB_ALIAS]['NAME'])}:mark:{tag}"


@lru_cache(maxsize=10_000)
def _digest(text: str) -> str:
    """Return a short name for any text: one of a person may be anything."""
    return blake2b(text.encode(), digest_size=12).hexdigest()

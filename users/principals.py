"""Who the access tokens of a session speak for, remembered for a minute.

The shared cache holds ids and a flag for each session in use, so that most requests need no query
to know their caller. A session that ends leaves a tombstone in the place of its entry. Entries are
only ever added where there is none, so that a request which read the database before the end cannot
overwrite the tombstone after it; and a tombstone stays until every access token of its session has
expired.

When the cache is away, the database is asked. The bound: where no tombstone can be written
nor the entry deleted, because the cache hangs or refuses just then or this process is killed after
the commit, and the cache goes on with an entry it had, that session's access tokens count for what
is left of the entry's minute; where it is deleted, a request that had read the database before may
add it once more. The same holds for what is changed past our services. Refreshing
never asks the cache.
"""

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS
from django.db.models.base import ModelState
from redis.exceptions import ResponseError

from users.models import User
from viztube.api.asking import ask, key_of
from viztube.api.caching import CACHE_AWAY, insisting

logger = logging.getLogger(__name__)

LIFETIME = 60  # seconds
ENDED = 0

# What every request may ask of its caller; anything else of a person is loaded when it is used.
_FIELDS = ("id", "is_staff")


def caller(*, user_id: UUID, session_id: UUID) -> User | None:
    """Return who a session belongs to, with only id and flags loaded; None when it has ended."""
    key = _key(session_id)
    try:
        known = _known(key)
    except CACHE_AWAY:
        return _stored(user_id, session_id)
    if known is None:
        user = _stored(user_id, session_id)
        if user is not None:
            _remember(key, user)
        return user
    if known == ENDED or known[0] != str(user_id):
        return None
    return _known_person(user_id, *known[1:])


def forget(session_ids: Iterable[UUID]) -> None:
    """Stop the access tokens of sessions that have ended; to be called after the commit."""
    tombstones = dict.fromkeys(map(_key, session_ids), ENDED)
    # Longer than any token lives, and than the slowest request that could still add an entry.
    lifetime = int(settings.ACCESS_TOKEN_LIFETIME.total_seconds()) + LIFETIME
    try:
        with insisting():
            try:
                cache.set_many(tombstones, timeout=lifetime)
            except ResponseError:
                # What is full still lets go; then the database is asked.
                cache.delete_many(tombstones)
    except CACHE_AWAY:
        logger.warning("The cache took no word of ended sessions: up to %s s they count", LIFETIME)


def _key(session_id: UUID) -> str:
    # With the version of the entries' shape.
    return f"principal:1:{session_id}"


def _known(key: str) -> Any:
    # What is needed of nearly every request is asked for in the shortest way.
    asked = ask("GET", key_of(key))
    if asked is None:
        return cache.get(key)
    text = asked.answer()
    return None if text is None else orjson.loads(text)


def _known_person(*values: Any) -> User:
    """Return what ``User.from_db`` does of these fields, for what may ask for any other of them.

    That looks at all fields that there are: it takes longer than all else about a caller.
    """
    person = User.__new__(User)
    state = ModelState()
    state.db, state.adding = DEFAULT_DB_ALIAS, False
    vars(person).update(zip(_FIELDS, values, strict=True), _state=state)
    return person


def _stored(user_id: UUID, session_id: UUID) -> User | None:
    people = User.objects.signed_in(user_id=user_id, session_id=session_id)
    user: User | None = people.only(*_FIELDS).first()
    return user


def _remember(key: str, user: User) -> None:
    try:
        cache.add(key, (str(user.pk), user.is_staff), timeout=LIFETIME)
    except CACHE_AWAY:
        return

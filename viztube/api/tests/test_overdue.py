"""What becomes of a change that the shared cache cannot be told of at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as AwayError
from rest_framework import serializers

from viztube.api import caching, overdue, shared
from viztube.api.shared import Kind

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_entries")]

KIND = Kind("overdue", lifetime=60)


class Shape(serializers.Serializer[Any]):
    number = serializers.IntegerField()


def read(number: int) -> int:
    """Return the number that is remembered; the given one where there is none."""
    entry = shared.read(KIND, "a", lambda: {"number": number}, of=Shape)
    return int(entry["number"])


@pytest.fixture(autouse=True)
def nothing_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "_names", set())


@contextmanager
def failed_a_moment_ago() -> Iterator[None]:
    """Let the cache be known to be away, and nobody try whether it is back."""
    with pytest.MonkeyPatch.context() as away:
        away.setattr(caching._server, "is_open", True)
        away.setattr(caching._server, "_next_try", float("inf"))
        yield


@pytest.mark.parametrize(
    ("tag", "number"), [(KIND.tag("a"), 1), (shared.EVERYTHING, 2)], ids=["some", "everything"]
)
def test_only_to_forget_everything_insists(
    monkeypatch: pytest.MonkeyPatch, tag: str, number: int
) -> None:
    read(1)
    with failed_a_moment_ago():
        shared.forget(tag)

    # To another process, until this one makes up for it.
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(overdue, "_names", set())
        assert read(2) == number
    assert read(2) == 2


def ask() -> None:
    """Ask for another entry along with what is asked next."""
    asked = shared.ask(KIND, "another", of=Shape)
    assert asked is not None
    asked.answer()


WAYS: dict[str, Callable[[], Any]] = {
    "read": lambda: read(2),
    "ask": ask,
    "read each": lambda: shared.read_each(KIND, ["another"], lambda keys: {}, of=Shape),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_next_one_to_read_makes_up_for_what_could_not_be_forgotten(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    read(1)
    with failed_a_moment_ago():
        shared.forget(KIND.tag("a"))

    WAYS[way]()

    assert not overdue._names
    # Whoever reads it now finds it forgotten, without doing anything for that.
    monkeypatch.setattr(overdue, "settle", lambda: None)
    assert read(2) == 2


def test_while_it_is_away_nothing_is_tried_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read(1)
    with failed_a_moment_ago():
        shared.forget(KIND.tag("a"))
        kept = {*overdue._names}
        with monkeypatch.context() as untouched:
            untouched.setattr(overdue, "cache", None)
            overdue.settle()

    assert overdue._names == kept != set()


def test_what_fails_once_more_is_kept_and_that_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AwayError("refused")

    monkeypatch.setattr(overdue, "MOST", 2)
    monkeypatch.setattr(type(cache._cache), "delete_many", refuse)  # type: ignore[attr-defined]
    for tag in "abca":
        shared.forget(tag)
    kept = {*overdue._names}
    assert len(kept) == 2

    overdue.settle()

    assert overdue._names == kept

"""Many entries of the shared cache at once: which count, which are made, what is kept of them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from redis.exceptions import ConnectionError as AwayError
from rest_framework import serializers

from viztube.api import asking, caching, shared
from viztube.api.shared import Kind

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_entries")]

KIND = Kind("test", lifetime=60, besides=shared.PEOPLE)
ALONE = Kind("alone", lifetime=60)


class Shape(serializers.Serializer[Any]):
    title = serializers.CharField()


class Source:
    """What entries are made from: a title by key; notes which it was asked for."""

    def __init__(self, **titles: Any) -> None:
        self.titles: dict[str, Any] = titles
        self.asked: list[list[str]] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def make(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """Read what there is, then let happen what is to happen meanwhile."""
        self.asked.append([*keys])
        answer = {key: {"title": self.titles[key]} for key in keys if key in self.titles}
        self.meanwhile()
        return answer

    def read(self, *keys: str, kind: Kind = KIND) -> dict[str, Any]:
        """Return the titles of entries, each of which must be JSON."""
        found = shared.read_each(kind, keys, self.make, of=Shape)
        return {key: orjson.loads(text)["title"] for key, text in found.items()}

    def read_one(self, key: str) -> Any:
        """Return an entry by the way that reads one."""
        return shared.read(KIND, key, lambda: self.make([key]).get(key), of=Shape)


@pytest.fixture
def source() -> Source:
    return Source(a="A", b="B", c="C")


def commands() -> int:
    """Return how many commands this thread has sent that read; others use the server, too."""
    told = cache._cache.get_client(None).execute_command("CLIENT", "INFO")  # type: ignore[attr-defined]
    return int(dict(one.split(b"=", 1) for one in told.split())[b"tot-cmds"])


def test_what_is_remembered_is_not_made_again(source: Source) -> None:
    assert source.read("a", "b") == source.read("b", "a") == {"a": "A", "b": "B"}
    assert source.asked == [["a", "b"]]


def test_only_what_is_missing_is_made(source: Source) -> None:
    source.read("b")

    assert source.read("a", "b", "c") == {"a": "A", "b": "B", "c": "C"}
    assert source.asked == [["b"], ["a", "c"]]


def test_a_key_that_is_named_twice_is_made_once(source: Source) -> None:
    assert source.read("a", "b", "a") == {"a": "A", "b": "B"}
    assert source.asked == [["a", "b"]]


def test_kinds_are_told_apart(source: Source) -> None:
    source.read("a")
    source.titles["a"] = "Another"

    assert source.read("a", kind=ALONE) == {"a": "Another"}
    assert source.read("a") == {"a": "A"}


@pytest.mark.parametrize(
    ("tag", "made"),
    [
        (KIND.tag("a"), ["a"]),
        (ALONE.tag("a"), None),
        (shared.PEOPLE, ["a", "b", "c"]),
        (shared.EVERYTHING, ["a", "b", "c"]),
    ],
    ids=["own", "of another kind", "people", "everything"],
)
def test_what_is_forgotten_is_made_again(source: Source, tag: str, made: list[str] | None) -> None:
    source.read("a", "b", "c")
    source.titles = {"a": "New A", "b": "New B", "c": "New C"}
    shared.forget(tag)
    found = source.read("a", "b", "c")

    assert source.asked[1:] == ([made] if made else [])
    assert {key for key, title in found.items() if title.startswith("New")} == set(made or ())


def test_what_shows_nothing_besides_is_not_forgotten_with_it(source: Source) -> None:
    source.read("a", kind=ALONE)
    shared.forget(shared.PEOPLE)
    source.read("a", kind=ALONE)

    assert source.asked == [["a"]]


@pytest.mark.parametrize("tag", [KIND.tag("a"), shared.PEOPLE, shared.EVERYTHING])
@pytest.mark.parametrize("was_there", [False, True])
def test_what_was_read_before_a_change_and_kept_after_it_does_not_count(
    source: Source, tag: str, was_there: bool
) -> None:
    if was_there:
        # So that the marks are there, and only the entries are not.
        source.read("a", "b")
        shared.forget(KIND.tag("a"), KIND.tag("b"))

    def change() -> None:
        source.titles["a"] = "Another"
        shared.forget(tag)
        source.meanwhile = lambda: None

    source.meanwhile = change

    # Who began before the change may still get what was.
    assert source.read("a", "b") == {"a": "A", "b": "B"}
    assert source.read("a", "b") == {"a": "Another", "b": "B"}


def test_what_changed_for_one_lets_the_others_count(source: Source) -> None:
    def change() -> None:
        source.titles["a"] = "Another"
        shared.forget(KIND.tag("a"))
        source.meanwhile = lambda: None

    source.meanwhile = change
    source.read("a", "b")
    source.read("a", "b")

    assert source.asked == [["a", "b"], ["a"]]


def test_what_there_is_not_is_absent_and_asked_for_again(source: Source) -> None:
    for _ in range(2):
        assert source.read("a", "none") == {"a": "A"}
    source.titles["none"] = "It came"

    assert source.read("a", "none") == {"a": "A", "none": "It came"}
    assert source.asked == [["a", "none"], ["none"], ["none"]]


def test_no_keys_cost_nothing(source: Source) -> None:
    before = commands()
    assert source.read() == {}

    # The one that tells how many there were.
    assert commands() - before == 1
    assert source.asked == []


def test_a_hit_of_many_is_one_round_trip(source: Source) -> None:
    source.read("a", "b", "c")
    before = commands()
    source.read("a", "b", "c")

    # The one that tells how many there were is the other.
    assert commands() - before == 2


def test_what_fails_is_told_and_not_remembered(source: Source) -> None:
    def fail() -> None:
        raise LookupError

    source.meanwhile = fail
    with pytest.raises(LookupError):
        source.read("a")
    source.meanwhile = lambda: None

    assert source.read("a") == {"a": "A"}


def test_entries_are_those_that_are_read_one_by_one(source: Source) -> None:
    source.read("a")
    assert source.read_one("a") == {"title": "A"}
    assert source.read_one("b") == {"title": "B"}
    assert source.read("a", "b") == {"a": "A", "b": "B"}
    shared.forget(KIND.tag("b"))
    assert source.read("a", "b") == {"a": "A", "b": "B"}

    assert source.asked == [["a"], ["b"], ["b"]]


def test_what_is_remembered_as_gone_is_absent(source: Source) -> None:
    assert source.read_one("none") is None

    assert source.read("a", "none") == {"a": "A"}


@pytest.mark.parametrize(
    "title",
    [
        'x","isLiked":null,"value":1',
        '"isLiked":null',
        ',"value":',
        '{"marks":["a","b"],"until":1.5,"value":{}}',
        "\\",
        '\\"',
        "\\u0022",
        "",
        "Ä\n\t\u2028 \U0001f3ac \x7f",
    ],
)
def test_any_text_comes_back_as_it_was(source: Source, title: str) -> None:
    source.titles["a"] = title
    for _ in range(2):
        assert source.read("a", "b") == {"a": title, "b": "B"}
    assert source.read_one("a") == {"title": title}

    assert source.asked == [["a", "b"]]


@pytest.mark.parametrize("key", ["", "a b", "\n", "ä" * 300, "x" * 1000])
def test_any_key_will_do(source: Source, key: str) -> None:
    source.titles[key] = "Odd"
    for _ in range(2):
        assert source.read(key, "a") == {key: "Odd", "a": "A"}
    shared.forget(KIND.tag(key))
    source.read(key, "a")

    assert source.asked == [[key, "a"], [key]]


def test_an_entry_ends_by_itself_at_its_lifetime(source: Source) -> None:
    source.read("a", "b")
    client = cache._cache.get_client(None)  # type: ignore[attr-defined]
    keys = client.keys("*shared:*")

    assert [key for key in keys if client.ttl(key) == -1] == []
    entries = [key for key in keys if b":test:" in key and b":mark:" not in key]
    assert entries
    assert all(client.ttl(key) <= KIND.lifetime for key in entries)


def refuse(*args: Any, **kwargs: Any) -> Any:
    raise AwayError("refused")


def _known_to_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching._server, "is_open", True)
    monkeypatch.setattr(caching._server, "_next_try", float("inf"))


def _takes_no_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching._writes, "is_open", True)
    monkeypatch.setattr(caching._writes, "_next_try", float("inf"))


def _goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.Commands, "_send", refuse)


def _loses_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.Pipeline, "execute", refuse)


def _keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(cache._cache), "set_many", refuse)  # type: ignore[attr-defined]


def _another_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (asking, shared):
        monkeypatch.setattr(module, "cache", LocMemCache("", {}))
    monkeypatch.setattr(asking, "_known", threading.local())


AWAY = {
    "known to be away": _known_to_be_away,
    "takes no writes": _takes_no_writes,
    "goes away": _goes_away,
    "goes away before the marks": _loses_marks,
    "goes away before the entries": _keeps_nothing,
    "another cache": _another_cache,
}


@pytest.mark.parametrize("way", AWAY)
@pytest.mark.parametrize("was_there", [False, True])
def test_without_the_cache_all_are_made_each_time(
    source: Source, monkeypatch: pytest.MonkeyPatch, way: str, was_there: bool
) -> None:
    if was_there:
        # Entries of before, which then are forgotten: of these, the marks are there.
        source.read("a", "b", "c")
        shared.forget(KIND.tag("a"), KIND.tag("b"))
        source.asked.clear()
    AWAY[way](monkeypatch)
    expected = {"a": "A", "b": "B"}
    for number in range(3):
        assert source.read("a", "b") == expected
        source.titles["a"] = expected["a"] = f"Change {number}"

    assert source.asked == [["a", "b"]] * 3


def test_once_the_cache_is_back_entries_are_kept_again(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        _known_to_be_away(away)
        source.read("a")
    source.titles["a"] = "Another"
    for _ in range(2):
        assert source.read("a") == {"a": "Another"}

    assert source.asked == [["a"], ["a"]]

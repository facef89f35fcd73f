"""Which pages of the list are remembered for everyone, and what happens when many ask at once."""

import time
from functools import partial
from threading import Lock
from typing import Any

import pytest
from django.http import QueryDict

from videos.filters import QUERY_LENGTH, first_page
from videos.tests.factories import VideoFactory
from videos.views import VideoViewSet
from viztube.api.tests.fixtures import Client
from viztube.api.tests.threads import at_once

PERSON = "0197c1e2-0000-7000-8000-0123456789ab"


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("", "page=1&limit=10&sortBy=createdAt&sortType=desc&userId="),
        ("sortBy=title", "sortType=desc&sortBy=title"),
        ("page=4&limit=25", "limit=25&page=4"),
        (f"userId={PERSON}", f"userId={PERSON}&page=1"),
        ("query=a%20b&sortBy=relevance", "sortBy=relevance&query=a+b"),
        ("query=", ""),
        # As everywhere, the last one counts.
        ("page=2", "page=1&page=2"),
    ],
)
def test_one_page_has_one_name(query: str, same: str) -> None:
    assert first_page(QueryDict(query)) == first_page(QueryDict(same)) is not None


def test_different_pages_have_different_names() -> None:
    queries = [
        *("", "page=2", "limit=11", "sortType=asc", "sortBy=views", "sortBy=title"),
        *("query=a", "query=A", "query=a&sortBy=relevance", f"query={PERSON}"),
        *("page=1&limit=2", "page=2&limit=1", f"userId={PERSON}", f"userId={PERSON[:-1]}c"),
    ]
    names = [first_page(QueryDict(query)) for query in queries]

    assert None not in names
    assert len(set(names)) == len(queries)


@pytest.mark.parametrize(
    "query",
    [
        *("page=5", "page=0", "page=01", "page=%D9%A1", "page=", "limit=26", "limit=", "limit=1.0"),
        *("cursor=a", "cursor=", "other=1", "sortBy=id", "query=" + "a" * (QUERY_LENGTH + 1)),
        *("sortType=DESC", "sortType=up", "userId=me", f"userId={PERSON.upper()}"),
        *(f"userId={PERSON}%0A", f"userId=+{PERSON}", f"page=1&page=2&page=x&userId={PERSON}"),
    ],
)
def test_what_few_ask_for_or_is_not_valid_has_none(query: str) -> None:
    assert first_page(QueryDict(query)) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_reads_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    VideoFactory.create()
    times, lock = [], Lock()
    page = VideoViewSet._page

    def slow_page(*args: Any) -> Any:
        with lock:
            times.append(1)
        time.sleep(0.3)
        return page(*args)

    monkeypatch.setattr(VideoViewSet, "_page", slow_page)
    answers = at_once([partial(Client().get, "videos") for _ in range(8)])

    assert [len(answer.data["docs"]) for answer in answers] == [1] * 8
    assert len(times) == 1

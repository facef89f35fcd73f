"""Query parameters of a real list: ``GET /videos``."""

import pytest

from viztube.api.filters import FilterSet, TextFilter
from viztube.api.tests.fixtures import Client


@pytest.mark.parametrize("name", ["page", "limit"])
@pytest.mark.parametrize("value", ["0", "-1", "abc", "1.5", "", "NaN", "1 OR 1=1", "9" * 5000])
def test_a_bad_page_or_limit_is_400(api: Client, name: str, value: str) -> None:
    answer = api.get("videos", query={name: value})

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["errors"] == [f"{name}: must be a whole number from 1"]


def test_a_page_far_past_the_end_is_empty(api: Client) -> None:
    answer = api.get("videos", query={"page": "9" * 1000, "limit": "9" * 1000})

    assert answer.status == 200
    assert answer.data["docs"] == []
    assert answer.data["limit"] == 100


@pytest.mark.parametrize("cursor", ["x", "é", "W10", "bnVsbA", "%00", "9" * 2000])
def test_a_forged_cursor_is_400(api: Client, cursor: str) -> None:
    answer = api.get("videos", query={"cursor": cursor})

    assert (answer.status, list(answer.body["details"])) == (400, ["cursor"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"query": "a\0b"}, "query"),
        ({"userId": "a\0b"}, "userId"),
        ({"sortBy": "password"}, "sortBy"),
        ({"sortType": "sideways"}, "sortType"),
    ],
)
def test_a_bad_parameter_is_400_under_its_own_name(
    api: Client, query: dict[str, str], field: str
) -> None:
    answer = api.get("videos", query=query)

    assert (answer.status, list(answer.body["details"])) == (400, [field])


def test_an_unknown_parameter_is_ignored(api: Client) -> None:
    assert api.get("videos", query={"colour": "blue", "user_id": "x"}).status == 200


@pytest.mark.parametrize("name", ["query", "userId", "sortBy", "sortType", "cursor"])
def test_a_blank_parameter_counts_as_not_given(api: Client, name: str) -> None:
    assert api.get("videos", query={name: ""}).status == 200


def test_filters_are_named_in_camel_case() -> None:
    class NameFilter(FilterSet):
        given_name = TextFilter()

    assert list(NameFilter.get_filters()) == ["givenName"]

"""Finding videos by words, parts of words and misspelt titles."""

from urllib.parse import quote

import pytest

from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


def found(api: Client, query: str, extra: str = "") -> list[str]:
    page = api.get(f"videos?query={quote(query)}{extra}").data
    assert page["totalDocs"] == len(page["docs"])
    return [row["title"] for row in page["docs"]]


def make(*titles: str) -> None:
    for title in titles:
        VideoFactory.create(title=title, description="")


@pytest.mark.parametrize(
    "query", ["Sunrise", "sunrise", "SUNRISE", "unris", "over the", "  sunrise  ", "e", "the"]
)
def test_a_part_of_the_title_in_any_case(api: Client, query: str) -> None:
    make("Sunrise over the Alps", "111")

    assert found(api, query) == ["Sunrise over the Alps"]


@pytest.mark.parametrize("query", ["GLACIER", "laci", "ice and snow"])
def test_a_part_of_the_description(api: Client, query: str) -> None:
    VideoFactory.create(title="Found", description="A glacier of ice and snow.")
    VideoFactory.create(title="Other", description="A desert.")

    assert found(api, query) == ["Found"]


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("ÜBERGANG", "übergang"),
        ("Straße", "STRAßE"),
        ("Пример", "пример"),
        ("東京の夜", "京の"),
    ],
)
def test_other_alphabets(api: Client, title: str, query: str) -> None:
    make(title, "Something else")

    assert found(api, query) == [title]


@pytest.mark.parametrize("query", ["running", "runs", "mountain run", "run mountains"])
def test_whole_words_in_any_form_and_order(api: Client, query: str) -> None:
    make("We run up mountains", "Cooking")

    assert found(api, query) == ["We run up mountains"]


def test_words_may_be_spread_over_title_and_description(api: Client) -> None:
    VideoFactory.create(title="Baking bread", description="With sourdough.")
    make("Baking cakes")

    assert found(api, "sourdough baking") == ["Baking bread"]


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Mountain biking", "mountian"),
        ("Mountain biking", "montain"),
        ("Mountain biking", "mountainn"),
        ("Introduction to Python", "introducton"),
        ("Chocolate cake", "choclate"),
        ("A day in Amsterdam", "AMSTERADM"),
    ],
)
def test_a_typo_still_finds_the_title(api: Client, title: str, query: str) -> None:
    make(title, "Wholly different", "Football")

    assert found(api, query) == [title]


@pytest.mark.parametrize("query", ["xylophone", "zzz", "%", "_", "%%", "un%se", "a__s"])
def test_what_is_not_there_is_not_found(api: Client, query: str) -> None:
    make("Sunrise over the Alps")

    assert found(api, query) == []


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("100% wool", "100%"),
        ("100% wool", "%"),
        ("snake_case", "_"),
        ("snake_case", "e_c"),
        ("back\\slash", "\\"),
        ('it\'s "quoted"', "'s \"q"),
        ("C++ & more", "C++ &"),
    ],
)
def test_signs_are_ordinary_characters(api: Client, title: str, query: str) -> None:
    make(title, "Plain words")

    assert found(api, query) == [title]


@pytest.mark.parametrize("query", ["-cats", "cats or birds", "!x"])
def test_there_is_no_query_language(api: Client, query: str) -> None:
    make("Dogs", "Birds", "About cats")

    assert found(api, query) in ([], ["About cats"])


def test_a_minus_does_not_find_what_lacks_the_word(api: Client) -> None:
    make("Dogs", "Birds")

    assert found(api, "-cats") == []


def test_the_longest_query_is_answered(api: Client) -> None:
    make("Dogs")

    assert found(api, "dogs " * 40) == ["Dogs"]


def test_by_relevance_the_title_counts_more_than_the_description(api: Client) -> None:
    VideoFactory.create(title="Cooking", description="Once I saw a volcano.")
    VideoFactory.create(title="Volcano", description="")
    VideoFactory.create(title="The volcano volcano", description="A volcano.")

    best = found(api, "volcano", "&sortBy=relevance")
    worst = found(api, "volcano", "&sortBy=relevance&sortType=asc")

    assert best[-1] == "Cooking"
    assert len(best) == 3
    assert worst == best[::-1]


def test_a_search_can_be_sorted_otherwise(api: Client) -> None:
    for title, views in (("Volcano B", 1), ("Volcano A", 3), ("Volcano C", 2), ("Cake", 9)):
        VideoFactory.create(title=title, views=views)

    assert found(api, "volcano", "&sortBy=views") == ["Volcano A", "Volcano C", "Volcano B"]
    assert found(api, "volcano", "&sortBy=title&sortType=asc") == [
        "Volcano A",
        "Volcano B",
        "Volcano C",
    ]


def test_a_changed_title_is_found_at_once(api: Client) -> None:
    video = VideoFactory.create(title="Before", description="")
    video.title = "Afterwards"
    video.save()

    assert found(api, "afterward") == ["Afterwards"]
    assert found(api, "before") == []

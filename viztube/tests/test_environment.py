"""Reading the process environment: every kind of value, good and bad."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from viztube.environment import Environment

STRONG = "k3Jp0sVx9QeLr7TzWb2YnHc5UdGa8MfXo1Iu"
HOME = Path.home()


def environment(**variables: str) -> Environment:
    return Environment(variables)


def refusal(read: Callable[[], Any]) -> str:
    """Return the sentence with which a value is refused."""
    with pytest.raises(ImproperlyConfigured) as caught:
        read()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_text_is_stripped_and_an_empty_one_is_not_set() -> None:
    assert environment(NAME=" value ").text("NAME") == "value"
    assert environment(NAME="").text("NAME", "default") == "default"
    assert environment(NAME="  ").text("NAME", "default") == "default"
    assert environment().text("NAME", "") == ""


def test_a_required_value_that_is_missing_is_named() -> None:
    for env in (environment(), environment(NAME=""), environment(NAME=" \n")):
        assert refusal(partial(env.text, "NAME")) == "NAME is not set: set it, or NAME_FILE."


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{STRONG}\n")

    assert environment(KEY_FILE=str(file)).secret("KEY") == STRONG
    assert environment(KEY="from the variable", KEY_FILE=str(file)).text("KEY") == STRONG
    assert environment(KEY=STRONG, KEY_FILE="").secret("KEY") == STRONG


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\xff")

    for path in (tmp_path / "missing", tmp_path, binary):
        env = environment(KEY_FILE=str(path))
        assert "KEY_FILE names a file that cannot be read" in refusal(partial(env.text, "KEY"))


def test_an_empty_file_is_not_set(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()

    assert "KEY is not set" in refusal(lambda: environment(KEY_FILE=str(file)).text("KEY"))


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        ("1", True),
        ("TRUE", True),
        ("yes", True),
        ("On", True),
        ("0", False),
        ("False", False),
        ("no", False),
        ("OFF", False),
    ],
)
def test_flags_have_the_usual_spellings(value: str, flag: bool) -> None:
    assert environment(NAME=value).flag("NAME", default=not flag) is flag


def test_a_flag_that_is_not_set_has_its_default() -> None:
    assert environment().flag("NAME", default=True) is True
    assert environment(NAME="").flag("NAME", default=False) is False


@pytest.mark.parametrize("value", ["2", "maybe", "y", "-1", "truee", "1;"])
def test_any_other_flag_is_refused(value: str) -> None:
    assert refusal(lambda: environment(NAME=value).flag("NAME", default=True)) == (
        "NAME must be 1 or 0 (or true or false)."
    )


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("5", 5), ("", 3)])
def test_numbers_keep_within_their_bounds(value: str, number: int) -> None:
    assert environment(NAME=value).integer("NAME", 3, minimum=0, maximum=5) == number


@pytest.mark.parametrize("value", ["-1", "6", "1.0", "five", "1e0", "0x1", "9" * 5000])
def test_any_other_number_is_refused(value: str) -> None:
    assert refusal(lambda: environment(NAME=value).integer("NAME", 3, minimum=0, maximum=5)) == (
        "NAME must be a whole number from 0 to 5."
    )


def test_a_choice_is_one_of_the_words() -> None:
    words = ("DEBUG", "INFO")
    assert environment(NAME="debug").choice("NAME", "INFO", words) == "DEBUG"
    assert environment().choice("NAME", "INFO", words) == "INFO"
    assert refusal(lambda: environment(NAME="TRACE").choice("NAME", "INFO", words)) == (
        "NAME must be one of DEBUG, INFO."
    )


def test_a_strong_secret_is_taken() -> None:
    assert environment(KEY=STRONG).secret("KEY") == STRONG
    assert environment().secret("KEY", STRONG) == STRONG
    assert environment(KEY="é" * 8 + "abcdefghij-klmnop").secret("KEY")


@pytest.mark.parametrize(
    "value", [STRONG[:31], "a" * 64, "abcabcabc" * 10, "changeme", "django-insecure", "1234567" * 9]
)
def test_a_weak_secret_is_refused_with_what_to_do(value: str) -> None:
    sentence = refusal(lambda: environment(KEY=value).secret("KEY"))

    assert "KEY is too weak" in sentence
    assert "openssl rand -base64 48" in sentence
    assert value not in sentence


@pytest.mark.parametrize("value", [f"replace-me-{STRONG}", f"Replace-Me {STRONG}", "replace-me"])
def test_the_example_of_a_secret_is_refused(value: str) -> None:
    assert "KEY is still the example's" in refusal(lambda: environment(KEY=value).secret("KEY"))


def test_a_secret_without_a_default_is_required() -> None:
    assert "KEY is not set" in refusal(lambda: environment().secret("KEY"))


ORIGINS = [
    ("https://viztube.example", "https://viztube.example"),
    ("https://VizTube.Example/", "https://viztube.example"),
    ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    # Browsers leave out the port that a scheme has anyway.
    ("https://viztube.example:443", "https://viztube.example"),
    ("http://viztube.example:80/", "http://viztube.example"),
    ("https://viztube.example:80", "https://viztube.example:80"),
    ("http://[::1]:8000", "http://[::1]:8000"),
    ("https://a.b.c:65535", "https://a.b.c:65535"),
]
NO_ORIGINS = [
    "viztube.example",
    "ftp://viztube.example",
    "https://",
    "https:///path",
    "https://viztube.example/path",
    "https://viztube.example?",
    "https://viztube.example?x=1",
    "https://viztube.example#",
    "https://viztube.example#x",
    "https://user@viztube.example",
    "https://user:pass@viztube.example",
    "https://@viztube.example",
    "https://viztube.example:",
    "https://viztube.example:0",
    "https://viztube.example:65536",
    "https://viztube.example:99999999",
    "https://viztube.example:http",
    "https://viz tube.example",
    "https://viz\ttube.example",
    "https://viz\\tube.example",
    "https://viz,tube.example",
    "https://*.viztube.example",
    "https://bücher.example",
    "https://[::1",
    "https://[viztube]",
    "null",
    "*",
]


@pytest.mark.parametrize(("value", "origin"), ORIGINS)
def test_an_origin_is_a_scheme_and_a_host_in_lower_case(value: str, origin: str) -> None:
    assert environment(URL=value).origin("URL") == origin


@pytest.mark.parametrize("value", NO_ORIGINS)
def test_anything_else_is_no_origin(value: str) -> None:
    assert "URL must be a scheme and a host" in refusal(
        lambda: environment(URL=value).origin("URL")
    )
    if value != "*":
        list_of_two = environment(URLS=f"https://a.example,{value}")
        assert "URLS must be origins" in refusal(lambda: list_of_two.origins("URLS"))


def test_origins_are_separated_by_commas() -> None:
    assert environment().origins("URLS") == []
    assert environment(URLS=" , ").origins("URLS") == []
    assert environment(URLS="*").origins("URLS") == ["*"]
    assert environment(URLS=" https://A.example/, http://b.example:3000,").origins("URLS") == [
        "https://a.example",
        "http://b.example:3000",
    ]


def test_a_star_beside_origins_is_refused() -> None:
    assert "URLS must be origins" in refusal(
        lambda: environment(URLS="*,https://a.example").origins("URLS")
    )


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert environment(DIR="data").path("DIR", tmp_path) == tmp_path / "data"
    assert environment(DIR="~/data").path("DIR", tmp_path) == HOME / "data"
    assert environment().path("DIR", Path("/var/x")) == Path("/var/x")


def test_a_path_of_nobodys_home_is_refused(tmp_path: Path) -> None:
    assert refusal(lambda: environment(DIR="~no-such-person/x").path("DIR", tmp_path)) == (
        "DIR starts with a home directory that does not exist."
    )


def test_a_database_address_is_taken_apart() -> None:
    config = environment(DB="postgres://ada:p%40ss@db:5433/viztube").database("DB")

    assert (config["USER"], config["PASSWORD"]) == ("ada", "p@ss")
    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db", 5433, "viztube")
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert environment(DB="postgresql:///viztube").database("DB")["NAME"] == "viztube"


@pytest.mark.parametrize(
    "value",
    [
        "sqlite:///db.sqlite3",
        "mysql://ada:x@db/viztube",
        "db:5432/viztube",
        "postgres://ada:x@db:5432",
        "postgres://ada:x@db:5432/",
        "postgres://ada:x@db:many/viztube",
        "postgres://ada:x@db:99999/viztube",
        "http://[bad",
        "postgres",
    ],
)
def test_anything_else_is_no_database(value: str) -> None:
    assert refusal(lambda: environment(DB=value).database("DB")) == (
        "DB must look like postgres://user:password@host:5432/name."
    )


@pytest.mark.parametrize(
    "value",
    [
        "redis://127.0.0.1:6379/0",
        "redis://:pass@cache",
        "rediss://cache:6380/1",
        "unix:///run/valkey.sock",
        "unix://:pass@/run/valkey.sock?db=1",
    ],
)
def test_a_cache_address_is_taken_as_it_is(value: str) -> None:
    assert environment(CACHE=value).redis("CACHE") == value


@pytest.mark.parametrize(
    "value",
    [
        "http://cache",
        "cache:6379",
        "redis://",
        "redis:///0",
        "redis://cache:many",
        "redis://cache:0",
        "redis://cache:99999",
        "redis://[bad",
        "unix://",
        "memcached://cache",
    ],
)
def test_anything_else_is_no_cache(value: str) -> None:
    assert refusal(lambda: environment(CACHE=value).redis("CACHE")) == (
        "CACHE must look like redis://:password@host:6379/0."
    )


DEFAULT_RATES = {"login": "10/15m", "read": "1200/1m"}


@pytest.mark.parametrize(
    ("value", "login", "read"),
    [
        ("", (10, 900), (1200, 60)),
        ("login=3/1h", (3, 3600), (1200, 60)),
        ("read=5/10s, login=1/2d", (1, 172_800), (5, 10)),
        ("read=999999999/1s login=1/1m", (1, 60), (999_999_999, 1)),
    ],
)
def test_rates_are_numbers_and_seconds(
    value: str, login: tuple[int, int], read: tuple[int, int]
) -> None:
    rates = environment(RATES=value).rates("RATES", DEFAULT_RATES)

    assert rates == {"login": login, "read": read}


@pytest.mark.parametrize(
    "value",
    ["login=", "login", "login=0/1m", "login=5/0s", "login=5/m", "login=-1/1m", "login=5/1w"],
)
def test_a_rate_of_another_form_is_refused(value: str) -> None:
    assert refusal(lambda: environment(RATES=value).rates("RATES", DEFAULT_RATES)) == (
        "RATES must look like login=10/15m, read=900/1m: a number, a slash, and a time in s, m, h "
        "or d."
    )


@pytest.mark.parametrize("value", ["logins=5/1m", "login=5/1m,login=6/1m", "=5/1m", "10/15m"])
def test_a_rate_of_something_else_is_refused(value: str) -> None:
    assert refusal(lambda: environment(RATES=value).rates("RATES", DEFAULT_RATES)) == (
        "RATES may name each of these once: login, read."
    )

"""Headers of answers: set without Django's conversion where none is needed, and as safe."""

from typing import Any

import pytest
from django.http.response import BadHeaderError, HttpResponse

from viztube.api.responses import Answer

PLAIN: tuple[tuple[Any, Any], ...] = (
    ("X-One", '1; two="3"'),
    ("X-Empty", ""),
    ("X-Number", 5),
    ("X-Bytes", b"bytes"),
    ("X-Word", "J\u00fcrgen"),
    ("X-Film", "\U0001f3ac"),
    (b"X-Name", "bytes"),
)


@pytest.mark.parametrize(("name", "value"), PLAIN)
def test_a_header_is_what_django_makes_of_it(name: Any, value: Any) -> None:
    ours, expected = Answer({}), HttpResponse(content_type="text/plain")
    for response in (ours, expected):
        response.headers[name] = value
        response.headers["X-Same"] = "1"
        response.headers["x-same"] = "2"
    del ours.headers["Content-Type"], expected.headers["Content-Type"]

    assert list(ours.items()) == list(expected.items())


@pytest.mark.parametrize("value", ["one\r\nSet-Cookie: two=2", "one\ntwo", "one\rtwo", b"one\ntwo"])
def test_a_header_does_not_become_two(value: Any) -> None:
    for name, told in (("X-One", value), (value, "one")):
        with pytest.raises(BadHeaderError):
            Answer({}).headers[name] = told


def test_names_of_headers_have_no_case() -> None:
    answer = Answer({}, headers={"X-One": "1"})

    assert "x-one" in answer.headers
    assert answer["X-ONE"] == "1"
    answer.headers.setdefault("x-One", "2")
    del answer["x-oNe"]
    assert "X-One" not in answer.headers
    answer.headers.setdefault("x-One", "2")
    assert answer.headers["X-One"] == "2"

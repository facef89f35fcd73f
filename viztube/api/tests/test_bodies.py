"""Bodies of every kind, whole and broken."""

from typing import Any

import pytest

from viztube.api.tests.fixtures import Client

LOGIN = "user/login"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=X"
PART = '--X\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'


def parts(**fields: str) -> bytes:
    body = "".join(PART.format(name, value) for name, value in fields.items())
    return f"{body}--X--\r\n".encode()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"username=ada",
        b'{"username": "ada", }',
        b'{"username": "ada"} more',
        b'{"username": NaN, "password": "x"}',
        b'{"username": "ada", "password": Infinity}',
        b'{"username": "\\ud800", "password": "x"}',
        b'{"username": "\xff", "password": "x"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_broken_json_is_400(api: Client, body: bytes) -> None:
    answer = api.post(LOGIN, body)

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["message"] == (
        "The body could not be read: check its format and Content-Type."
    )


@pytest.mark.parametrize("body", [b"[]", b"[1]", b"7", b'"text"', b"null", b"true", b"{}", b""])
def test_json_that_is_no_object_is_400(api: Client, body: bytes) -> None:
    answer = api.post(LOGIN, body)

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["errors"]


def test_nested_values_where_text_belongs_are_400(api: Client) -> None:
    answer = api.post(LOGIN, {"username": {"a": 1}, "password": ["x"]})

    assert answer.status == 400
    assert sorted(answer.body["details"]) == ["password", "username"]


@pytest.mark.parametrize("value", [5, 12345678, 1.5, True])
def test_numbers_where_text_belongs_are_400(api: Client, value: float) -> None:
    answer = api.post(LOGIN, {"username": value, "password": value})

    assert (answer.status, answer.code) == (400, "invalid")
    assert sorted(answer.body["details"]) == ["password", "username"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"username=5&password=12345678", FORM), (parts(username="5", password="1.5"), MULTIPART)],
)
def test_digits_in_a_form_are_text(api: Client, body: bytes, content_type: str) -> None:
    answer = api.post(LOGIN, body, content_type=content_type)

    assert (answer.status, answer.code) == (401, "invalid_credentials")


def test_fields_nobody_knows_are_ignored(api: Client) -> None:
    answer = api.post(LOGIN, {"username": "nobody", "password": "x", "colour": ["blue"]})

    assert (answer.status, answer.code) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"username": "a\\u0000b", "password": "x"}', "application/json"),
        (b"username=a%00b&password=x", FORM),
        (parts(username="a\0b", password="x"), MULTIPART),
    ],
)
def test_nul_bytes_are_400(api: Client, body: bytes, content_type: str) -> None:
    answer = api.post(LOGIN, body, content_type=content_type)

    assert answer.status == 400
    assert list(answer.body["details"]) == ["username"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"username": "nobody", "password": "x"}', "application/json"),
        (b'{"username": "nobody", "password": "x"}', "APPLICATION/JSON; charset=utf-8"),
        (b"username=nobody&password=x", FORM),
        (parts(username="nobody", password="x"), MULTIPART),
    ],
)
def test_json_forms_and_multipart_all_count(api: Client, body: bytes, content_type: str) -> None:
    answer = api.post(LOGIN, body, content_type=content_type)

    assert (answer.status, answer.code) == (401, "invalid_credentials")


@pytest.mark.parametrize("charset", ["bogus", "hex", "undefined", "idna", "utf-16", '"'])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"refreshToken": "nonsense"}', "application/json"),
        (b"refreshToken=nonsense", FORM),
        (parts(refreshToken="nonsense"), MULTIPART),
    ],
)
def test_the_charset_of_a_body_is_ignored(
    api: Client, body: bytes, kind: str, charset: str
) -> None:
    answer = api.post("user/refresh-token", body, content_type=f"{kind}; charset={charset}")

    assert (answer.status, answer.code) == (401, "token_invalid")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/html", "application/xml", "image/png", "application/jsonp", "nonsense"],
)
def test_other_types_of_content_are_415(api: Client, content_type: str) -> None:
    answer = api.post(LOGIN, b"{}", content_type=content_type)

    assert (answer.status, answer.code) == (415, "unsupported_media")
    assert answer.body["message"] == "Send JSON, a form or multipart form data."


def test_multipart_where_only_json_is_of_use_is_read_all_the_same(api: Client) -> None:
    answer = api.post(LOGIN, parts(), content_type=MULTIPART)

    assert answer.status == 400
    assert "password" in answer.body["details"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (parts(username="a"), "multipart/form-data; x=y"),
        (parts(username="a"), "multipart/form-data; boundary="),
        (parts(username="a"), "multipart/form-data; boundary=é"),
        (parts(username="a")[:40], MULTIPART),
        (b"not multipart at all", MULTIPART),
    ],
)
def test_broken_multipart_is_400(api: Client, body: bytes, content_type: str) -> None:
    answer = api.post(LOGIN, body, content_type=content_type)

    assert (answer.status, answer.code) == (400, "invalid")


@pytest.mark.parametrize("length", ["abc", "-5", "1e9", ""])
def test_an_odd_content_length_counts_as_none(api: Client, length: str) -> None:
    for content_type in ("application/json", FORM, MULTIPART):
        response: Any = api.http.generic(
            "POST", "/api/v2/user/login", b"{}", content_type, CONTENT_LENGTH=length
        )
        assert response.status_code == 400
        assert response.json()["code"] == "invalid"


def test_too_many_fields_are_413(api: Client) -> None:
    fields = {f"field{number}": "x" for number in range(601)}

    answer = api.post(LOGIN, parts(**fields), content_type=MULTIPART)

    assert (answer.status, answer.code) == (413, "too_large")


def test_a_body_on_a_get_is_ignored(api: Client) -> None:
    assert api.get("videos", body=b"{broken", content_type="text/plain").status == 200


def test_a_body_in_chunks_is_411_and_not_an_empty_one(api: Client) -> None:
    answer = api.post("user/login", {"username": "x", "password": "y"}, Transfer_Encoding="chunked")

    assert (answer.status, answer.code) == (411, "invalid")


def test_a_part_with_a_crafted_header_is_400(api: Client) -> None:
    body = (
        b'--X\r\nContent-Disposition: form-data; name="v"; filename*0*=;filename*=\r\n\r\nx'
        b"\r\n--X--\r\n"
    )

    answer = api.post("user/login", body, content_type="multipart/form-data; boundary=X")

    assert (answer.status, answer.code) == (400, "invalid")

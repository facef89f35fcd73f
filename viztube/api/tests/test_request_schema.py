"""How bodies of requests are documented: bounds of texts, files, forms, what is required."""

import re
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from viztube.api.tests.fixtures import openapi

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
REGISTER = ("/api/v2/user/register", "post")
UPDATE_ACCOUNT = ("/api/v2/user/update-account", "patch")
UPDATE_VIDEO = ("/api/v2/videos/{id}", "patch")
LOGIN = ("/api/v2/user/login", "post")


def content(operation: tuple[str, str], media_type: str) -> dict[str, Any]:
    path, method = operation
    found: dict[str, Any] = openapi()["paths"][path][method]["requestBody"]["content"][media_type]
    return found


def takes(operation: tuple[str, str], media_type: str, body: dict[str, Any]) -> bool:
    """Tell whether the documentation allows a body."""
    schema = {**content(operation, media_type)["schema"], "components": openapi()["components"]}
    return bool(Draft202012Validator(schema).is_valid(body))


def account(**changes: str) -> dict[str, str]:
    return {
        "fullname": "Ada",
        "username": "ada",
        "email": "ada@example.org",
        "password": "long enough",
        **changes,
    }


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("fullname", "Ada", True),
        ("fullname", " Ada ", True),
        ("fullname", "  ", False),
        ("fullname", "\x1f\x85", False),
        ("fullname", "a\0b", False),
        ("fullname", "x" * 101, False),
        ("username", " Ada ", True),
        ("username", "ad", False),
        ("username", "a" * 31, False),
        ("username", "ada!", False),
        ("email", "ada@example.x", False),
        ("password", "1234567", False),
        ("password", "12345678", False),
        ("password", "1234567x", True),
        ("password", "        ", True),
        ("password", "1234567\0", False),
    ],
)
def test_the_bounds_of_texts_are_documented(field: str, value: str, allowed: bool) -> None:
    assert takes(REGISTER, JSON, account(**{field: value})) == allowed


def test_fields_nobody_knows_are_documented_as_allowed() -> None:
    assert takes(REGISTER, JSON, account(colour="blue"))


@pytest.mark.parametrize(
    ("operation", "files"),
    [(REGISTER, {"avatar", "coverImage"}), (UPDATE_VIDEO, {"thumbnail"})],
)
def test_files_are_documented_for_multipart_alone(
    operation: tuple[str, str], files: set[str]
) -> None:
    for media_type in (JSON, FORM, MULTIPART):
        name = content(operation, media_type)["schema"]["$ref"].rpartition("/")[2]
        fields = set(openapi()["components"]["schemas"][name]["properties"])
        assert fields & files == (files if media_type == MULTIPART else set())


def test_the_types_of_files_are_documented() -> None:
    encoding = content(("/api/v2/videos", "post"), MULTIPART)["encoding"]

    assert encoding == {
        "videoFile": {
            "contentType": "video/mp4, video/quicktime, video/webm, video/x-matroska",
        },
        "thumbnail": {"contentType": "image/jpeg, image/png, image/webp"},
    }


@pytest.mark.parametrize("media_type", [FORM, MULTIPART])
def test_blank_is_documented_as_not_sent_in_forms(media_type: str) -> None:
    assert takes(UPDATE_ACCOUNT, media_type, {"username": "", "fullname": "Ada"})
    assert not takes(UPDATE_ACCOUNT, media_type, {"username": "", "fullname": ""})
    assert not takes(UPDATE_ACCOUNT, JSON, {"username": "", "fullname": "Ada"})
    assert takes(UPDATE_VIDEO, media_type, {"isPublished": "yes"})
    assert takes(UPDATE_VIDEO, media_type, {"isPublished": "", "title": "x"})
    assert not takes(UPDATE_VIDEO, media_type, {"isPublished": ""})
    assert not takes(UPDATE_VIDEO, media_type, {"isPublished": "perhaps"})
    assert not takes(UPDATE_VIDEO, JSON, {"isPublished": "yes"})


@pytest.mark.parametrize("operation", [UPDATE_ACCOUNT, UPDATE_VIDEO])
def test_changes_are_documented_to_need_one(operation: tuple[str, str]) -> None:
    path, method = operation

    assert openapi()["paths"][path][method]["requestBody"]["required"] is True
    for media_type in (JSON, FORM, MULTIPART):
        assert not takes(operation, media_type, {})
        assert not takes(operation, media_type, {"colour": "blue"})


def test_either_name_is_documented_to_be_enough_for_a_login() -> None:
    assert takes(LOGIN, JSON, {"email": "a@example.org", "username": None, "password": "x"})
    assert takes(LOGIN, JSON, {"email": "", "username": "ada", "password": "x"})
    assert not takes(LOGIN, JSON, {"email": " ", "username": None, "password": "x"})
    assert not takes(LOGIN, JSON, {"password": "x"})


@pytest.mark.parametrize("picture", ["avatar", "cover-image"])
def test_a_picture_is_documented_as_required(picture: str) -> None:
    operation = (f"/api/v2/user/update-{picture}", "patch")

    assert not takes(operation, MULTIPART, {})


def test_headers_of_errors_are_documented() -> None:
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                if status < "400":
                    continue
                expected = {
                    "401": {"WWW-Authenticate"},
                    "429": {"Retry-After", "RateLimit", "RateLimit-Policy"},
                    "503": {"Retry-After"},
                }.get(status, set())
                assert set(response.get("headers", ())) == expected, (path, method, status)


def test_no_schema_is_listed_that_nothing_refers_to() -> None:
    document = openapi()
    names = set(re.findall(r"#/components/schemas/(\w+)", repr(document)))

    assert set(document["components"]["schemas"]) == names


def test_query_parameters_document_what_they_take() -> None:
    parameters = {
        one["name"]: one for one in openapi()["paths"]["/api/v2/videos"]["get"]["parameters"]
    }

    query, sort = parameters["query"], parameters["sortType"]
    assert (query["description"], query["schema"]["maxLength"]) == ("Words to find.", 200)
    assert not re.fullmatch(query["schema"]["pattern"], "a\0b")
    assert (sort["description"], sort["schema"]["enum"]) == ("Default desc.", ["", "asc", "desc"])

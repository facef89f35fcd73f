"""The documentation is valid, complete and served."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from viztube.api.tests.fixtures import Client, openapi

METHODS = {"get", "post", "put", "patch", "delete"}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_document_is_valid_and_without_warnings() -> None:
    output = StringIO()

    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--format=openapi-json", stdout=output
    )

    assert json.loads(output.getvalue())["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/v2/schema", "application/vnd.oai.openapi"),
        ("/api/v2/schema/", "application/vnd.oai.openapi"),
        ("/api/v2/docs", "text/html"),
        ("/api/v2/redoc", "text/html"),
    ],
)
def test_the_documentation_is_public(api: Client, path: str, content_type: str) -> None:
    response: Any = api.http.get(path)

    assert response.status_code == 200
    assert response["Content-Type"].startswith(content_type)


def test_every_address_is_below_the_prefix_and_tagged_by_its_first_word() -> None:
    assert operations()
    for path, _, operation in operations():
        assert path.startswith("/api/v2/")
        assert operation["tags"] == [path.split("/")[3]]


def test_both_ways_to_authenticate_are_documented(settings: Any) -> None:
    schemes = openapi()["components"]["securitySchemes"]

    assert schemes["cookieAuth"] == {
        "type": "apiKey",
        "in": "cookie",
        "name": settings.ACCESS_COOKIE,
    }
    assert (schemes["bearerAuth"]["type"], schemes["bearerAuth"]["scheme"]) == ("http", "bearer")
    details = openapi()["paths"]["/api/v2/user/current-user-details"]["get"]
    assert {"cookieAuth": []} in details["security"]
    assert {"bearerAuth": []} in details["security"]


def test_every_operation_documents_its_errors() -> None:
    error = {"$ref": "#/components/schemas/Error"}
    for path, method, operation in operations():
        responses = operation["responses"]
        expected = {"400", "404", "429", "500", "503"}
        if method in {"post", "put", "patch"}:
            expected |= {"409", "413", "415"}
        assert expected <= set(responses), f"{method} {path}"
        for status, response in responses.items():
            if int(status) >= 400:
                assert response["description"]
                assert response["content"]["application/json"]["schema"] == error


def test_what_needs_an_account_documents_401_and_403() -> None:
    paths = openapi()["paths"]

    private = set(paths["/api/v2/user/change-password"]["post"]["responses"])
    public = set(paths["/api/v2/videos"]["get"]["responses"])
    health = set(paths["/api/v2/healthcheck"]["get"]["responses"])
    assert {"401", "403"} <= private
    assert "401" in public
    assert "403" not in public
    assert not health & {"401", "403"}


def test_every_success_is_documented_in_its_envelope() -> None:
    for path, method, operation in operations():
        successes = {
            status: response
            for status, response in operation["responses"].items()
            if int(status) < 300
        }
        assert successes, f"{method} {path}"
        for status, response in successes.items():
            assert "content" in response, f"{method} {path} documents an empty {status}"
            schema = response["content"]["application/json"]["schema"]
            assert schema["required"][:4] == ["statusCode", "data", "message", "success"]
            assert schema["properties"]["statusCode"] == {"const": int(status)}


def test_lists_document_their_page_parameters() -> None:
    parameters = {
        one["name"]: one for one in openapi()["paths"]["/api/v2/videos"]["get"]["parameters"]
    }

    assert {"page", "limit", "cursor"} <= set(parameters)
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "default": 10}


@pytest.mark.parametrize("version", ["%00", "%0d%0a", "zzz"])
def test_a_version_that_is_asked_for_changes_nothing(api: Client, version: str) -> None:
    plain = api.http.get("/api/v2/schema")
    asked = api.http.get(f"/api/v2/schema?version={version}")

    assert (asked.status_code, asked.content) == (200, plain.content)
    assert asked["Content-Disposition"] == plain["Content-Disposition"]


def test_the_document_is_the_same_every_time_and_its_references_lead_somewhere(api: Client) -> None:
    documents = [api.http.get("/api/v2/schema").content for _ in range(3)]
    components = openapi()["components"]["schemas"]

    assert documents[0] == documents[1] == documents[2]
    names = set(re.findall(rb"#/components/schemas/(\w+)", documents[0]))
    assert names <= {name.encode() for name in components}

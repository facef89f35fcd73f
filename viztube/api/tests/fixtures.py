"""Fixtures of every test: a client that checks each answer against the documentation.

Loaded as a pytest plugin, so nothing here may import models at module level.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import TestCase
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from jsonschema_rs import Draft202012Validator

from viztube.api.rates import RATES

API = "/api/v2"

# All tests come from one address, and sign in as often as they like. Before the settings are read.
GENEROUS = ",".join(f"{scope}=1000000/1s" for scope in RATES)
os.environ["RATE_LIMITS"] = GENEROUS


@cache
def openapi() -> dict[str, Any]:
    """Return the generated OpenAPI document."""
    from drf_spectacular.generators import SchemaGenerator

    return dict(SchemaGenerator().get_schema(request=None, public=True))


@cache
def documented_paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Return a pattern and the operations of each documented address, literal ones first."""
    paths = sorted(openapi()["paths"].items(), key=lambda item: item[0].count("{"))
    return [
        (re.compile(re.sub(r"\\{[^/]+\\}", "[^/]+", re.escape(path))), operations)
        for path, operations in paths
    ]


def check_documented(method: str, path: str, status: int, body: Any) -> None:
    """Fail unless an answer is one that the documentation promises for this call."""
    for number, (pattern, operations) in enumerate(documented_paths()):
        operation = operations.get(method.lower())
        if operation and pattern.fullmatch(path.rstrip("/")):
            assert str(status) in operation["responses"], f"{method} {path} documents no {status}"
            answer_validator(number, method.lower(), str(status)).validate(body)
            break
    else:
        assert status >= 400, f"{method} {path} is not documented"
        error_validator().validate(body)


@cache
def answer_validator(number: int, method: str, status: str) -> Draft202012Validator:
    """Return what checks such answers of a call to one of the ``documented_paths()``."""
    response = documented_paths()[number][1][method]["responses"][status]
    return _validator(response["content"]["application/json"]["schema"])


@cache
def error_validator() -> Draft202012Validator:
    """Return what checks errors of addresses that are not documented."""
    return _validator(openapi()["components"]["schemas"]["Error"])


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": openapi()["components"]})


@dataclass
class Answer:
    """What came back: status, parsed body, and Django's response for the rest."""

    status: int
    body: Any
    response: Any

    @property
    def data(self) -> Any:
        """Return the ``data`` of a success answer."""
        assert self.body["success"], self.body
        return self.body["data"]

    @property
    def code(self) -> str:
        """Return the code of an error answer."""
        assert not self.body["success"], self.body
        return str(self.body["code"])


class Client:
    """An HTTP client of the API, with cookies, over Django's real handler and middleware."""

    def __init__(self, token: str | None = None) -> None:
        from django.test import Client as DjangoClient
        from django.test import client as django_client

        from viztube.api.requests import Utf8Request

        # Requests are of the class that our WSGI application makes them of.
        django_client.WSGIRequest = Utf8Request  # type: ignore[attr-defined]
        self.http = DjangoClient(raise_request_exception=False)
        self.token = token

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Answer:
        """Send a request; a dict is sent as JSON, or as multipart when it holds a file.

        ``path`` is below ``/api/v2/`` unless it starts with a slash or is a whole address.
        What a commit would start is run, as it would be outside a test's transaction.
        """
        path = path.removeprefix(settings.PUBLIC_URL)
        if not path.startswith("/"):
            path = f"{API}/{path}"
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        forget_what_the_test_changed()
        data = b""
        if content_type == "multipart/form-data" or _has_file(body):
            data, content_type = encode_multipart(BOUNDARY, body), MULTIPART_CONTENT
        elif isinstance(body, bytes):
            data = body
        elif body is not None:
            data = json.dumps(body).encode()
        with TestCase.captureOnCommitCallbacks(execute=True):
            response: Any = self.http.generic(
                method,
                path,
                data,
                content_type,
                headers={name.replace("_", "-"): value for name, value in headers.items()},
                query_params=query,
            )
        # What the service itself has written is for the service to forget.
        _written.clear()
        parsed = None
        if response.headers.get("Content-Type", "").startswith("application/json"):
            parsed = response.json() if response.content else None
        if parsed is not None and path.startswith(API):
            assert parsed["statusCode"] == response.status_code
            check_documented(method, path.partition("?")[0], response.status_code, parsed)
        return Answer(response.status_code, parsed, response)

    def get(self, path: str, **kwargs: Any) -> Answer:
        """Send a GET."""
        return self.request("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        """Send a POST."""
        return self.request("POST", path, body, **kwargs)

    def put(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        """Send a PUT."""
        return self.request("PUT", path, body, **kwargs)

    def patch(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        """Send a PATCH."""
        return self.request("PATCH", path, body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Answer:
        """Send a DELETE."""
        return self.request("DELETE", path, **kwargs)


def _has_file(body: Any) -> bool:
    return isinstance(body, dict) and any(hasattr(value, "read") for value in body.values())


# Statements that the test itself sent, since the last request of a client.
_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
_written: list[bool] = []


@pytest.fixture(autouse=True)
def circuits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test begin with a cache that failed for the one before it, and is not asked."""
    from viztube.api import caching

    for name in ("_server", "_writes"):
        monkeypatch.setattr(
            caching, name, caching.Circuit(name, away=f"{name} away", back=f"{name} back")
        )


@pytest.fixture(autouse=True)
def shared_entries(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a test find the shared cache empty, and what it changes past the service be seen at once.

    Entries end with changes by the service. Factories and tests write past it; what they change
    would be seen late. ``lasting_entries`` leaves that to the service alone.
    """
    from viztube.api import shared

    if not {"db", "transactional_db"} & {*request.fixturenames}:
        yield
        return
    shared.forget(shared.EVERYTHING)
    if "lasting_entries" in request.fixturenames:
        yield
        return

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if str(sql).lstrip().startswith(_WRITES):
            _written.append(True)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield
    _written.clear()


@pytest.fixture
def lasting_entries(db: None) -> None:
    """Leave shared entries alone, whatever the test writes past the service."""


def forget_what_the_test_changed() -> None:
    """Let no shared entry count that is from before what the test wrote itself."""
    from viztube.api import shared

    if _written:
        _written.clear()
        shared.forget(shared.EVERYTHING)


@pytest.fixture
def api(db: None) -> Client:
    """Return a client that is signed out."""
    return Client()

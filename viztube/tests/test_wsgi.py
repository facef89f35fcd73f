"""How requests are made from what gunicorn hands over, before any middleware."""

from io import BytesIO

import pytest
from django.http.request import HttpHeaders
from django.urls import Resolver404

from viztube.wsgi import application


@pytest.mark.parametrize("charset", ["hex", "idna", "undefined", "utf-16", "nonsense"])
def test_a_charset_in_the_content_type_changes_nothing(charset: str) -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/v2/videos",
        "QUERY_STRING": "query=caf%C3%A9",
        "CONTENT_TYPE": f"text/plain; charset={charset}",
        "wsgi.input": BytesIO(),
    }

    request = application.request_class(environ)

    assert request.GET["query"] == "caf\u00e9"
    assert request.content_type == "text/plain"


@pytest.mark.parametrize(
    "crafted", ["text/plain; charset*=utf-99''x", "x/y; x*0*=;x*=", "x/y; charset*=idna''%41"]
)
def test_a_crafted_content_type_is_one_that_is_not_accepted(crafted: str) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v2/user/login",
        "CONTENT_TYPE": crafted,
        "wsgi.input": BytesIO(),
    }

    request = application.request_class(environ)

    assert request.META["CONTENT_TYPE"] == "application/octet-stream"


def test_headers_are_what_django_finds() -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "HTTP_X_REQUEST_ID": "abc",
        "HTTP_HOST": "viztube.example",
        "wsgi.input": BytesIO(),
    }
    expected = HttpHeaders(environ)
    headers = application.request_class(environ).headers

    assert dict(headers) == dict(expected)
    assert len(headers) == len(expected)
    for name in ("X-Request-ID", "x-request-id", "Content-Type", "content-length", "Origin"):
        assert headers.get(name) == expected.get(name)
        assert (name in headers) == (name in expected)


def test_a_view_is_found_again_with_the_arguments_of_its_address() -> None:
    def found(path: str) -> tuple[str, dict[str, str]]:
        request = application.request_class(
            {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.input": BytesIO()}
        )
        match = application.resolve_request(request)
        assert request.resolver_match is match
        return str(match.route), match.kwargs

    for _ in range(2):
        assert found("/api/v2/user/c/ada") == ("api/v2/user/c/<path:username>", {"username": "ada"})
        assert found("/api/v2/user/c/bob")[1] == {"username": "bob"}
        with pytest.raises(Resolver404):
            found("/nowhere")

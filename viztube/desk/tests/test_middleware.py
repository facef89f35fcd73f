"""Calls of the API pass by what pages have: sessions, messages, policies, static files."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.messages.storage.base import BaseStorage
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import DatabaseError, OperationalError, connection
from django.test import Client as DjangoClient
from django.test.utils import CaptureQueriesContext

from viztube.api.tests.fixtures import API, Client

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"
CALLS = ("videos", "healthcheck", "nothing", "user/current-user-details", "schema", "redoc")
LOGIN = "/admin/login/?next=/admin/"


@pytest.fixture
def staff() -> Any:
    """Return who may do everything in admin."""
    people: Any = get_user_model()
    person = people(username="ann", email="ann@viztube.example", fullname="Ann")
    person.is_staff = person.is_superuser = True
    person.set_password(PASSWORD)
    person.save()
    return person


@pytest.fixture
def browser(staff: Any) -> DjangoClient:
    """Return a browser that is signed in to admin."""
    browser = DjangoClient()
    browser.force_login(staff)
    return browser


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("signed_in", [False, True])
def test_a_call_gives_out_no_cookie_of_pages(
    browser: DjangoClient, path: str, signed_in: bool
) -> None:
    client = browser if signed_in else DjangoClient()

    answer = client.get(f"{API}/{path}")

    assert not answer.cookies
    assert "Content-Security-Policy" not in answer
    # As before: nobody's page may show it within its own.
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["post", "patch", "delete"])
def test_a_call_that_changes_gives_out_no_cookie_of_pages(
    browser: DjangoClient, method: str
) -> None:
    answer = getattr(browser, method)(f"{API}/user/logout", "{}", "application/json")

    assert {"sessionid", "csrftoken"}.isdisjoint(answer.cookies)


def test_a_call_reads_no_session_of_admin(browser: DjangoClient) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(f"{API}/videos").status_code == 200
        assert browser.get(f"{API}/user/current-user-details").status_code == 401

    assert not [query for query in captured if "django_session" in query["sql"]]
    # Which would be read, and kept for longer, by a page.
    with CaptureQueriesContext(connection) as captured:
        assert browser.get("/admin/").status_code == 200
    assert [query for query in captured if "django_session" in query["sql"]]


def test_an_odd_session_of_admin_does_not_matter_to_a_call(api: Client) -> None:
    for value in ("x" * 32, "", "é", "a" * 4000):
        api.http.cookies["sessionid"] = value
        assert api.get("videos").status == 200


def test_people_sign_in_to_admin_and_out(staff: Any) -> None:
    browser = DjangoClient(enforce_csrf_checks=True)
    form = browser.get(LOGIN)
    assert form.cookies["csrftoken"].value
    answer = {"username": "ann", "password": PASSWORD, "next": "/admin/"}
    assert browser.post(LOGIN, answer).status_code == 403

    answer["csrfmiddlewaretoken"] = browser.cookies["csrftoken"].value
    signed_in = browser.post(LOGIN, answer)

    assert (signed_in.status_code, signed_in["Location"]) == (302, "/admin/")
    assert signed_in.cookies["sessionid"]["httponly"]
    assert Session.objects.count() == 1
    assert browser.get("/admin/").status_code == 200
    token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    assert browser.post("/admin/logout/", token).status_code == 200
    assert browser.get("/admin/").status_code == 302


def test_admin_says_once_what_was_done(browser: DjangoClient) -> None:
    answer = browser.post("/admin/auth/group/add/", {"name": "Friends"})
    assert answer.status_code == 302

    said = browser.get("/admin/auth/group/")
    assert "was added successfully" in said.content.decode()
    assert "was added successfully" not in browser.get("/admin/auth/group/").content.decode()


def test_a_call_takes_no_message_away(browser: DjangoClient) -> None:
    browser.post("/admin/auth/group/add/", {"name": "Friends"})
    browser.get(f"{API}/videos")

    said = browser.get("/admin/auth/group/")
    assert "was added successfully" in said.content.decode()
    assert isinstance(said.context["messages"], BaseStorage)


def test_the_page_to_try_calls_on_is_shown(browser: DjangoClient) -> None:
    for client in (browser, DjangoClient()):
        answer = client.get(f"{API}/docs")

        assert answer.status_code == 200
        assert f'"{API}/schema"' in answer.content.decode()
        assert set(answer.cookies) == {"csrftoken"}


def test_static_files_are_served() -> None:
    answer = DjangoClient().get("/static/admin/css/base.css")

    assert (answer.status_code, answer["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    # Which closes the file.
    assert answer.getvalue()


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError("gone"), 503), (DatabaseError("a mistake"), 500)]
)
def test_a_page_whose_session_cannot_be_kept_any_more_is_503(
    staff: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def save(session: SessionStore, must_create: bool = False) -> None:
        raise error

    browser = DjangoClient(raise_request_exception=False)
    monkeypatch.setattr(SessionStore, "save", save)
    # Nobody is signed in by this: the session is not kept.
    monkeypatch.setattr(SessionStore, "create", lambda session: None)

    answer = browser.post(LOGIN, {"username": "ann", "password": PASSWORD, "next": "/admin/"})

    assert answer.status_code == status
    assert "sessionid" not in answer.cookies
    if status == 503:
        assert answer["Retry-After"]
        assert b"not available" in answer.content


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/", "/watch/x", "/api"])
def test_pages_pass_through_all_of_it(browser: DjangoClient, path: str) -> None:
    request = browser.get(path).wsgi_request

    for name in ("session", "user", "_messages"):
        assert hasattr(request, name)


def test_a_call_has_no_session_and_no_messages(api: Client) -> None:
    request = api.get("videos").response.wsgi_request

    assert not hasattr(request, "session")
    assert not hasattr(request, "_messages")

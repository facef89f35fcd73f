"""The landing page, for people who open the address in a browser."""

from typing import Any

import pytest
from django.test import Client as DjangoClient

from viztube import __version__
from viztube.ops.tests.test_health import without_database

pytestmark = pytest.mark.django_db


def test_it_is_a_page_with_name_version_and_health() -> None:
    answer = DjangoClient().get("/")
    page = answer.content.decode()

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<title>VizTube</title>" in page
    assert __version__ in page
    assert "Database is up" in page
    assert "Cache is up" in page
    assert "is away" not in page


def test_its_links_lead_somewhere() -> None:
    browser = DjangoClient()
    page = browser.get("/").content.decode()

    for address in ("/api/v2/docs", "/api/v2/redoc", "/api/v2/schema", "/admin/"):
        assert f'href="{address}"' in page
        assert browser.get(address, follow=True).status_code == 200


def test_it_shows_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Any = without_database(lambda: DjangoClient().get("/"), monkeypatch)

    assert answer.status_code == 200
    assert "Database is away" in answer.content.decode()
    assert "Cache is up" in answer.content.decode()


def test_it_shows_a_cache_that_is_away(settings: Any) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }
    page = DjangoClient().get("/").content.decode()

    assert "Cache is away" in page
    assert "Database is up" in page


def test_head_and_other_methods() -> None:
    browser = DjangoClient()

    assert browser.head("/").status_code == 200
    answer = browser.post("/")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")

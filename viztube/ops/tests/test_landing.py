"""The landing page, for people who open the address in a browser."""

import re
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client as DjangoClient

from users.tests.queries import captured_queries
from videos.querysets import VideoQuerySet
from videos.tests.factories import VideoFactory
from videos.tests.hidden import HIDDEN
from viztube import __version__
from viztube.media.backends import disk
from viztube.ops.tests.test_health import without_database
from viztube.ops.views import NEWEST

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


@pytest.mark.parametrize("more", [0, 1])
def test_it_leads_to_the_newest_videos_at_the_cost_of_one_more_query(more: int) -> None:
    videos = VideoFactory.create_batch(NEWEST + more)
    with captured_queries() as statements:
        page = DjangoClient().get("/").content.decode()

    shown = re.findall(r'href="(/watch/[^"]+)"', page)
    assert shown == [f"/watch/{video.pk}" for video in reversed(videos[more:])]
    for video in videos[more:]:
        assert video.title in page
        assert f"{video.user.fullname}</bdi>, 0:12," in page
        assert f'src="{disk().url(video.thumbnail_path)}"' in page
    # Whether the database answers; the videos with their owners.
    assert len(statements) == 2, statements
    assert DjangoClient().get(shown[0]).status_code == 200


@pytest.mark.parametrize("kind", HIDDEN)
def test_it_shows_no_hidden_video(kind: str) -> None:
    HIDDEN[kind](title="Secret")
    page = DjangoClient().get("/").content.decode()

    assert "Secret" not in page
    assert "Newest videos" not in page


def test_posters_may_be_loaded_from_where_they_are() -> None:
    VideoFactory.create(thumbnail_file="https://pictures.example/a.jpg")
    VideoFactory.create(thumbnail_file="")
    policy = DjangoClient().get("/")["Content-Security-Policy"]

    assert "img-src data: https://pictures.example;" in f"{policy};"


def test_what_people_wrote_is_shown_as_it_stands() -> None:
    video = VideoFactory.create(title="<i id=injected>")
    video.user.fullname = '"><i id=injected>'
    video.user.save()
    page = DjangoClient().get("/").content.decode()

    assert "<i id" not in page
    assert page.count("&lt;i id=injected&gt;") == 2


def test_it_has_no_videos_when_the_database_goes_away_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(self: VideoQuerySet) -> VideoQuerySet:
        raise DatabaseError

    monkeypatch.setattr(VideoQuerySet, "published", away)
    assert DjangoClient().get("/").status_code == 200

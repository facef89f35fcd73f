"""The page to watch a video: what it shows, to whom, what it may load and what it costs."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.db import transaction
from django.test import Client as DjangoClient

from social.models import Comment
from social.tests.factories import CommentFactory, LikeFactory, SubscriptionFactory
from social.views import watch
from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import Video, ViewEvent
from videos.services.videos import delete_video
from videos.tests.factories import VideoFactory
from videos.tests.hidden import HIDDEN, suspended
from viztube.api.tests.threads import Started
from viztube.media.backends import disk
from viztube.media.tests.standin import StandIn

pytestmark = pytest.mark.django_db

UNKNOWN = "01890000-0000-7000-8000-000000000000"
MARKUP = "\"'><script id=injected>alert(1)</script>&amp;{{ 1 }}"
STREAM = "https://res.cloudinary.com/demo/video/upload/sp_auto/x.m3u8"
PICTURE = "https://pictures.example/a.png"


class Elements(HTMLParser):
    """The elements of a page: names and attributes as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def meta(self, name: str) -> str | None:
        """Return what the page tells other sites under a name; it must be there once."""
        (one,) = (one for one in self.all("meta") if name in (one.get("property"), one.get("name")))
        return one["content"]


def get(video: Video) -> Any:
    """Open the page of a video as a stranger."""
    return DjangoClient().get(f"/watch/{video.pk}")


def page_of(video: Video) -> Elements:
    """Return the page of a video, which must be there."""
    answer = get(video)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    return Elements(answer.content.decode())


def words(page: Elements) -> str:
    """Return the text of a page on one line."""
    return " ".join(page.text.split())


def policy_of(answer: Any) -> dict[str, list[str]]:
    """Return the policy of an answer, by directive."""
    rules = [rule.split() for rule in answer["Content-Security-Policy"].split(";") if rule.strip()]
    return {name: values for name, *values in rules}


def test_it_shows_the_video_its_channel_and_its_counts() -> None:
    owner = UserFactory.create(password=None, fullname="Ann Ames", avatar=PICTURE)
    video = VideoFactory.create(user=owner, title="Bees", description="All\nabout them", views=41)
    Video.objects.filter(pk=video.pk).update(created_at=datetime(2026, 3, 9, tzinfo=UTC))
    LikeFactory.create_batch(2, video=video)
    CommentFactory.create_batch(3, video=video)
    SubscriptionFactory.create(channel=owner)
    page = page_of(video)

    assert "<title>Bees - VizTube</title>" in get(video).content.decode()
    told = words(page)
    for text in ("42 views", "2 likes", "3 comments", "9 March 2026", "1 subscriber "):
        assert text in told, told
    assert "Ann Ames" in told
    assert f"@{owner.username}" in told
    assert owner.email not in told
    assert "All\nabout them" in page.text
    assert [one["src"] for one in page.all("img")] == [PICTURE]


def test_the_original_plays_without_any_script() -> None:
    video = VideoFactory.create()
    page = page_of(video)
    (player,) = page.all("video")

    assert player["src"] == disk().url(video.video_path)
    assert player["poster"] == disk().url(video.thumbnail_path)
    assert "controls" in player
    assert not page.all("script")
    assert not page.all("select")


def test_a_stream_comes_with_a_labelled_choice_of_quality() -> None:
    page = page_of(VideoFactory.create(stream_file=STREAM))

    assert page.all("video")[0]["data-stream"] == STREAM
    assert [one["src"] for one in page.all("script")] == [
        "/static/watch/hls/hls.min.js",
        "/static/watch/watch.js",
    ]
    (choice,) = page.all("select")
    assert [one["for"] for one in page.all("label")] == [choice["id"]]


def test_the_newest_comments_are_shown_as_everyone_may_see_them() -> None:
    video = VideoFactory.create()
    comments = CommentFactory.create_batch(watch.COMMENTS + 1, video=video)
    for number, comment in enumerate(comments):
        moment = datetime(2026, 1, number + 1, tzinfo=UTC)
        Comment.objects.filter(pk=comment.pk).update(created_at=moment)
    CommentFactory.create(video=video, content="Gone", removed_at=datetime(2026, 1, 1, tzinfo=UTC))
    away = UserFactory.create(password=None, **suspended())
    CommentFactory.create(video=video, content="Away", user=away)
    CommentFactory.create(content="Elsewhere")
    told = words(page_of(video))

    shown = re.findall(r"Comment number \d+", told)
    assert shown == [comment.content for comment in reversed(comments[1:])]
    assert f"The newest {watch.COMMENTS} of {watch.COMMENTS + 1}." in told
    for text in ("Gone", "Away", "Elsewhere"):
        assert text not in told


def test_other_sites_are_told_what_it_is() -> None:
    video = VideoFactory.create(title="Bees", description=f"All\n\nabout  them. {'x' * 300}")
    page = page_of(video)
    address = f"{django_settings.PUBLIC_URL}/watch/{video.pk}"

    assert page.meta("og:type") == "video.other"
    assert page.meta("og:title") == page.meta("twitter:title") == "Bees"
    assert page.meta("og:url") == address
    assert [one["href"] for one in page.all("link") if one["rel"] == "canonical"] == [address]
    assert page.meta("og:image") == page.meta("twitter:image") == disk().url(video.thumbnail_path)
    assert page.meta("og:video") == disk().url(video.video_path)
    assert (page.meta("og:video:width"), page.meta("og:video:height")) == ("1280", "720")
    summary = page.meta("og:description")
    assert summary == page.meta("twitter:description") == page.meta("description")
    assert summary is not None
    assert summary.startswith("All about them. xxx")
    assert len(summary) <= 200


@pytest.mark.parametrize("status", ["PROCESSING", "FAILED"])
def test_a_video_without_poster_size_or_description_has_its_page(status: str) -> None:
    nothing = {"thumbnail_file": "", "width": None, "height": None, "description": ""}
    video = VideoFactory.create(processing_status=status, **nothing)
    page = page_of(video)

    assert "poster" not in page.all("video")[0]
    assert page.meta("og:description") == f"A video by {video.user.fullname}"
    assert "None" not in words(page)


def test_what_people_wrote_is_shown_as_it_stands() -> None:
    owner = UserFactory.create(password=None, fullname=f"Olive {MARKUP}"[:100])
    video = VideoFactory.create(user=owner, title=f"How {MARKUP}", description=f"About {MARKUP}")
    writer = UserFactory.create(password=None, fullname=f"Wim {MARKUP}"[:100])
    # As the service before this one let them in.
    User.objects.filter(pk=writer.pk).update(username=f"wim {MARKUP}".lower())
    CommentFactory.create(video=video, user=writer, content=f"Says {MARKUP}")
    page = page_of(video)

    assert not page.all("script")
    assert not [attributes for _, attributes in page.found if attributes.get("id") == "injected"]
    assert page.meta("og:title") == f"How {MARKUP}"
    assert page.meta("og:description") == f"About {MARKUP}"
    for text in ("Olive ", "How ", "About ", "Wim ", "Says "):
        assert f"{text}{MARKUP}" in page.text
    assert f"@wim {MARKUP}".lower() in page.text


@pytest.mark.parametrize("kind", HIDDEN)
def test_a_hidden_video_is_answered_like_none(kind: str) -> None:
    video = HIDDEN[kind](title="Secret")
    browser = DjangoClient()
    browser.force_login(video.user)
    hidden, absent = browser.get(f"/watch/{video.pk}"), DjangoClient().get(f"/watch/{UNKNOWN}")

    assert hidden.status_code == absent.status_code == 404
    assert hidden.content == absent.content
    assert set(hidden.headers) == set(absent.headers)
    assert policy_of(hidden) == policy_of(absent)
    assert "There is no video here" in hidden.content.decode()
    assert not ViewEvent.objects.exists()


@pytest.mark.parametrize("pk", ["x", "%00", "1" * 500, "%2e%2e", "'", "%F0%9F%90%9D"])
def test_a_malformed_id_is_answered_like_an_unknown_one(pk: str) -> None:
    answer = DjangoClient().get(f"/watch/{pk}")

    assert answer.status_code == 404
    assert answer.content == DjangoClient().get(f"/watch/{UNKNOWN}").content


def test_a_get_counts_one_view_and_head_none() -> None:
    video = VideoFactory.create()
    browser = DjangoClient()

    assert browser.head(f"/watch/{video.pk}").status_code == 200
    assert not ViewEvent.objects.exists()
    assert "1 view " in words(page_of(video))
    assert "2 views " in words(page_of(video))
    assert ViewEvent.objects.filter(video=video).count() == 2
    answer = browser.post(f"/watch/{video.pk}")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.django_db(transaction=True)
def test_a_video_that_is_deleted_at_the_same_moment_is_not_there() -> None:
    video = VideoFactory.create()
    with transaction.atomic():
        Video.objects.locked().get()
        visit = Started(lambda: get(video))
        assert visit.waits()
        delete_video(video=video)

    assert [answer.status_code for answer in visit.results()] == [404]
    assert not ViewEvent.objects.exists()


def test_it_is_the_same_for_everyone() -> None:
    video = VideoFactory.create()
    browser = DjangoClient()
    browser.force_login(video.user)
    answer = browser.get(f"/watch/{video.pk}")

    assert "Cookie" not in answer.get("Vary", "")
    assert not answer.cookies
    assert answer["Cache-Control"] == "no-cache"
    assert not video.user.watch_history.exists()


@pytest.mark.parametrize("rows", [1, 50])
def test_it_costs_two_once_the_video_is_remembered(rows: int) -> None:
    video = VideoFactory.create(stream_file=STREAM)
    for comment in CommentFactory.create_batch(rows, video=video):
        LikeFactory.create(comment=comment)
    for cost in (3, 2, 2):
        with captured_queries() as statements:
            get(video)

        # The view and its count; what is shown of the video, unless somebody asked a moment ago;
        # the comments with who wrote them.
        assert len(statements) == cost, statements
        read = [text for text in statements if text.startswith("SELECT")]
        assert not [text for text in read if '"search"' in text]


def test_it_may_load_only_what_is_its_own_and_the_video_s() -> None:
    policy = policy_of(get(VideoFactory.create()))
    public = django_settings.PUBLIC_URL

    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["media-src"] == ["'self'", "blob:", public]
    assert policy["img-src"] == ["'self'", "data:", public]


def test_files_elsewhere_are_allowed_from_where_they_are_and_nothing_else() -> None:
    owner = UserFactory.create(password=None, avatar=PICTURE)
    policy = policy_of(
        get(
            VideoFactory.create(
                user=owner,
                video_file="http://old.example:8080/a/v.mp4?x=1",
                thumbnail_file="https://evil.example;script-src */a.png",
                stream_file=STREAM,
            )
        )
    )

    assert policy["connect-src"] == ["'self'", "https://res.cloudinary.com"]
    assert policy["media-src"] == [
        *("'self'", "blob:", "http://old.example:8080", "https://res.cloudinary.com")
    ]
    assert policy["img-src"] == ["'self'", "data:", "https://pictures.example"]
    assert policy["script-src"] == ["'self'"]


def test_an_open_page_may_follow_its_video_to_cloudinary(standin: StandIn) -> None:
    policy = policy_of(get(VideoFactory.create()))

    assert policy["media-src"][-1] == standin.url
    assert policy["connect-src"] == ["'self'"]


def test_nothing_stands_in_the_page_that_the_policy_lets_not_run() -> None:
    page = page_of(VideoFactory.create(stream_file=STREAM))

    assert not page.all("style")
    assert all(one.get("src") for one in page.all("script"))
    for _, attributes in page.found:
        assert not {name for name in attributes if name == "style" or name.startswith("on")}


def test_the_player_is_of_the_version_that_is_documented() -> None:
    contributing = (django_settings.BASE_DIR / "CONTRIBUTING.md").read_text()
    version = re.search(r"hls\.js (\d+\.\d+\.\d+)", contributing)
    assert version
    assert f'"{version[1]}"' in Path(finders.find("watch/hls/hls.min.js") or "").read_text()


def test_its_files_are_found_and_can_be_named_by_their_content(tmp_path: Path) -> None:
    names = ("watch/watch.css", "watch/watch.js", "watch/hls/hls.min.js", "watch/hls/LICENSE")
    storage = ManifestStaticFilesStorage(location=str(tmp_path))
    paths = {}
    for name in names:
        found = finders.find(name)
        assert found, name
        with Path(found).open("rb") as file:
            storage.save(name, file)
        paths[name] = (storage, name)

    done = [(name, made) for name, _, made in storage.post_process(paths)]
    # What a file refers to and is not there, as a map of its source, comes back as an error.
    assert not [made for _, made in done if isinstance(made, Exception)]
    assert {name for name, _ in done} == set(names)

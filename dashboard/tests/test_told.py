"""What the lists and pages tell is what their querysets and serializers tell, whoever asks."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import AnonymousUser
from django.urls import resolve
from django.utils import timezone

from dashboard.querysets import OWN_VIDEOS
from dashboard.serializers import OwnVideoSerializer
from social.models import ModerationAction
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    ReportFactory,
    SubscriptionFactory,
    TweetFactory,
)
from social.tests.hidden import AWAY
from social.views.comments import COMMENTS
from social.views.likes import LIKED
from users.models import User
from users.tests.factories import UserFactory
from videos.cards import cards_of, page_of
from videos.listings import VIDEOS, VIDEOS_OF, WATCHED, liked_among
from videos.models import Video, ViewEvent, WatchHistory
from videos.serializers import VideoPageSerializer, VideoWithUserSerializer
from videos.services import views
from videos.tests.factories import RenditionFactory, VideoFactory
from videos.tests.hidden import HIDDEN
from viztube.api import representation, shared
from viztube.api.listings import Listing
from viztube.api.renderers import dumps
from viztube.api.statements import Word
from viztube.api.tests.fixtures import Client, openapi

pytestmark = pytest.mark.django_db

CLOUD = "https://res.cloudinary.com/demo/video/upload/v1/one"
# What videos differ in on the wire.
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"title": "Ää 'quoted' %s \\ \U0001f3ac", "description": "<b>\n\t\u2028"},
    {"width": None, "height": None, "duration": 0.1, "thumbnail_file": ""},
    {"video_file": f"{CLOUD}.mp4", "video_public_id": "demo/one", "views": 2**40},
    {"stream_file": f"{CLOUD}.m3u8", "thumbnail_file": f"{CLOUD}.jpg"},
    {"stream_file": "hls-0a1b2c3d/master.m3u8", "processing_status": "COMPLETED"},
    {"processing_status": "PROCESSING"},
    {"processing_status": "FAILED"},
)


class Scene:
    """People, and videos of every kind that they made, saw and liked."""

    def __init__(self) -> None:
        self.ann = UserFactory.create(avatar="a/1.jpg", cover_image="c/1.jpg")
        self.bob = UserFactory.create(avatar="https://elsewhere.example/b.png", fullname="Bob Ü")
        self.staff = UserFactory.create(is_staff=True)
        people = (self.ann, self.bob, self.staff)
        videos = [
            VideoFactory.create(user=people[number % 2], **kind)
            for number, kind in enumerate(KINDS * 2)
        ]
        videos += [make() for make in HIDDEN.values()]
        videos += [VideoFactory.create(user=self.ann, is_published=False)]
        self.videos = videos
        away = [UserFactory.create(password=None, **make()) for make in AWAY.values()]
        now = timezone.now()
        for number, video in enumerate(videos):
            for height in (360, 240)[: number % 3]:
                RenditionFactory.create(video=video, height=height)
            ViewEvent.objects.bulk_create(ViewEvent(video=video) for _ in range(number % 4))
            for person in people[: number % 4]:
                LikeFactory.create(video=video, user=person)
                watched_at = now - timedelta(minutes=number * 7 % 10)
                WatchHistory.objects.create(user=person, video=video, watched_at=watched_at)
            comments = [
                CommentFactory.create(video=video, user=person) for person in (*people, *away)
            ]
            comments[1].removed_at = now
            comments[1].save()
            LikeFactory.create(comment=comments[0], user=people[number % 3])
        SubscriptionFactory.create(subscriber=self.ann, channel=self.bob)
        SubscriptionFactory.create(subscriber=self.staff, channel=self.ann)

    @property
    def viewers(self) -> list[Any]:
        """Return everyone who may ask, as the service knows them."""
        people = User.objects.only("id", "is_staff").in_bulk([self.ann.pk, self.bob.pk])
        staff = User.objects.only("id", "is_staff").get(pk=self.staff.pk)
        return [AnonymousUser(), *people.values(), staff]


@pytest.fixture
def scene(db: None) -> Scene:
    return Scene()


def columns_of(listing: Listing, **asked: Any) -> list[dict[str, Any]]:
    """Return what a list tells of all its rows, column by column."""
    page, total = listing(**asked).page(0, 1000, None)
    assert total == len(page)
    return [{name: _read(record, name.split("__")) for name in listing._columns} for record in page]


def _read(row: Any, names: list[str]) -> Any:
    for name in names:
        row = getattr(row, name)
    return row


def expected_of(listing: Listing, **asked: Any) -> list[dict[str, Any]]:
    """Return the same by the queryset, made for this call alone."""
    rows = listing._build(**asked)
    if listing._search is not None and "text" in asked:
        rows = rows.filter(listing._search.matches(asked["text"]))
    if listing._of is not None and not listing._of(**asked).exists():
        rows = rows.none()
    return list(rows.values(*listing._columns))


def asked_of(listing: Listing, scene: Scene, viewer: Any) -> Iterator[dict[str, Any]]:
    """Yield arguments that a list may be asked with by somebody."""
    sorts: list[dict[str, Any]] = [
        {"sort": Word(sort), "descending": descending}
        for sort in ("createdAt", "views", "duration", "title")
        for descending in (False, True)
    ]
    found = {"sort": Word("relevance"), "descending": True, "text": "quoted"}
    number = {"sort": Word("createdAt"), "descending": True, "text": "number"}
    if listing is VIDEOS:
        yield from ({"viewer": viewer, **one} for one in (*sorts, found, number))
    elif listing is VIDEOS_OF:
        owners = {video.user_id for video in scene.videos}
        yield from ({"viewer": viewer, **sorts[1], "owner": owner} for owner in owners)
    elif listing is COMMENTS:
        yield from ({"viewer": viewer, "video": video.pk} for video in scene.videos)
    elif viewer.is_authenticated:
        yield {"owner" if listing is OWN_VIDEOS else "viewer": viewer}


LISTS = {
    "videos": VIDEOS,
    "videos of": VIDEOS_OF,
    "comments": COMMENTS,
    "liked": LIKED,
    "watched": WATCHED,
    "own": OWN_VIDEOS,
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_the_rows_of_its_queryset_whoever_asks(scene: Scene, name: str) -> None:
    listing = LISTS[name]
    told = 0
    # Twice: the first of a kind makes the statement.
    for viewer in scene.viewers * 2:
        for asked in asked_of(listing, scene, viewer):
            rows = columns_of(listing, **asked)
            assert rows == expected_of(listing, **asked), asked
            told += len(rows)
    assert told > 10


def expected_page(video: Video, viewer: Any) -> Any:
    """Return what DRF tells of a video's page, None where the viewer may not see it."""
    rows = Video.objects.visible_to(viewer).filter(pk=video.pk)
    row = rows.with_details(viewer).with_presence(viewer).first()
    return None if row is None else represented(VideoPageSerializer, row)


def test_a_page_tells_what_drf_tells_of_its_queryset_whoever_asks(scene: Scene) -> None:
    seen = 0
    for viewer in scene.viewers:
        for video in scene.videos:
            expected = expected_page(video, viewer)
            page = views.look(video=video.pk, viewer=viewer)
            watched = views.watch(video=video.pk, viewer=viewer)
            if page is None or watched is None:
                assert expected is page is watched is None
                continue
            seen += 1
            more = {**expected, "views": expected["views"] + 1}
            # From what was remembered when others looked, and from nothing.
            for _ in range(2):
                assert as_sent(page_of(video.pk, page)) == expected
                assert as_sent(page_of(video.pk, watched)) == more
                shared.forget(shared.VIDEO.tag(video.pk))
    assert seen > len(scene.videos)


@pytest.mark.parametrize("listing", [LIKED, WATCHED], ids=["liked", "watched"])
def test_cards_tell_what_drf_tells_of_their_queryset_whoever_asks(
    scene: Scene, listing: Listing
) -> None:
    told = 0
    for viewer in scene.viewers[1:]:
        page, _ = listing(viewer=viewer).page(0, 1000, None)
        rows: Any = listing._build(viewer=viewer)
        expected = [represented(VideoWithUserSerializer, row) for row in rows.with_details(viewer)]
        told += len(expected)
        # From what was remembered for others, and from nothing.
        for _ in range(2):
            assert as_sent(cards_of(page)) == expected
            shared.forget(shared.EVERYTHING)
        # And from what was remembered of some of them.
        cards_of(page[::2])
        assert as_sent(cards_of(page)) == expected
    assert told > len(scene.videos)


def test_what_is_liked_of_some_videos_is_what_the_person_likes(scene: Scene) -> None:
    ids = [str(video.pk) for video in scene.videos]
    for viewer in scene.viewers[1:]:
        liked = {
            str(pk) for pk in Video.objects.filter(likes__user=viewer).values_list("pk", flat=1)
        }
        assert liked_among(ids, viewer) == liked
        assert liked_among(ids[:3], viewer) == liked & set(ids[:3])


def represented(kind: Any, row: Any) -> Any:
    """Return what DRF tells, as it goes over the wire."""
    return as_sent(kind(row).data)


def as_sent(value: Any) -> Any:
    """Return a value as who gets it over the wire reads it."""
    return orjson.loads(dumps(value))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Any]]:
    """Return a set that gets the serializers by which rows are told, each compared with DRF."""
    kinds: set[Any] = set()
    original = representation._representation

    def compared(kind: Any) -> Callable[[Any], Any]:
        def tell(row: Any) -> Any:
            answer = original(kind)(row)
            assert as_sent(answer) == represented(kind, row)
            kinds.add(kind)
            return answer

        return tell

    monkeypatch.setattr(representation, "_representation", compared)
    representation._writer.cache_clear()
    yield kinds
    representation._writer.cache_clear()


def lists_by_address() -> dict[str, Any]:
    """Return by the documented address of a list the serializer of its rows."""
    found = {}
    for path, operations in openapi()["paths"].items():
        parameters = operations.get("get", {}).get("parameters", [])
        if not any(parameter["name"] == "cursor" for parameter in parameters):
            continue
        match = resolve(
            path.replace("{id}", "x").replace("{user_id}", "x").replace("{video_id}", "x")
        )
        view = match.func.cls(request=None, action=match.func.actions["get"], kwargs={})  # type: ignore[attr-defined]
        # Of one's few sessions DRF itself tells.
        if path != "/api/v2/user/sessions":
            found[path] = view.get_serializer_class()
    return found


def test_every_serializer_of_a_list_tells_what_drf_tells(
    scene: Scene, told: set[Any], api: Client, client_for: Callable[[User], Client]
) -> None:
    video = scene.videos[3]
    for other in scene.videos:
        PlaylistVideoFactory.create(playlist=PlaylistFactory.create(user=scene.ann), video=other)
        ReportFactory.create(video=other, reporter=scene.staff)
    TweetFactory.create_batch(3, user=scene.ann)
    LikeFactory.create(tweet=TweetFactory.create(user=scene.ann), user=scene.bob)
    PlaylistFactory.create(user=scene.ann, description="")
    for decision, until in (("ban", None), ("suspend", timezone.now())):
        ModerationAction.objects.create(
            actor_label="ann",
            actor_role="senior",
            decision=decision,
            target_type="channel",
            target_id=scene.ann.pk,
            target_label="Ann",
            owner_id=scene.ann.pk,
            owner_label="Ann",
            reason="Spam.",
            until=until,
        )
    lists = lists_by_address()
    viewers = scene.viewers
    people = [User.objects.get(pk=viewer.pk) for viewer in viewers[1:]]
    clients = [api, *map(client_for, people)]
    for client, viewer in zip(clients, viewers, strict=True):
        for path in lists:
            address = path.format(id=scene.ann.pk, user_id=scene.ann.pk, video_id=video.pk)
            answer = client.get(address, query={"limit": "100"})
            assert answer.status in ({200, 401} if client is api else {200})
        for one in scene.videos:
            answer = client.get(f"videos/{one.pk}")
            # With the view that the call has counted.
            expected = expected_page(one, viewer)
            assert (answer.status, answer.body.get("data")) == (
                404 if expected is None else 200,
                expected,
            )

    assert told == {*lists.values()}
    assert {OwnVideoSerializer, VideoWithUserSerializer} < told
    assert len(told) >= 8

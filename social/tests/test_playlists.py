"""Playlists through HTTP: making, showing, changing and deleting them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from social.models import Playlist, PlaylistVideo
from social.tests.factories import PlaylistFactory, PlaylistVideoFactory
from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video, ViewEvent
from videos.serializers import DESCRIPTION_LENGTH, TITLE_LENGTH
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_playlist_comes_back_as_it_was_stored(user: User, user_client: Client) -> None:
    answer = user_client.post("playlist", {"name": " Later ", "description": "For Sunday"})

    assert (answer.status, answer.body["message"]) == (201, "Playlist made.")
    row = Playlist.objects.get()
    assert (row.user, row.name, row.description) == (user, "Later", "For Sunday")
    data = dict(answer.data)
    assert data.pop("createdAt") == data.pop("updatedAt")
    assert data == {
        "id": str(row.pk),
        "name": "Later",
        "description": "For Sunday",
        "userId": str(user.pk),
    }


def test_a_description_is_optional(user_client: Client) -> None:
    assert user_client.post("playlist", {"name": "x"}).data["description"] == ""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": " \n "}, "name"),
        ({"name": 5}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x" * (TITLE_LENGTH + 1)}, "name"),
        ({"name": "x", "description": None}, "description"),
        ({"name": "x", "description": "x" * (DESCRIPTION_LENGTH + 1)}, "description"),
    ],
    ids=range(8),
)
def test_a_bad_playlist_is_refused(
    user: User, user_client: Client, body: dict[str, Any], field: str
) -> None:
    answer = user_client.post("playlist", body)
    assert (answer.status, list(answer.body["details"])) == (400, [field])
    assert not Playlist.objects.exists()

    playlist = PlaylistFactory.create(user=user, name="Before")
    answer = user_client.patch(f"playlist/{playlist.pk}", body)
    assert answer.status == 400
    assert Playlist.objects.get().name == "Before"


def test_a_body_sets_the_texts_alone(user: User, user_client: Client) -> None:
    other = UserFactory.create(password=None)
    body: dict[str, Any] = {
        "id": str(uuid4()),
        "userId": str(other.pk),
        "totalVideos": 9,
        "videos": [str(VideoFactory.create().pk)],
        "createdAt": "2001-01-01T00:00:00.000Z",
    }
    created = user_client.post("playlist", {"name": "Mine", **body})
    changed = user_client.patch(f"playlist/{created.data['id']}", {"name": "Still", **body})

    assert changed.status == 200
    row = Playlist.objects.get()
    assert (str(row.pk), row.user, row.name) == (created.data["id"], user, "Still")
    assert row.created_at.year > 2001
    assert not PlaylistVideo.objects.exists()


def test_one_playlist_with_its_videos(user: User, api: Client, user_client: Client) -> None:
    playlist = PlaylistFactory.create(description="All of them")
    videos = VideoFactory.create_batch(3, views=5)
    for position, video in zip((4, 0, 9), videos, strict=True):
        PlaylistVideoFactory.create(playlist=playlist, video=video, position=position)
    PlaylistVideoFactory.create(video=videos[0])
    ViewEvent.objects.create(video=videos[1])
    page = dict(api.get(f"playlist/{playlist.pk}").data)

    shown = page.pop("videos")
    assert [row["id"] for row in shown] == [str(videos[number].pk) for number in (1, 0, 2)]
    assert (shown[0]["views"], shown[0]["likesCount"], shown[0]["isLiked"]) == (6, 0, None)
    assert shown[0]["user"]["username"] == videos[1].user.username
    assert user_client.get(f"playlist/{playlist.pk}").data["videos"][0]["isLiked"] is False
    assert page == {
        "id": str(playlist.pk),
        "name": playlist.name,
        "description": "All of them",
        "userId": str(playlist.user_id),
        "user": {
            "id": str(playlist.user_id),
            "username": playlist.user.username,
            "fullname": playlist.user.fullname,
            "avatar": "",
        },
        "totalVideos": 3,
        "totalViews": 16,
        "createdAt": page["createdAt"],
        "updatedAt": page["updatedAt"],
    }


def test_an_empty_playlist(api: Client) -> None:
    playlist = PlaylistFactory.create()
    page = api.get(f"playlist/{playlist.pk}").data
    (row,) = api.get(f"playlist/user/{playlist.user_id}").data

    assert (page["videos"], page["totalVideos"], page["totalViews"]) == ([], 0, 0)
    assert (row["totalVideos"], row["thumbnail"]) == (0, None)


def test_the_thumbnail_is_that_of_the_first_video_that_has_one(api: Client) -> None:
    playlist = PlaylistFactory.create()
    bare = VideoFactory.create(thumbnail_file="")
    first = VideoFactory.create()
    for position, video in enumerate([bare, first, VideoFactory.create()]):
        PlaylistVideoFactory.create(playlist=playlist, video=video, position=position)
    (row,) = api.get(f"playlist/user/{playlist.user_id}").data

    assert row["totalVideos"] == 3
    assert row["thumbnail"] == api.get(f"videos/{first.pk}").data["thumbnailUrl"]
    Video.objects.filter(pk=first.pk).update(thumbnail_file="https://res.cloudinary.com/a.jpg")
    (row,) = api.get(f"playlist/user/{playlist.user_id}").data
    assert row["thumbnail"] == "https://res.cloudinary.com/a.jpg"


def test_somebodys_playlists_the_latest_first(user: User, api: Client) -> None:
    for number, playlist in enumerate(PlaylistFactory.create_batch(7, user=user)):
        time = NOON + timedelta(seconds=number // 2)
        Playlist.objects.filter(pk=playlist.pk).update(created_at=time)
    PlaylistFactory.create()
    expected = [str(row.pk) for row in user.playlists.order_by("-created_at", "-pk")]
    answer = api.get(f"playlist/user/{user.pk}")

    assert [row["id"] for row in answer.data] == expected
    assert answer.body["pagination"]["limit"] == 50
    found, query = [], "limit=3"
    while query:
        answer = api.get(f"playlist/user/{user.pk}?{query}")
        found += [row["id"] for row in answer.data]
        cursor = answer.body["pagination"]["nextCursor"]
        query = f"limit=3&cursor={cursor}" if cursor else ""
    assert found == expected


@pytest.mark.parametrize("query", ["page=0", "limit=x", "cursor=none"])
def test_a_bad_page_is_refused(api: Client, query: str) -> None:
    playlist = PlaylistFactory.create()

    assert api.get(f"playlist/user/{playlist.user_id}?{query}").code == "invalid"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "After"},
        {"description": "After"},
        {"description": ""},
        {"name": "a", "description": "b"},
    ],
    ids=["name", "description", "cleared", "both"],
)
def test_an_edit_changes_what_was_sent_alone(
    user: User, user_client: Client, body: dict[str, str]
) -> None:
    playlist = PlaylistFactory.create(user=user, name="Before", description="Before")
    Playlist.objects.update(created_at=NOON, updated_at=NOON)
    answer = user_client.patch(f"playlist/{playlist.pk}", body)

    assert (answer.status, answer.body["message"]) == (200, "Playlist changed.")
    expected = {"name": "Before", "description": "Before", **body}
    assert {name: answer.data[name] for name in expected} == expected
    row = Playlist.objects.get()
    assert {"name": row.name, "description": row.description} == expected
    assert row.created_at == NOON < row.updated_at


def test_an_edit_needs_something_to_change(user: User, user_client: Client) -> None:
    playlist = PlaylistFactory.create(user=user)
    answer = user_client.patch(f"playlist/{playlist.pk}", {})

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["message"] == "Send at least one of name and description."


def test_deleting_leaves_the_videos(user: User, user_client: Client) -> None:
    entry = PlaylistVideoFactory.create(playlist=PlaylistFactory.create(user=user))
    answer = user_client.delete(f"playlist/{entry.playlist_id}")

    assert (answer.status, answer.data, answer.body["message"]) == (200, {}, "Playlist deleted.")
    assert not Playlist.objects.exists()
    assert not PlaylistVideo.objects.exists()
    assert Video.objects.exists()
    assert user_client.delete(f"playlist/{entry.playlist_id}").status == 404


@pytest.mark.parametrize("key", ["01890000-0000-7000-8000-000000000000", "not-an-id", "%00"])
def test_what_is_not_there_is_404(user_client: Client, key: str) -> None:
    video = VideoFactory.create()
    for answer in (
        user_client.get(f"playlist/user/{key}"),
        user_client.get(f"playlist/{key}"),
        user_client.patch(f"playlist/{key}", {"name": "x"}),
        user_client.delete(f"playlist/{key}"),
        user_client.patch(f"playlist/{key}/order", {"videoIds": []}),
        user_client.post(f"playlist/{key}/{video.pk}"),
        user_client.delete(f"playlist/{key}/{video.pk}"),
    ):
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("is_staff", [False, True])
def test_nobody_else_may_change_it(client_for: Callable[[User], Client], is_staff: bool) -> None:
    entry = PlaylistVideoFactory.create()
    client = client_for(UserFactory.create(is_staff=is_staff, password=None))
    playlist, video = entry.playlist_id, VideoFactory.create()
    before = Playlist.objects.values().get()
    for answer in (
        client.patch(f"playlist/{playlist}", {"name": "x"}),
        client.patch(f"playlist/{playlist}/order", {"videoIds": [str(entry.video_id)]}),
        client.post(f"playlist/{playlist}/{video.pk}"),
        client.delete(f"playlist/{playlist}/{entry.video_id}"),
        client.delete(f"playlist/{playlist}"),
    ):
        assert (answer.status, answer.code) == (403, "permission_denied")

    assert Playlist.objects.values().get() == before
    assert list(PlaylistVideo.objects.all()) == [entry]


def test_signed_out_one_can_only_read(api: Client) -> None:
    entry = PlaylistVideoFactory.create()
    playlist = entry.playlist_id
    for answer in (
        api.post("playlist", {"name": "x"}),
        api.patch(f"playlist/{playlist}", {"name": "x"}),
        api.patch(f"playlist/{playlist}/order", {"videoIds": []}),
        api.post(f"playlist/{playlist}/{VideoFactory.create().pk}"),
        api.delete(f"playlist/{playlist}/{entry.video_id}"),
        api.delete(f"playlist/{playlist}"),
    ):
        assert (answer.status, answer.code) == (401, "not_authenticated")

    assert len(api.get(f"playlist/{playlist}").data["videos"]) == 1

"""What is in a playlist, and in which order, through HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from social.models import Playlist, PlaylistVideo
from social.services import playlists
from social.tests.factories import PlaylistFactory, PlaylistVideoFactory
from users.models import User
from videos.models import Video
from videos.tests.factories import VideoFactory
from videos.tests.hidden import HIDDEN
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def playlist(user: User) -> Playlist:
    return PlaylistFactory.create(user=user)


@pytest.fixture
def videos(playlist: Playlist) -> list[Video]:
    """Return the four videos of the playlist, in its order; places have gaps."""
    videos = VideoFactory.create_batch(4)
    for number, video in enumerate(videos):
        PlaylistVideoFactory.create(playlist=playlist, video=video, position=number * 3)
    return videos


def order_of(playlist: Playlist) -> list[Any]:
    return list(playlist.entries.order_by("position").values_list("video", flat=True))


def keys(videos: list[Video]) -> list[Any]:
    return [video.pk for video in videos]


def test_a_video_goes_to_the_end(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    Playlist.objects.update(updated_at=NOON)
    video = VideoFactory.create()
    answer = user_client.post(f"playlist/{playlist.pk}/{video.pk}")

    assert (answer.status, answer.body["message"]) == (200, "The video is in the playlist.")
    assert answer.data["id"] == str(playlist.pk)
    assert answer.data["updatedAt"] > "2026-01-01T12:00:00.000Z"
    assert order_of(playlist) == [*keys(videos), video.pk]


def test_adding_it_again_changes_nothing(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    Playlist.objects.update(updated_at=NOON)
    answer = user_client.post(f"playlist/{playlist.pk}/{videos[1].pk}")

    assert (answer.status, answer.data["updatedAt"]) == (200, "2026-01-01T12:00:00.000Z")
    assert order_of(playlist) == keys(videos)


def test_a_video_goes_out_once(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    other = PlaylistVideoFactory.create(video=videos[1])
    Playlist.objects.update(updated_at=NOON)
    for turn in range(2):
        answer = user_client.delete(f"playlist/{playlist.pk}/{videos[1].pk}")

        assert (answer.status, answer.data) == (200, {})
        assert order_of(playlist) == [videos[0].pk, videos[2].pk, videos[3].pk]
        assert (Playlist.objects.get(pk=playlist.pk).updated_at == NOON) == (turn == 1)
        Playlist.objects.update(updated_at=NOON)
    assert PlaylistVideo.objects.filter(pk=other.pk).exists()


def test_it_comes_back_at_the_end(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    first, *rest = videos
    user_client.delete(f"playlist/{playlist.pk}/{first.pk}")
    user_client.post(f"playlist/{playlist.pk}/{first.pk}")

    assert order_of(playlist) == keys([*rest, first])


@pytest.mark.parametrize("key", ["01890000-0000-7000-8000-000000000000", "not-an-id", "%00"])
def test_a_video_that_is_not_there_cannot_be_added(
    user_client: Client, playlist: Playlist, key: str
) -> None:
    answer = user_client.post(f"playlist/{playlist.pk}/{key}")

    assert (answer.status, answer.code) == (404, "not_found")
    assert order_of(playlist) == []


def test_taking_out_what_never_was_in_succeeds(user_client: Client, playlist: Playlist) -> None:
    unknown = "01890000-0000-7000-8000-000000000000"

    assert user_client.delete(f"playlist/{playlist.pk}/{unknown}").status == 200
    assert user_client.delete(f"playlist/{playlist.pk}/not-an-id").status == 404


@pytest.mark.parametrize("kind", HIDDEN)
def test_a_hidden_video_can_be_taken_out_of_ones_playlist(
    user_client: Client, playlist: Playlist, kind: str
) -> None:
    entry = PlaylistVideoFactory.create(playlist=playlist, video=HIDDEN[kind]())

    assert user_client.delete(f"playlist/{playlist.pk}/{entry.video_id}").status == 200
    assert order_of(playlist) == []


def test_a_playlist_ends_somewhere(
    user_client: Client,
    playlist: Playlist,
    videos: list[Video],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(playlists, "PLAYLIST_VIDEOS", 5)
    last, too_many = VideoFactory.create_batch(2)

    assert user_client.post(f"playlist/{playlist.pk}/{last.pk}").status == 200
    answer = user_client.post(f"playlist/{playlist.pk}/{too_many.pk}")
    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["message"] == "A playlist has at most 5 videos. Remove one first."
    # What is in stays in.
    assert user_client.post(f"playlist/{playlist.pk}/{last.pk}").status == 200
    assert order_of(playlist) == keys([*videos, last])


def test_the_limit_is_that_of_the_contract() -> None:
    assert playlists.PLAYLIST_VIDEOS == 500


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (1, 0, 3, 2), (0, 1, 2, 3), (1, 2, 3, 0)])
def test_another_order(
    user_client: Client, playlist: Playlist, videos: list[Video], order: tuple[int, ...]
) -> None:
    Playlist.objects.update(updated_at=NOON)
    wanted = [videos[number] for number in order]
    body = {"videoIds": [str(video.pk) for video in wanted]}
    answer = user_client.patch(f"playlist/{playlist.pk}/order", body)

    assert (answer.status, answer.body["message"]) == (200, "Playlist put in order.")
    assert answer.data["updatedAt"] > "2026-01-01T12:00:00.000Z"
    assert order_of(playlist) == keys(wanted)
    page = user_client.get(f"playlist/{playlist.pk}").data
    assert [row["id"] for row in page["videos"]] == body["videoIds"]


def test_one_order_after_another(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    for order in ((3, 1, 0, 2), (0, 2, 3, 1)):
        wanted = [videos[number] for number in order]
        body = {"videoIds": [str(video.pk) for video in wanted]}
        assert user_client.patch(f"playlist/{playlist.pk}/order", body).status == 200

        assert order_of(playlist) == keys(wanted)


def test_hidden_videos_keep_their_places(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    Video.objects.filter(pk=videos[1].pk).update(
        is_published=False, folder="h/" + videos[1].folder[2:]
    )
    body = {"videoIds": [str(videos[number].pk) for number in (3, 2, 0)]}
    assert user_client.patch(f"playlist/{playlist.pk}/order", body).status == 200

    assert order_of(playlist) == keys([videos[3], videos[1], videos[2], videos[0]])


def test_an_order_of_hidden_videos_is_refused_like_one_of_strangers(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    Video.objects.filter(pk=videos[1].pk).update(
        is_published=False, folder="h/" + videos[1].folder[2:]
    )
    hidden = {"videoIds": [str(video.pk) for video in videos]}
    unknown = {"videoIds": [*hidden["videoIds"][:3], "01890000-0000-7000-8000-000000000000"]}
    messages = [
        user_client.patch(f"playlist/{playlist.pk}/order", body).body["message"]
        for body in (hidden, unknown)
    ]

    assert set(messages) == {"videoIds: must name each video of the playlist once"}


def bad_orders(videos: list[Video]) -> dict[str, Any]:
    names = [str(video.pk) for video in videos]
    return {
        "one missing": names[:3],
        "one twice": [*names[:3], names[0]],
        "one twice more": [*names, names[0]],
        "another": [*names[:3], str(VideoFactory.create().pk)],
        "none": [],
        "no ids": ["one", "two", "three", "four"],
        "numbers": [1, 2, 3, 4],
        "no list": names[0],
        "nothing": None,
        "too many": names * 200,
    }


@pytest.mark.parametrize(
    "kind",
    [
        "one missing", "one twice", "one twice more", "another", "none", "no ids", "numbers",
        "no list", "nothing", "too many",
    ],
)  # fmt: skip
def test_an_order_that_is_none_is_refused(
    user_client: Client, playlist: Playlist, videos: list[Video], kind: str
) -> None:
    answer = user_client.patch(
        f"playlist/{playlist.pk}/order", {"videoIds": bad_orders(videos)[kind]}
    )

    assert (answer.status, answer.code) == (400, "invalid")
    assert all(field.startswith("videoIds") for field in answer.body["details"])
    assert order_of(playlist) == keys(videos)


def test_an_order_is_needed(user_client: Client, playlist: Playlist) -> None:
    answer = user_client.patch(f"playlist/{playlist.pk}/order", {})

    assert (answer.status, list(answer.body["details"])) == (400, ["videoIds"])


def test_a_form_repeats_the_name_of_the_list(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    body = "&".join(f"videoIds={video.pk}" for video in reversed(videos))
    form = "application/x-www-form-urlencoded"
    answer = user_client.patch(f"playlist/{playlist.pk}/order", body.encode(), content_type=form)

    assert answer.status == 200
    assert order_of(playlist) == keys(videos[::-1])


def test_a_form_with_an_index_of_thousands_of_digits_is_refused(
    user_client: Client, playlist: Playlist
) -> None:
    body = f"videoIds[{'1' * 5000}]=x"
    form = "application/x-www-form-urlencoded"
    answer = user_client.patch(f"playlist/{playlist.pk}/order", body.encode(), content_type=form)

    assert (answer.status, list(answer.body["details"])) == (400, ["videoIds"])


def test_a_video_deleted_during_the_call_makes_the_order_a_wrong_one(
    user_client: Client, playlist: Playlist, videos: list[Video]
) -> None:
    gone = [videos[0]]

    def delete_after(execute: Any, sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if gone and "social_playlistvideo" in sql:
            gone.pop().delete()
        return answer

    body = {"videoIds": [str(video.pk) for video in videos]}
    with connection.execute_wrapper(delete_after):
        answer = user_client.patch(f"playlist/{playlist.pk}/order", body)

    assert (answer.status, list(answer.body["details"])) == (400, ["videoIds"])


def test_staff_order_what_they_see(
    client_for: Callable[[User], Client], playlist: Playlist, videos: list[Video]
) -> None:
    User.objects.filter(pk=playlist.user_id).update(is_staff=True)
    Video.objects.filter(pk=videos[0].pk).update(
        removed_at=NOON, folder="h/" + videos[0].folder[2:]
    )
    client = client_for(User.objects.get(pk=playlist.user_id))
    body = {"videoIds": [str(video.pk) for video in reversed(videos)]}

    assert client.patch(f"playlist/{playlist.pk}/order", body).status == 200
    assert order_of(playlist) == keys(videos[::-1])

"""Changes of one playlist at the same moment, over real connections and real commits."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import transaction

from social.models import Playlist, PlaylistVideo
from social.services import changes, playlists
from social.tests.factories import PlaylistFactory, PlaylistVideoFactory
from users.models import User
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.tests.threads import Started, at_once

pytestmark = pytest.mark.django_db(transaction=True)

Call = Callable[[], Answer]


def places(playlist: Playlist) -> list[int]:
    """Return the positions in a playlist."""
    return list(playlist.entries.order_by("position").values_list("position", flat=True))


def test_a_playlist_has_a_video_once_however_many_add_it(user_client: Client, user: User) -> None:
    playlist, video = PlaylistFactory.create(user=user), VideoFactory.create()
    path = f"playlist/{playlist.pk}/{video.pk}"

    answers = at_once([lambda: user_client.post(path)] * 12)

    assert [answer.status for answer in answers] == [200] * 12
    assert places(playlist) == [0]


def test_a_playlist_takes_a_video_in_and_out_without_an_error(
    user_client: Client, user: User
) -> None:
    playlist, video = PlaylistFactory.create(user=user), VideoFactory.create()
    PlaylistVideoFactory.create(playlist=playlist, position=7)
    path = f"playlist/{playlist.pk}/{video.pk}"
    calls: list[Call] = [lambda: user_client.post(path), lambda: user_client.delete(path)]

    answers = at_once(calls * 8)

    assert [answer.status for answer in answers] == [200] * 16
    assert places(playlist) in ([7], [7, 8])


def test_a_playlist_loses_none_of_many_videos(user_client: Client, user: User) -> None:
    playlist, videos = PlaylistFactory.create(user=user), VideoFactory.create_batch(16)

    answers = at_once(
        [partial(user_client.post, f"playlist/{playlist.pk}/{video.pk}") for video in videos]
    )

    assert [answer.status for answer in answers] == [200] * 16
    assert places(playlist) == list(range(16))
    assert set(playlist.entries.values_list("video", flat=True)) == {one.pk for one in videos}


def test_who_takes_a_video_out_waits_for_who_is_putting_it_in(
    user_client: Client, user: User
) -> None:
    playlist, video = PlaylistFactory.create(user=user), VideoFactory.create()
    with transaction.atomic():
        playlists.add_video(playlist=playlist, user=user, pk=str(video.pk))
        late = Started(lambda: user_client.delete(f"playlist/{playlist.pk}/{video.pk}"))
        assert late.waits()

    assert [answer.status for answer in late.results()] == [200]
    assert places(playlist) == []


def test_an_order_is_compared_with_what_another_call_has_left(
    user_client: Client, user: User
) -> None:
    playlist, added = PlaylistFactory.create(user=user), VideoFactory.create()
    entries = PlaylistVideoFactory.create_batch(2, playlist=playlist)
    body = {"videoIds": [str(entry.video_id) for entry in reversed(entries)]}
    with transaction.atomic():
        playlists.add_video(playlist=playlist, user=user, pk=str(added.pk))
        late = Started(lambda: user_client.patch(f"playlist/{playlist.pk}/order", body))
        assert late.waits()

    assert [(answer.status, answer.code) for answer in late.results()] == [(400, "invalid")]
    assert list(playlist.entries.order_by("position"))[:2] == entries


def test_a_playlist_is_never_too_full(
    user_client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playlists, "PLAYLIST_VIDEOS", 5)
    playlist, videos = PlaylistFactory.create(user=user), VideoFactory.create_batch(12)

    answers = at_once(
        [partial(user_client.post, f"playlist/{playlist.pk}/{video.pk}") for video in videos]
    )

    assert sorted(answer.status for answer in answers) == [200] * 5 + [400] * 7
    assert places(playlist) == list(range(5))


def test_a_playlist_keeps_each_video_in_one_place_while_it_is_put_in_order(
    user_client: Client, user: User
) -> None:
    playlist = PlaylistFactory.create(user=user)
    entries = PlaylistVideoFactory.create_batch(6, playlist=playlist)
    first = [str(entry.video_id) for entry in entries]
    added, removed = VideoFactory.create(), entries[3].video
    without = [one for one in first if one != str(removed.pk)]
    path = f"playlist/{playlist.pk}"
    orders: list[Call] = [
        partial(user_client.patch, f"{path}/order", {"videoIds": order})
        for order in (
            first[::-1],
            [*first, str(added.pk)],
            without,
            [str(added.pk), *without[::-1]],
        )
    ]
    moves: list[Call] = [
        lambda: user_client.post(f"{path}/{added.pk}"),
        lambda: user_client.delete(f"{path}/{removed.pk}"),
    ]

    answers = at_once([*orders, moves[0], *orders, moves[1], *orders])

    # What comes or goes in between is an order that names other videos than there are.
    assert {answer.status for answer in answers} <= {200, 400}
    assert {answers[4].status, answers[9].status} == {200}
    assert len(set(places(playlist))) == 6
    there = {str(one) for one in playlist.entries.values_list("video", flat=True)}
    assert there == {*without, str(added.pk)}


def test_a_playlist_is_in_one_of_the_orders_that_were_asked_for_at_once(
    user_client: Client, user: User
) -> None:
    playlist = PlaylistFactory.create(user=user)
    entries = PlaylistVideoFactory.create_batch(5, playlist=playlist)
    ids = [str(entry.video_id) for entry in entries]
    orders = [ids[n:] + ids[:n] for n in range(5)]

    answers = at_once(
        [
            partial(user_client.patch, f"playlist/{playlist.pk}/order", {"videoIds": order})
            for order in orders * 2
        ]
    )

    assert [answer.status for answer in answers] == [200] * 10
    rows = playlist.entries.order_by("position").values_list("video", flat=True)
    assert [str(one) for one in rows] in orders


def test_a_playlist_that_is_deleted_takes_what_is_added_along(
    user_client: Client, user: User
) -> None:
    for _ in range(5):
        playlist, videos = PlaylistFactory.create(user=user), VideoFactory.create_batch(4)
        path = f"playlist/{playlist.pk}"
        adding: list[Call] = [partial(user_client.post, f"{path}/{video.pk}") for video in videos]

        delete: list[Call] = [partial(user_client.delete, path)]

        answers = at_once([*adding[:2], *delete, *adding])

        assert {answer.status for answer in answers} <= {200, 404}
        assert answers[2].status == 200
    assert not Playlist.objects.exists()
    assert not PlaylistVideo.objects.exists()
    assert Video.objects.count() == 20


def test_a_playlist_that_is_being_deleted_lets_nothing_in(user_client: Client, user: User) -> None:
    playlist, video = PlaylistFactory.create(user=user), VideoFactory.create()
    path = f"playlist/{playlist.pk}"
    with transaction.atomic():
        changes.delete(playlist)
        late = Started(
            lambda: user_client.post(f"{path}/{video.pk}"),
            lambda: user_client.delete(f"{path}/{video.pk}"),
            lambda: user_client.patch(f"{path}/order", {"videoIds": []}),
            lambda: user_client.patch(path, {"name": "Late"}),
            lambda: user_client.delete(path),
        )
        assert late.waits()

    assert {(one.status, one.code) for one in late.results()} == {(404, "not_found")}

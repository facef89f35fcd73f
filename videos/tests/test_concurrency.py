"""Calls at the same time, over real connections and real commits."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from users.models import User
from videos.models import DailyViews, Video, ViewEvent, WatchHistory
from videos.services import views
from videos.services.placement import settle
from videos.services.standing import follow_standing
from videos.services.videos import delete_video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client
from viztube.api.tests.threads import Started, at_once
from viztube.media.disk import DiskBackend
from viztube.media.paths import new_folder

pytestmark = pytest.mark.django_db(transaction=True)

Fold = Callable[[], int]


def folding_until(done: threading.Event) -> Fold:
    """Return a call that folds again and again until told to stop, and once more."""

    def fold() -> int:
        folded = 0
        while not done.is_set():
            folded += views.fold_views()
        return folded + views.fold_views()

    return fold


def test_fifty_views_at_once_are_fifty_while_they_are_folded(
    user_client: Client, api: Client
) -> None:
    video = VideoFactory.create()
    done = threading.Event()
    answers: list[Any] = []

    def watch_all() -> int:
        calls = [
            lambda client=client: client.get(f"videos/{video.pk}")
            for client in (user_client, api) * 25
        ]
        try:
            answers.extend(at_once(calls, threads=2))
        finally:
            done.set()
        return 0

    at_once([watch_all, folding_until(done)], threads=2)

    assert [answer.status for answer in answers] == [200] * 50
    seen = sorted(answer.data["views"] for answer in answers)
    # Two who come at the same moment may be told the same number; nobody is told too many.
    assert 25 <= seen[-1] <= 50
    video.refresh_from_db()
    assert video.views == 50
    assert DailyViews.objects.aggregate(Sum("views"))["views__sum"] == 50
    assert not ViewEvent.objects.exists()
    assert WatchHistory.objects.count() == 1
    assert api.get("videos").data["docs"][0]["views"] == 50


def test_two_folds_at_once_count_nothing_twice(api: Client) -> None:
    videos = VideoFactory.create_batch(4)
    for video in videos:
        ViewEvent.objects.bulk_create(ViewEvent(video=video) for _ in range(25))

    at_once([views.fold_views] * 6, threads=3)

    assert list(Video.objects.values_list("views", flat=True)) == [25] * 4
    assert DailyViews.objects.aggregate(Sum("views"))["views__sum"] == 100


def test_folding_and_deleting_and_watching_at_once(user: User, api: Client) -> None:
    kept, *doomed = VideoFactory.create_batch(13, user=user)
    done = threading.Event()

    def change() -> int:
        try:
            for number, video in enumerate(doomed):
                ViewEvent.objects.bulk_create(
                    ViewEvent(video=one) for one in (kept, *doomed[number:]) for _ in range(5)
                )
                delete_video(video=video)
        finally:
            done.set()
        return 0

    def watch() -> int:
        statuses = [api.get(f"videos/{video.pk}").status for video in doomed]
        assert set(statuses) <= {200, 404}
        return 0

    at_once([change, watch, folding_until(done)], threads=3)

    row = Video.objects.get()
    assert row == kept
    assert row.views == 12 * 5 == DailyViews.objects.get().views
    assert not ViewEvent.objects.exists()


def test_an_edit_does_not_undo_what_was_folded_meanwhile(user_client: Client, user: User) -> None:
    video = VideoFactory.create(user=user, files=True)
    done = threading.Event()

    def edit() -> int:
        try:
            for number in range(15):
                ViewEvent.objects.create(video=video)
                answer = user_client.patch(f"videos/{video.pk}", {"title": f"Title {number}"})
                assert answer.status == 200
        finally:
            done.set()
        return 0

    at_once([edit, folding_until(done)], threads=2)

    row = Video.objects.get()
    assert (row.title, row.views) == ("Title 14", 15)


def test_a_view_of_a_video_that_is_deleted_meanwhile_is_404(
    api: Client, user_client: Client
) -> None:
    for client in (api, user_client):
        video = VideoFactory.create()
        with transaction.atomic():
            Video.objects.locked().get()
            watched = Started(partial(client.get, f"videos/{video.pk}"))
            assert watched.waits()
            delete_video(video=video)
        assert [(one.status, one.code) for one in watched.results()] == [(404, "not_found")]
    assert not ViewEvent.objects.exists()
    assert not WatchHistory.objects.exists()


def test_a_deletion_and_who_watches_again_do_not_wait_for_each_other(
    user_client: Client,
) -> None:
    video = VideoFactory.create()
    user_client.get(f"videos/{video.pk}")
    with transaction.atomic():
        Video.objects.locked().get()
        again = Started(lambda: user_client.get(f"videos/{video.pk}"))
        # Whoever watches has come as far as they can, and must not have locked their history.
        assert again.waits()
        delete_video(video=video)

    assert [(answer.status, answer.code) for answer in again.results()] == [(404, "not_found")]
    assert not WatchHistory.objects.exists()


@pytest.mark.parametrize("call", ["toggle", "edit", "delete"])
def test_a_change_of_a_video_that_is_deleted_meanwhile_is_404(
    user_client: Client, user: User, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    from videos.views import VideoViewSet

    video = VideoFactory.create(user=user)
    get_object = VideoViewSet.get_object

    def delete_after(self: VideoViewSet) -> Video:
        found: Video = get_object(self)
        at_once([lambda: Video.objects.filter(pk=found.pk).delete()])
        return found

    monkeypatch.setattr(VideoViewSet, "get_object", delete_after)
    if call == "toggle":
        answer = user_client.patch(f"videos/toggle/publish/{video.pk}")
    elif call == "edit":
        answer = user_client.patch(f"videos/{video.pk}", {"title": "x"})
    else:
        answer = user_client.delete(f"videos/{video.pk}")

    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("times", [10, 11])
def test_toggles_at_once_keep_their_parity_and_the_files(
    user_client: Client,
    api: Client,
    user: User,
    stored_files: Callable[[], set[str]],
    times: int,
) -> None:
    video = VideoFactory.create(user=user, files=True)
    path = f"videos/toggle/publish/{video.pk}"
    answers = at_once([lambda: user_client.patch(path)] * times, threads=3)

    assert [answer.status for answer in answers] == [200] * times
    turns = [answer.data["isPublished"] for answer in answers]
    assert turns.count(False) - turns.count(True) == times % 2
    row = Video.objects.get()
    assert row.is_published is (times % 2 == 0)
    assert row.stored_folder == row.folder
    assert stored_files() == {row.video_path, row.thumbnail_path}
    assert api.get(f"/media/{row.video_path}").status == 200
    addresses = {answer.data["videoFileUrl"] for answer in answers}
    assert len(addresses) == times
    assert sum(api.get(address).status == 200 for address in addresses) == 1


def test_two_deletes_at_once_are_one(user_client: Client, user: User) -> None:
    video = VideoFactory.create(user=user, files=True)
    answers = at_once([lambda: user_client.delete(f"videos/{video.pk}")] * 4, threads=3)

    assert sorted(answer.status for answer in answers) == [200, 404, 404, 404]


def test_a_view_does_not_wait_for_a_fold(api: Client) -> None:
    video = VideoFactory.create()
    ViewEvent.objects.create(video=video)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(views._FOLD, [views.FOLD_VIDEOS])
        (answer,) = at_once([lambda: api.get(f"videos/{video.pk}")])

    assert answer.data["views"] == 2
    views.fold_views()
    video.refresh_from_db()
    assert video.views == 2


def test_files_follow_their_owner_once_however_many_look(
    api: Client, user: User, stored_files: Callable[[], set[str]]
) -> None:
    videos = VideoFactory.create_batch(6, user=user, files=True)
    for until, area in ((timezone.now() + timedelta(days=1), "h/"), (None, "p/")):
        User.objects.update(suspended_until=until)

        assert sum(at_once([follow_standing] * 3, threads=3)) == len(videos)
        rows = Video.objects.all()
        assert {row.folder[:2] for row in rows} == {area}
        assert stored_files() == {
            path for row in rows for path in (row.video_path, row.thumbnail_path)
        }
    assert {api.get(f"/media/{video.video_path}").status for video in videos} == {404}


def test_files_come_back_when_the_time_of_a_suspension_has_passed(api: Client, user: User) -> None:
    VideoFactory.create(user=user, files=True)
    until = timezone.now() + timedelta(seconds=0.5)
    User.objects.update(suspended_until=until)
    assert follow_standing() == 1
    assert follow_standing() == 0
    time.sleep(max(0, (until - timezone.now()).total_seconds()) + 0.05)

    assert follow_standing() == 1
    (doc,) = api.get("videos").data["docs"]
    assert api.get(doc["videoFileUrl"]).status == 200


def test_a_move_and_the_next_change_wait_for_each_other(
    user_client: Client,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
    stored_files: Callable[[], set[str]],
) -> None:
    video = VideoFactory.create(
        user=user, folder=new_folder("p"), stored_folder=new_folder("incoming"), files=True
    )
    move = DiskBackend.move
    threads: list[threading.Thread] = []

    def toggle() -> None:
        at_once([lambda: user_client.patch(f"videos/toggle/publish/{video.pk}")])

    def move_while_toggled(self: DiskBackend, source: str, target: str) -> None:
        if not threads:
            threads.append(threading.Thread(target=toggle))
            threads[0].start()
            threads[0].join(timeout=0.3)
        move(self, source, target)

    monkeypatch.setattr(DiskBackend, "move", move_while_toggled)
    settle(video_id=video.pk)
    threads[0].join()

    row = Video.objects.get()
    assert (row.is_published, row.stored_folder) == (False, row.folder)
    assert stored_files() == {row.video_path, row.thumbnail_path}

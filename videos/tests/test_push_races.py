"""Videos that change while they are being sent: nothing is lost, and nothing stays behind."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from users.models import User
from videos.models import Video
from videos.services.pushes import push_on_commit, push_video
from videos.services.videos import delete_video, set_published
from videos.tests.jobs import waiting_jobs
from videos.tests.pushing import (
    Files,
    answers,
    assert_only_there,
    clip_of,
    spooled_video,
    try_jobs,
)
from viztube.api.tests.fixtures import Client
from viztube.api.tests.threads import at_once
from viztube.media.backends import MediaUnavailable, StoredFile
from viztube.media.cloud import CloudinaryBackend
from viztube.media.storages import CHUNK_BYTES
from viztube.media.tests.fixtures import picture
from viztube.media.tests.standin import Fault, StandIn

Change = Callable[[Client, Video], None]


def delete(client: Client, video: Video) -> None:
    assert client.delete(f"videos/{video.pk}").status == 200


def toggle(client: Client, video: Video) -> None:
    assert client.patch(f"videos/toggle/publish/{video.pk}").status == 200


def toggle_twice(client: Client, video: Video) -> None:
    toggle(client, video)
    toggle(client, video)


def replace_poster(client: Client, video: Video) -> None:
    answer = client.patch(f"videos/{video.pk}", {"thumbnail": picture(size=(32, 32))})
    assert answer.status == 200


def replace_poster_and_hide(client: Client, video: Video) -> None:
    body = {"thumbnail": picture(size=(32, 32)), "isPublished": "false"}
    assert client.patch(f"videos/{video.pk}", body).status == 200


CHANGES: dict[str, Change] = {
    "hidden": toggle,
    "hidden and shown": toggle_twice,
    "given another poster": replace_poster,
    "given another poster and hidden": replace_poster_and_hide,
}
NAMES = {"video": "video.mp4", "poster": "poster.jpg"}


def push(video: Video) -> None:
    push_video(video_id=video.pk, since=time.time())


def change_while_sending(
    monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[], None], *, first: bool
) -> None:
    """Let a change happen right before or right after a file is sent, once."""
    add = CloudinaryBackend.add
    waiting = [change]

    def add_with_change(self: CloudinaryBackend, folder: str, file: Path) -> StoredFile:
        due = file.name == name and waiting
        if due and first:
            waiting.pop()()
        stored = add(self, folder, file)
        if due and not first:
            waiting.pop()()
        return stored

    monkeypatch.setattr(CloudinaryBackend, "add", add_with_change)


def addresses(api: Client, video: Video) -> set[str]:
    doc = api.get(f"videos/{video.pk}").data
    return {doc["videoFileUrl"], doc["thumbnailUrl"]}


@pytest.mark.django_db
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_video_that_changes_while_it_is_sent(
    user_client: Client,
    user: User,
    standin: StandIn,
    stored_files: Files,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    name: str,
    first: bool,
) -> None:
    video = spooled_video(user)
    old = addresses(user_client, video)
    change_while_sending(
        monkeypatch, name, lambda: CHANGES[change](user_client, video), first=first
    )
    # What is gone from where it was when it was to be sent is looked for again.
    with suppress(OSError):
        push(video)

    assert_only_there(user_client, video, standin, stored_files)
    new = addresses(user_client, video)
    assert {answers(user_client, address) for address in new} == {200}
    if "hidden" in change:
        assert {answers(user_client, address) for address in old} == {404}
    else:
        gone = {address for address in old if address.endswith("poster.jpg")}
        assert {answers(user_client, address) for address in gone} == {404}
    assert set(waiting_jobs()) <= {"confirm_stream"}


@pytest.mark.django_db
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_video_that_is_deleted_while_it_is_sent(
    user_client: Client,
    user: User,
    standin: StandIn,
    stored_files: Files,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    first: bool,
) -> None:
    video = spooled_video(user)
    old = addresses(user_client, video)
    change_while_sending(monkeypatch, name, lambda: delete(user_client, video), first=first)
    with suppress(OSError):
        push(video)
    assert try_jobs() == []

    assert standin.stored() == set()
    assert stored_files() == set()
    assert waiting_jobs() == []
    assert {answers(user_client, address) for address in old} == {404}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["video", "image"])
def test_a_video_deleted_before_we_know_that_it_arrived_is_gone(
    user_client: Client, user: User, standin: StandIn, stored_files: Files, kind: str
) -> None:
    video = spooled_video(user)
    old = addresses(user_client, video)
    lose_answer(standin, video, kind)
    delete(user_client, video)
    assert try_jobs() == []

    assert stored_files() == set()
    assert {answers(user_client, address) for address in old} == {404}
    assert standin.stored() == set()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["video", "image"])
def test_a_video_hidden_before_we_know_that_it_arrived_is_at_its_new_addresses_only(
    user_client: Client, user: User, standin: StandIn, stored_files: Files, kind: str
) -> None:
    video = spooled_video(user)
    old = addresses(user_client, video)
    lose_answer(standin, video, kind)
    toggle(user_client, video)
    try_jobs()

    assert {answers(user_client, address) for address in old} == {404}
    assert_only_there(user_client, video, standin, stored_files)


def lose_answer(standin: StandIn, video: Video, kind: str) -> None:
    """Let a file arrive without our knowing."""
    with pytest.MonkeyPatch.context() as patch:
        change_while_sending(
            patch,
            "video.mp4" if kind == "video" else "poster.jpg",
            lambda: standin.fail("upload", Fault.LOST),
            first=True,
        )
        with pytest.raises(MediaUnavailable):
            push(video)
    assert f"{kind} {video.folder}/{'video' if kind == 'video' else 'poster'}" in standin.stored()


@pytest.mark.django_db
def test_addresses_from_before_a_push_lead_to_where_the_files_are(
    user_client: Client, user: User, standin: StandIn, stored_files: Files
) -> None:
    video = spooled_video(user)
    old = addresses(user_client, video)
    push(video)
    assert_only_there(user_client, video, standin, stored_files)

    assert {answers(user_client, address) for address in old} == {200}
    toggle(user_client, video)
    try_jobs()
    assert {answers(user_client, address) for address in old} == {404}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_pushes_at_once_are_one(
    api: Client, user: User, standin: StandIn, stored_files: Files, large: bool
) -> None:
    video = spooled_video(user, clip_of(CHUNK_BYTES + 1000) if large else None)
    at_once([lambda: push(video)] * 3, threads=3)

    assert waiting_jobs().count("confirm_stream") == 1
    assert_only_there(api, video, standin, stored_files)


@pytest.mark.django_db(transaction=True)
def test_a_push_and_toggles_at_once_leave_one_of_each_file(
    api: Client, user_client: Client, user: User, standin: StandIn, stored_files: Files
) -> None:
    for _ in range(3):
        video = spooled_video(user)
        old = addresses(user_client, video)

        def send(video: Video = video) -> None:
            with suppress(OSError):
                push(video)

        def hide(video: Video = video) -> None:
            set_published(video=video, published=False)

        at_once([send, hide, send], threads=3)

        assert_only_there(user_client, video, standin, stored_files)
        assert {answers(user_client, address) for address in old} == {404}
        delete(user_client, video)
        try_jobs()
        assert standin.stored() == set()


@pytest.mark.django_db(transaction=True)
def test_a_push_and_a_deletion_at_once_leave_nothing(
    user: User, standin: StandIn, stored_files: Files
) -> None:
    for pause in (0, 0.01, 0.03, 0.05):
        video = spooled_video(user)

        def send(video: Video = video) -> None:
            with suppress(OSError):
                push(video)

        def remove(video: Video = video, pause: float = pause) -> None:
            time.sleep(pause)
            delete_video(video=video)

        at_once([send, remove], threads=2)
        assert try_jobs() == []

        assert standin.stored() == set()
        assert stored_files() == set()


@pytest.mark.django_db(transaction=True)
def test_jobs_that_push_one_video_wait_for_each_other(user: User, standin: StandIn) -> None:
    video, other = spooled_video(user), spooled_video(user)
    push_on_commit(video=video)

    jobs = ProcrastinateJob.objects.filter(task_name="videos.tasks.push_video")
    assert list(jobs.order_by("id").values_list("lock", flat=True)) == [
        f"push-{one.pk}" for one in (video, other, video)
    ]

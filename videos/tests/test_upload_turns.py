"""Uploading: two pictures and two videos are checked at a time, the rest wait their turn."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from threading import Timer

import pytest

from videos.tests.uploading import upload
from viztube.api.tests.fixtures import Client
from viztube.media import commands
from viztube.media.commands import SLOT_SECONDS, Kind, slot
from viztube.media.tests.fixtures import picture

pytestmark = pytest.mark.django_db

AVATAR = "user/update-avatar"


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> ExitStack:
    """Return what holds turns until it is closed; nobody waits long."""
    monkeypatch.setattr(commands, "SLOT_SECONDS", 0.3)
    return ExitStack()


def test_a_second_video_is_checked_beside_a_first(
    user_client: Client, tiny_clip_bytes: bytes, others: ExitStack
) -> None:
    with others:
        others.enter_context(slot(Kind.VIDEO))
        assert upload(user_client, tiny_clip_bytes).status == 201


def test_a_third_video_is_told_to_come_again_and_leaves_nothing(
    user_client: Client,
    tiny_clip_bytes: bytes,
    others: ExitStack,
    assert_nothing_stays: Callable[[], None],
) -> None:
    with others:
        others.enter_context(slot(Kind.VIDEO))
        others.enter_context(slot(Kind.VIDEO))
        answer = upload(user_client, tiny_clip_bytes)
        assert user_client.patch(AVATAR, {"avatar": picture()}).status == 200

    assert (answer.status, answer.code) == (503, "unavailable")
    assert int(answer.response["Retry-After"]) > 0


def test_a_third_picture_is_told_to_come_again_and_leaves_nothing(
    user_client: Client,
    tiny_clip_bytes: bytes,
    others: ExitStack,
    assert_nothing_stays: Callable[[], None],
) -> None:
    with others:
        others.enter_context(slot(Kind.PICTURE))
        assert user_client.patch(AVATAR, {"avatar": picture()}).status == 200
        others.enter_context(slot(Kind.PICTURE))
        answer = upload(user_client, tiny_clip_bytes, thumbnail=picture())
        assert upload(user_client, tiny_clip_bytes).status == 201

    assert (answer.status, answer.code) == (503, "unavailable")
    assert int(answer.response["Retry-After"]) > 0


def test_when_enough_are_waiting_the_next_is_told_so_at_once(
    user_client: Client, assert_nothing_stays: Callable[[], None]
) -> None:
    with ExitStack() as others:
        for kind in (Kind.VIDEO, Kind.VIDEO, Kind.PICTURE):
            others.enter_context(slot(kind))
        began = time.monotonic()
        answer = user_client.patch(AVATAR, {"avatar": picture()})

    # Its thread is needed for those who want no file checked.
    assert time.monotonic() - began < SLOT_SECONDS / 2
    assert (answer.status, answer.code) == (503, "unavailable")
    assert int(answer.response["Retry-After"]) > 0
    assert user_client.patch(AVATAR, {"avatar": picture()}).status == 200


def test_who_waits_gets_the_turn_that_comes_free(
    user_client: Client, tiny_clip_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SLOT_SECONDS == 10
    first, second = ExitStack(), ExitStack()
    first.enter_context(slot(Kind.VIDEO))
    second.enter_context(slot(Kind.VIDEO))
    timer = Timer(0.5, second.close)
    timer.start()
    try:
        assert upload(user_client, tiny_clip_bytes).status == 201
    finally:
        timer.join()
        first.close()

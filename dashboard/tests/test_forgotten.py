"""Whoever changes what answers show: everybody gets it changed at once, whatever was remembered."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import TestCase

from dashboard.tests.twins import World, assert_shows
from social.models import DecisionName
from social.roles import Role, operator
from social.services.purging import purge
from social.tests.deciding import acting, decided
from users.tests.browsers import browser_of, change_form, superuser
from users.tests.factories import PASSWORD
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_entries")]


def by_owner(method: str, path: str, body: Any = None) -> Callable[[World], object]:
    """Return a call of the owner's that succeeds."""
    return lambda world: _succeeds(world.as_owner, world, method, path, body)


def by_viewer(method: str, path: str, body: Any = None) -> Callable[[World], object]:
    """Return a call of the viewer's that succeeds."""
    return lambda world: _succeeds(world.as_viewer, world, method, path, body)


def _succeeds(client: Client, world: World, method: str, path: str, body: Any) -> None:
    answer = client.request(method, path.format(**vars(world)), body() if callable(body) else body)
    assert answer.status < 300, answer.body


def decision(name: DecisionName, about: str) -> Callable[[World], object]:
    """Return a decision about something of the world."""

    def decide(world: World) -> None:
        decided(getattr(world, about), name, by=acting(Role.OPERATOR))

    return decide


def _purge(world: World) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        purge(person=world.critic, actor=operator("root"), reason="Spam.", advance=lambda *_: None)


def _edit_in_admin(world: World) -> None:
    address = f"/admin/users/user/{world.owner.pk}/change/"
    form = change_form(world.owner, fullname="Of admin")
    assert browser_of(superuser()).post(address, form).status_code == 302


def _password_in_admin(world: World) -> None:
    address = f"/admin/users/user/{world.owner.pk}/password/"
    form = {"usable_password": "true", "password1": "a new staple", "password2": "a new staple"}
    # The owner is signed out by it, so that only others still read.
    world.as_owner = world.as_viewer
    assert browser_of(superuser()).post(address, form).status_code == 302


CHANGES: dict[str, Callable[[World], object]] = {
    "title": by_owner("PATCH", "videos/{video.pk}", {"title": "Another"}),
    "thumbnail": by_owner("PATCH", "videos/{video.pk}", lambda: {"thumbnail": picture()}),
    "hide": by_owner("PATCH", "videos/toggle/publish/{video.pk}"),
    "publish": by_owner("PATCH", "videos/toggle/publish/{hidden.pk}"),
    "delete": by_owner("DELETE", "videos/{video.pk}"),
    "delete a hidden one": by_owner("DELETE", "videos/{hidden.pk}"),
    "toggle a like": by_viewer("POST", "likes/toggle/v/{video.pk}"),
    "like": by_viewer("PUT", "likes/v/{video.pk}"),
    "follow": by_viewer("POST", "subscriptions/c/{owner.pk}"),
    "comment": by_viewer("POST", "comments/{video.pk}", {"content": "Said."}),
    "edit a comment": by_owner("PATCH", "comments/c/{own_comment.pk}", {"content": "Else."}),
    "like a comment": by_viewer("PUT", "likes/c/{comment.pk}"),
    "toggle a like of a comment": by_viewer("POST", "likes/toggle/c/{comment.pk}"),
    "delete a comment": by_owner("DELETE", "comments/c/{comment.pk}"),
    "full name": by_owner("PATCH", "user/update-account", {"fullname": "Another"}),
    "user name": by_owner("PATCH", "user/update-account", {"username": "another"}),
    "avatar": by_owner("PATCH", "user/update-avatar", lambda: {"avatar": picture()}),
    "cover": by_owner("PATCH", "user/update-cover-image", lambda: {"coverImage": picture()}),
    "password": by_owner(
        "POST",
        "user/change-password",
        {"oldPassword": PASSWORD, "newPassword": "another staple battery"},
    ),
    "take down": decision(DecisionName.TAKE_DOWN, "video"),
    "remove a comment": decision(DecisionName.REMOVE, "comment"),
    "suspend": decision(DecisionName.SUSPEND, "owner"),
    "ban who commented": decision(DecisionName.BAN, "critic"),
    "purge who commented": _purge,
    "edit in admin": _edit_in_admin,
    "password in admin": _password_in_admin,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_shows_at_once(world: World, name: str) -> None:
    assert_shows(world, lambda: CHANGES[name](world))


UNDONE: dict[str, tuple[Callable[[World], object], Callable[[World], object]]] = {
    "like": (by_viewer("PUT", "likes/v/{video.pk}"), by_viewer("DELETE", "likes/v/{video.pk}")),
    "like a comment": (
        by_viewer("PUT", "likes/c/{comment.pk}"),
        by_viewer("DELETE", "likes/c/{comment.pk}"),
    ),
    "follow": (
        by_viewer("PUT", "subscriptions/c/{owner.pk}"),
        by_viewer("DELETE", "subscriptions/c/{owner.pk}"),
    ),
    "take down": (CHANGES["take down"], decision(DecisionName.RESTORE, "video")),
    "remove": (CHANGES["remove a comment"], decision(DecisionName.RESTORE, "comment")),
    "suspend": (CHANGES["suspend"], decision(DecisionName.LIFT, "owner")),
}


@pytest.mark.parametrize("name", UNDONE)
def test_what_is_undone_shows_at_once(world: World, name: str) -> None:
    do, undo = UNDONE[name]
    do(world)
    # Decisions take another.
    for row in (world.video, world.comment, world.owner):
        row.refresh_from_db()

    assert_shows(world, lambda: undo(world))


def test_an_upload_shows_at_once(world: World, clip: Any) -> None:
    assert_shows(
        world, lambda: by_owner("POST", "videos", {"title": "New", "videoFile": clip})(world)
    )

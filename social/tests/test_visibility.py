"""The matrix: every call, about every kind of hidden thing, by every kind of caller.

What is hidden is 404 for all but its owner and staff, whichever call could show or touch it. What
lists and counts show of it is in ``test_hidden_in_lists.py``.
"""

from collections.abc import Callable
from typing import Any

import pytest

from social.models import (
    Case,
    Comment,
    Like,
    Playlist,
    PlaylistVideo,
    Report,
    Subscription,
    Tweet,
)
from social.tests.factories import CommentFactory, PlaylistFactory
from social.tests.hidden import THINGS, Hidden, furnish
from users.models import User
from users.tests.factories import UserFactory
from viztube.api.tests.fixtures import API, Client, openapi

pytestmark = pytest.mark.django_db

# Callers, in the order of the statuses below. Owners who are away themselves cannot sign in.
CALLERS = ("signed out", "stranger", "owner", "staff")
TEXT = {"content": "Changed"}

# Thing -> call -> what it answers to each of the callers. Where everyone gets the same, also for an
# id that never was, the answer tells nothing.
CALLS: dict[str, dict[str, tuple[int, int, int, int]]] = {
    "video": {
        "GET comments/{video_id}": (404, 404, 200, 200),
        "POST comments/{video_id}": (401, 404, 201, 201),
        "POST likes/toggle/v/{id}": (401, 404, 200, 200),
        "PUT likes/v/{id}": (401, 404, 200, 200),
        "DELETE likes/v/{id}": (401, 200, 200, 200),
        "POST playlist/{own}/{video_id}": (401, 404, 200, 200),
        "DELETE playlist/{own}/{video_id}": (401, 200, 200, 200),
        "DELETE user/watch-history/{id}": (401, 200, 200, 200),
        "POST reports of a video": (401, 404, 400, 201),
    },
    "comment": {
        "PATCH comments/c/{id}": (401, 404, 200, 403),
        "DELETE comments/c/{id}": (401, 404, 200, 403),
        "POST likes/toggle/c/{id}": (401, 404, 200, 200),
        "PUT likes/c/{id}": (401, 404, 200, 200),
        "DELETE likes/c/{id}": (401, 200, 200, 200),
        "POST reports of a comment": (401, 404, 400, 201),
    },
    "tweet": {
        "PATCH tweets/{id}": (401, 404, 200, 403),
        "DELETE tweets/{id}": (401, 404, 200, 403),
        "POST likes/toggle/t/{id}": (401, 404, 200, 200),
        "PUT likes/t/{id}": (401, 404, 200, 200),
        "DELETE likes/t/{id}": (401, 200, 200, 200),
        "POST reports of a tweet": (401, 404, 400, 201),
    },
    "playlist": {
        "GET playlist/{id}": (404, 404, 200, 200),
        "PATCH playlist/{id}": (401, 404, 200, 403),
        "DELETE playlist/{id}": (401, 404, 200, 403),
        "PATCH playlist/{id}/order": (401, 404, 200, 403),
        "POST playlist/{id}/{another}": (401, 404, 200, 403),
        "DELETE playlist/{id}/{another}": (401, 404, 200, 403),
    },
    "channel": {
        "GET user/c/{username}": (404, 404, 200, 200),
        "POST subscriptions/c/{id}": (401, 404, 400, 200),
        "PUT subscriptions/c/{id}": (401, 404, 400, 200),
        "DELETE subscriptions/c/{id}": (401, 200, 200, 200),
        # Lists are the same for everyone.
        "GET subscriptions/c/{id}": (404, 404, 404, 404),
        "GET subscriptions/u/{id}": (404, 404, 404, 404),
        "GET tweets/user/{user_id}": (404, 404, 404, 404),
        "GET playlist/user/{user_id}": (404, 404, 404, 404),
        "POST reports of a channel": (401, 404, 400, 201),
    },
}
# What lists the rows of something.
LISTS = ("GET comments/", "GET subscriptions/", "GET tweets/user/", "GET playlist/user/")
BODIES: dict[str, Any] = {
    "POST comments/{video_id}": TEXT,
    "PATCH comments/c/{id}": TEXT,
    "PATCH tweets/{id}": TEXT,
    "PATCH playlist/{id}": {"name": "Changed"},
    "PATCH playlist/{id}/order": {"videoIds": []},
}
REPORTS = {
    f"POST reports of a {kind}": {"targetType": kind, "reason": "spam"}
    for kind in ("video", "comment", "tweet", "channel")
}
# What is about nobody's things but the caller's, or only makes some.
OWN = {
    "GET likes/videos",
    "POST playlist",
    "POST tweets",
    "GET user/watch-history",
    "DELETE user/watch-history",
    "GET reports",
    "GET user/notices",
}


def matrix() -> list[tuple[str, str, str, str, int]]:
    """Return every combination of thing, kind, call and caller, and the status expected."""
    return [
        (thing, kind, call, caller, status)
        for thing, kinds in THINGS.items()
        for kind in kinds
        for call, statuses in CALLS[thing].items()
        for caller, status in zip(CALLERS, statuses, strict=True)
        if caller != "owner" or not kind.startswith("owner")
    ]


def somebody(**fields: Any) -> User:
    """Return a person who need not sign in with a password."""
    return UserFactory.create(password=None, **fields)


def rows() -> list[Any]:
    """Return everything that calls about hidden things must leave as it is."""
    models = (Comment, Like, Playlist, PlaylistVideo, Subscription, Tweet, Case, Report)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.mark.parametrize(("thing", "kind", "call", "caller", "status"), matrix())
def test_a_call_about_something_hidden(
    client_for: Callable[[User], Client],
    thing: str,
    kind: str,
    call: str,
    caller: str,
    status: int,
) -> None:
    hidden = THINGS[thing][kind]()
    furnish(hidden.thing)
    # What everyone sees beside it must not stand in for it.
    CommentFactory.create()
    compare(client_for, hidden, call, caller, status)


@pytest.mark.parametrize(
    ("thing", "kind", "call", "caller", "status"),
    [row for row in matrix() if row[2].startswith(LISTS)],
)
def test_an_empty_list_of_something_hidden(
    client_for: Callable[[User], Client],
    thing: str,
    kind: str,
    call: str,
    caller: str,
    status: int,
) -> None:
    compare(client_for, THINGS[thing][kind](), call, caller, status)


def compare(
    client_for: Callable[[User], Client], hidden: Hidden, call: str, caller: str, status: int
) -> None:
    """Fail unless the call answers with the status, and tells nothing but to whom it may."""
    person = hidden.owner if caller == "owner" else somebody(is_staff=caller == "staff")
    client = Client() if caller == "signed out" else client_for(person)
    request = filled(call, hidden, person)
    before = rows()
    answer = client.request(*request)

    assert answer.status == status, answer.body
    if status >= 400:
        assert rows() == before
    if caller == "stranger":
        # Nothing tells it from what never was.
        unknown = client.request(*filled(call, None, person))
        assert {**answer.body, "requestId": ""} == {**unknown.body, "requestId": ""}


def filled(call: str, hidden: Hidden | None, person: User) -> tuple[str, str, Any]:
    """Return method, path and body of a call about something; about what never was for None."""
    thing = hidden.thing if hidden else None
    key = str(thing.pk) if thing else "01890000-0000-7000-8000-000000000000"
    names = {"id": key, "video_id": key, "user_id": key}
    if "{own}" in call:
        names["own"] = str(PlaylistFactory.create(user=person).pk)
    # Whether there is such a video is told to the playlist's owner alone.
    names["another"] = "01890000-0000-7000-8000-000000000001"
    names["username"] = getattr(thing, "username", "nobody-at-all")
    method, _, path = call.partition(" ")
    if call in REPORTS:
        return method, "reports", {**REPORTS[call], "targetId": key}
    return method, path.format(**names), BODIES.get(call)


@pytest.mark.parametrize(
    "kind", [kind for kind in THINGS["comment"] if not kind.startswith("video owner")]
)
@pytest.mark.parametrize(
    ("call", "under_hidden_video"),
    [
        ("PATCH comments/c/{id}", 403),
        ("DELETE comments/c/{id}", 200),
        ("POST likes/toggle/c/{id}", 200),
        ("PUT likes/c/{id}", 200),
    ],
)
def test_the_owner_of_the_video_with_a_hidden_comment(
    client_for: Callable[[User], Client], kind: str, call: str, under_hidden_video: int
) -> None:
    hidden = THINGS["comment"][kind]()
    assert hidden.video_owner is not None
    answer = client_for(hidden.video_owner).request(*filled(call, hidden, hidden.video_owner))

    # A hidden video is there for its owner, a hidden comment is not.
    assert answer.status == (under_hidden_video if kind.startswith("video") else 404)


@pytest.mark.parametrize("kind", THINGS["channel"])
def test_who_is_away_can_do_nothing_with_an_old_token(
    client_for: Callable[[User], Client], kind: str
) -> None:
    person = THINGS["channel"][kind]().owner
    client = client_for(person)

    for call in ("GET likes/videos", "GET user/watch-history", f"GET user/c/{person.username}"):
        method, _, path = call.partition(" ")
        assert client.request(method, path).code == "token_invalid"
    for path in ("tweets", "playlist"):
        assert client.post(path, {"content": "x", "name": "x"}).code == "token_invalid"


def test_no_call_is_missing_here() -> None:
    documented = {
        f"{method.upper()} {path.removeprefix(f'{API}/')}"
        for path, operations in openapi()["paths"].items()
        for method in operations
    }
    elsewhere = ("videos", "healthcheck", "dashboard")
    social = {
        call
        for call in documented
        if not call.partition(" ")[2].startswith(elsewhere)
        and (
            not call.partition(" ")[2].startswith("user/")
            or call.partition(" ")[2].startswith(("user/c/", "user/watch-history", "user/notices"))
        )
    }
    tried = {call.partition(" of a ")[0] for calls in CALLS.values() for call in calls}
    names = {"{own}/{video_id}": "{id}/{video_id}", "{id}/{another}": "{id}/{video_id}"}
    for ours, theirs in names.items():
        tried = {call.replace(ours, theirs) for call in tried}

    assert tried | OWN == social

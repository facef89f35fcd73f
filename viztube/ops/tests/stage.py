"""Who calls and what there is, for requests that a tool makes up."""

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID
from zlib import crc32

from django.conf import settings
from django.utils import timezone
from schemathesis import Case
from schemathesis.transport.serialization import Binary

from social.models import DecisionName
from social.roles import operator
from social.tests.deciding import decided
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    ReportFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.devices import Device
from users.models import User
from users.services.sessions import open_session
from users.tests.factories import PASSWORD, UserFactory
from videos.models import WatchHistory
from videos.tests.clips import make_clip
from videos.tests.factories import VideoFactory
from viztube.media.tests.fixtures import picture
from viztube.wsgi import application as wsgi_application

CALLERS = ("signed_out", "person", "staff")
NEW_PASSWORD = "violet lamp climbs 42 stairs"
# What an id in an address is of, by the words before it: a video elsewhere.
KINDS = {
    "comments/c": "comment",
    "likes/c": "comment",
    "likes/t": "tweet",
    "likes/toggle/c": "comment",
    "likes/toggle/t": "tweet",
    "playlist": "playlist",
    "subscriptions/c": "other",
    "subscriptions/u": "user",
    "tweets": "tweet",
    "user/sessions": "session",
}

# The line break that ends a part without content, which werkzeug leaves out: Django takes such a
# part for none, and with it a blank text or an empty file.
_NO_CONTENT = re.compile(rb"(\r\nContent-[^\r\n]+\r\n\r\n)(?=--[^\r\n]*WerkzeugFormPart)")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as gunicorn has it, which closes each response: that closes what was uploaded."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    body = _NO_CONTENT.sub(rb"\1\r\n", body)
    environ.update({"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))})
    response = wsgi_application(environ, start_response)
    try:
        return [b"".join(response)]
    finally:
        response.close()


@cache
def small_clip() -> Binary:
    """Return a real video."""
    with TemporaryDirectory() as folder:
        return Binary(make_clip(Path(folder) / "clip.mp4").read_bytes())


@cache
def small_picture() -> Binary:
    """Return a real picture."""
    return Binary(picture().getvalue())


class Stage:
    """People, what they made, and one of them or nobody calling."""

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.statuses: set[int] = set()
        self.operation: Any = None

    def sends(self, case: Case[Any]) -> bool:
        """Tell whether this caller sends a request.

        A person sends each. The others, once they were let in or told to sign in, send half each:
        staff see more, but by the same rules, and who is signed out is let in hardly anywhere.
        """
        if self.caller == "person" or not self.statuses & {200, 201, 401}:
            return True
        return (checksum(case) >> 16 & 1) == (self.caller == "staff")

    def prepared(self, case: Case[Any]) -> tuple[Case[Any], dict[str, str] | None]:
        """Return a copy of a request with real things in it, and the caller's headers.

        A copy, because the tool sends one request for every caller; and changed in place, because
        it stays in the tool's eyes what it was made for: allowed or forbidden.
        """
        if self.operation is None:
            self._set_up(case.operation)
        copy = copy_of(case)
        allowed = copy.meta is not None and copy.meta.generation.mode.is_positive
        body: Any = copy.body if isinstance(copy.body, dict) else {}
        choice = checksum(case)
        self._place_ids(copy, choice, allowed)
        if allowed and body and choice % 4:
            self._fill_in(copy.operation.label, body)
        if self.caller == "signed_out":
            return copy, None
        # One's own token, and no made-up one beside it.
        copy.headers.pop("Authorization", None)
        copy.cookies.pop(settings.ACCESS_COOKIE, None)
        return copy, {"Authorization": f"Bearer {self.tokens.access}"}

    def answered(self, status: int) -> None:
        """Take note of an answer."""
        self.statuses.add(status)

    def check(self) -> None:
        """Fail unless the caller got where they may go, and nowhere else."""
        public = {} in self.operation.definition.raw["security"]
        succeeded = any(200 <= status < 300 and status != 204 for status in self.statuses)
        assert succeeded == (public or self.caller != "signed_out"), (self.caller, self.statuses)

    def _set_up(self, operation: Any) -> None:
        self.operation = operation
        self.person: User = UserFactory.create(
            username=f"owner-{self.caller}", is_staff=self.caller == "staff"
        )
        self.tokens = open_session(user=self.person, device=Device("pytest"))
        others = UserFactory.create_batch(2, password=None)
        self.videos = [
            VideoFactory.create(user=self.person, files=True),
            VideoFactory.create(user=self.person, is_published=False, files=True),
            VideoFactory.create(user=others[0], files=True),
        ]
        own = {"user": self.person, "video": self.videos[0]}
        comments = [
            CommentFactory.create(**own),
            CommentFactory.create(user=self.person, video=self.videos[2]),
            CommentFactory.create(user=others[0], video=self.videos[0]),
            CommentFactory.create(user=others[1], video=self.videos[2]),
        ]
        tweets = [TweetFactory.create(user=one) for one in (self.person, self.person, others[0])]
        playlists = [PlaylistFactory.create(user=one) for one in (self.person, *others)]
        for playlist in playlists[:2]:
            for video in self.videos:
                PlaylistVideoFactory.create(playlist=playlist, video=video)
        for one in (self.person, others[0]):
            LikeFactory.create(user=one, video=self.videos[2])
            LikeFactory.create(user=one, comment=comments[0])
            LikeFactory.create(user=one, tweet=tweets[0])
            SubscriptionFactory.create(subscriber=one, channel=others[1])
        SubscriptionFactory.create(subscriber=others[1], channel=self.person)
        WatchHistory.objects.create(**own, watched_at=timezone.now())
        ReportFactory.create(reporter=self.person, tweet=tweets[2])
        decided(tweets[1], DecisionName.REMOVE, by=operator("pytest"))
        things: dict[str, list[Any]] = {
            "video": [self.videos[0], *self.videos],
            "comment": comments,
            "tweet": tweets,
            "playlist": [playlists[0], *playlists],
            "user": [self.person, *others],
            "other": others,
            "session": [self.person.sessions.get()],
        }
        self.names = {kind: [str(one.pk) for one in some] for kind, some in things.items()}
        # Of what others made, so that it can be reported.
        self.reported = {
            "video": str(self.videos[2].pk),
            "comment": str(comments[3].pk),
            "tweet": str(tweets[2].pk),
            "channel": str(others[1].pk),
        }
        self.names["username"] = [one.username for one in things["user"]]

    def _place_ids(self, case: Case[Any], choice: int, allowed: bool) -> None:
        before = case.operation.path.removeprefix("/api/v2/").partition("/{")[0]
        for name, value in case.path_parameters.items():
            own = KINDS.get(before, "video") if name == "id" else name.removesuffix("_id")
            # Any text may be a user name, so that nothing tells a forbidden one from the others.
            if choice % 8 and (allowed if own == "username" else is_uuid(value)):
                case.path_parameters[name] = self.names[own][choice // 8 % len(self.names[own])]

    def _fill_in(self, label: str, body: dict[str, Any]) -> None:
        for name, value in body.items():
            if isinstance(value, Binary):
                body[name] = small_clip() if name == "videoFile" else small_picture()
        match label.rpartition("/")[2]:
            case "login":
                body.update(username=self.person.username, email="", password=PASSWORD)
            case "refresh-token" | "logout":
                body.update(refreshToken=self.tokens.refresh)
            case "register":
                body.update(password=NEW_PASSWORD)
            case "change-password":
                body.update(oldPassword=PASSWORD, newPassword=NEW_PASSWORD)
            case "reports" if body.get("targetType") in self.reported:
                body.update(targetId=self.reported[body["targetType"]])
            case "order":
                body.update(videoIds=[str(video.pk) for video in reversed(self.videos)])


def checksum(case: Case[Any]) -> int:
    """Return a number that depends on what a request says alone, so is the same on every run."""
    body: Any = case.body if isinstance(case.body, dict) else {}
    return crc32(f"{case.media_type} {case.path_parameters} {case.query} {body}".encode())


def copy_of(case: Case[Any]) -> Case[Any]:
    """Return a request that shares nothing changeable with another."""
    return Case(
        operation=case.operation,
        method=case.method,
        path=case.path,
        path_parameters=dict(case.path_parameters),
        headers=case.headers.copy(),
        cookies=dict(case.cookies),
        query=dict(case.query),
        body=dict(case.body) if isinstance(case.body, dict) else case.body,
        media_type=case.media_type,
        multipart_content_types=case.multipart_content_types,
        meta=deepcopy(case.meta),
    )


def is_uuid(value: Any) -> bool:
    """Tell whether a value is an id."""
    try:
        return bool(UUID(str(value)))
    except ValueError:
        return False

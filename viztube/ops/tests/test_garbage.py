"""What a call leaves in memory once it is answered: nothing that only a search frees."""

import gc
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from social.tests.factories import CommentFactory, LikeFactory
from users.models import User
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client
from viztube.wsgi import application

pytestmark = pytest.mark.django_db

# Calls by which a process makes what it keeps: statements, serializers, connections.
WARM_UP = 5
CALLS = {
    "a list": (200, "GET", "/api/v2/videos?sortBy=title"),
    "a list that is remembered": (200, "GET", "/api/v2/videos"),
    "a later page": (200, "GET", "/api/v2/videos?page=2&limit=1"),
    "a search": (200, "GET", "/api/v2/videos?query=number"),
    "comments": (200, "GET", "/api/v2/comments/{video}"),
    "liked": (200, "GET", "/api/v2/likes/videos"),
    "history": (200, "GET", "/api/v2/user/watch-history"),
    "a page": (200, "GET", "/api/v2/videos/{video}"),
    "a look at a page": (200, "HEAD", "/api/v2/videos/{video}"),
    "figures": (200, "GET", "/api/v2/dashboard/stats"),
    "a like": (200, "POST", "/api/v2/likes/toggle/v/{video}"),
    "options": (204, "OPTIONS", "/api/v2/videos"),
    "nothing there": (404, "GET", "/api/v2/videos/01890000-0000-7000-8000-000000000000"),
    "no id": (404, "GET", "/api/v2/videos/x"),
    "what cannot be": (400, "GET", "/api/v2/videos?limit=x"),
    "a bad body": (400, "POST", "/api/v2/comments/{video}"),
    "no method": (405, "PUT", "/api/v2/videos"),
    "signed out": (401, "GET", "/api/v2/user/watch-history"),
}
# Those that look at what was sent by a form or a serializer.
WITH_FORMS = ("what cannot be", "a bad body")
OF_A_CALL = (HttpRequest, Request, HttpResponseBase, APIView)


@pytest.fixture
def video(user: User) -> Video:
    videos = VideoFactory.create_batch(2)
    for video in videos:
        LikeFactory.create(video=video, user=user)
        CommentFactory.create(video=video)
    return videos[0]


@pytest.fixture
def no_search() -> Iterator[None]:
    """Let nothing look for garbage but the test, whose connection no call closes."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def call(method: str, address: str, token: str | None) -> int:
    """Make a call as gunicorn makes it; return its status. (The test client leaves circles.)"""
    path, _, query = address.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": "0",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }
    if token:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    told: list[str] = []

    def start(status: str, *rest: Any) -> Any:
        told.append(status)

    answer: Any = application(environ, start)
    for _ in answer:
        pass
    answer.close()
    return int(told[0].partition(" ")[0])


def left(name: str, video: Video, client: Client) -> list[type]:
    """Make a call again and again; return the kinds of what the last one left to search for."""
    status, method, address = CALLS[name]
    address = address.format(video=video.pk)
    token = None if name == "signed out" else client.token
    for _ in range(WARM_UP):
        assert call(method, address, token) == status
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        assert call(method, address, token) == status
        gc.collect()
    finally:
        gc.set_debug(0)
    kinds = [type(one) for one in gc.garbage]
    gc.garbage.clear()
    return kinds


@pytest.mark.usefixtures("no_search")
@pytest.mark.parametrize("name", [name for name in CALLS if name not in WITH_FORMS])
def test_a_call_leaves_nothing_to_search_for(video: Video, user_client: Client, name: str) -> None:
    assert left(name, video, user_client) == []


@pytest.mark.usefixtures("no_search")
@pytest.mark.parametrize("name", WITH_FORMS)
def test_a_form_leaves_itself_but_not_the_call(
    video: Video, user_client: Client, name: str
) -> None:
    kinds = left(name, video, user_client)

    # The fields of a form, and of a serializer, refer to it.
    assert len(kinds) < 100
    assert not [kind for kind in kinds if issubclass(kind, OF_A_CALL)]

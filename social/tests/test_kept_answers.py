"""Who may keep an answer, and what those get who have it already."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from social.tests.factories import (
    CommentFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import User
from users.tests.factories import UserFactory
from videos.models import ViewEvent
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import API, Answer, Client, openapi

pytestmark = pytest.mark.django_db

OWN, EVERYONES = "private, no-store", "no-cache"


def addresses() -> dict[str, str]:
    """Return an address with something at it for each read that anyone may do."""
    video = VideoFactory.create()
    owner = video.user
    CommentFactory.create(video=video)
    playlist = PlaylistVideoFactory.create(
        playlist=PlaylistFactory.create(user=owner), video=video
    ).playlist
    SubscriptionFactory.create(channel=owner)
    SubscriptionFactory.create(subscriber=owner)
    TweetFactory.create(user=owner)
    return {
        "videos": "videos",
        "videos/{id}/processing": f"videos/{video.pk}/processing",
        "comments/{video_id}": f"comments/{video.pk}",
        "playlist/{id}": f"playlist/{playlist.pk}",
        "playlist/user/{user_id}": f"playlist/user/{owner.pk}",
        "subscriptions/c/{id}": f"subscriptions/c/{owner.pk}",
        "subscriptions/u/{id}": f"subscriptions/u/{owner.pk}",
        "tweets/user/{user_id}": f"tweets/user/{owner.pk}",
        "user/c/{username}": f"user/c/{owner.username}",
    }


def documented() -> list[str]:
    """Return the reads that the documentation says may be answered 304."""
    return [
        path.removeprefix(f"{API}/")
        for path, operations in openapi()["paths"].items()
        if "304" in operations.get("get", {"responses": {}})["responses"]
    ]


def vary(answer: Answer) -> set[str]:
    """Return what an answer depends on besides its address."""
    return {name.strip().lower() for name in answer.response.get("Vary", "").split(",")}


def test_the_documentation_names_the_reads_that_anyone_may_do() -> None:
    assert sorted(documented()) == sorted(addresses())


@pytest.mark.parametrize("path", documented())
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_is_signed_out_and_has_it_gets_no_body(api: Client, path: str, method: str) -> None:
    address = addresses()[path]
    whole = api.request(method, address)
    etag = whole.response["ETag"]
    again = api.request(method, address, If_None_Match=f'"other", {etag}')

    assert whole.status == 200
    assert etag.startswith('W/"')
    assert whole.response["Cache-Control"] == EVERYONES
    assert {"authorization", "cookie", "origin"} <= vary(whole)
    assert (again.status, again.response.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again.response[name] == whole.response[name]
    assert again.response["X-Request-ID"]
    assert "Content-Type" not in again.response
    assert api.request(method, address, If_None_Match="*").status == 304
    for other in ('W/"other"', "nonsense", etag[3:-1]):
        assert api.request(method, address, If_None_Match=other).status == 200


def test_get_and_head_have_the_same_name(api: Client) -> None:
    VideoFactory.create()

    assert api.get("videos").response["ETag"] == api.request("HEAD", "videos").response["ETag"]


def test_what_has_changed_has_another_name(
    api: Client, client_for: Callable[[User], Client]
) -> None:
    video = VideoFactory.create()
    etag = api.get("videos").response["ETag"]
    client_for(video.user).patch(f"videos/{video.pk}", {"title": "Another"})
    again = api.get("videos", If_None_Match=etag)

    assert again.data["docs"][0]["title"] == "Another"
    assert again.response["ETag"] != etag


def with_header(user: User, client: Client) -> Client:
    """Return a client that signs in by a header."""
    return client


def with_cookie(user: User, client: Client) -> Client:
    """Return a client that signs in by a cookie."""
    other = Client()
    other.http.cookies[settings.ACCESS_COOKIE] = str(client.token)
    return other


@pytest.mark.parametrize("path", documented())
@pytest.mark.parametrize("by", [with_header, with_cookie])
def test_who_is_signed_in_gets_an_answer_that_nobody_keeps(
    api: Client, user: User, user_client: Client, path: str, by: Callable[[User, Client], Client]
) -> None:
    address = addresses()[path]
    etag = api.get(address).response["ETag"]
    # As a cache would ask on behalf of somebody, with what somebody else got.
    for given in (etag, "*"):
        answer = by(user, user_client).get(address, If_None_Match=given)

        assert answer.status == 200
        assert answer.data is not None
        assert answer.response["Cache-Control"] == OWN
        assert {"authorization", "cookie"} <= vary(answer)
        assert "ETag" not in answer.response


def test_a_cookie_that_is_no_token_is_signed_out(api: Client) -> None:
    api.http.cookies[settings.ACCESS_COOKIE] = "nonsense"

    assert api.get("videos").response["Cache-Control"] == EVERYONES


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_call_that_counts_is_kept_by_nobody(api: Client, method: str) -> None:
    video = VideoFactory.create()
    for given in ("", "*"):
        answer = api.request(method, f"videos/{video.pk}", If_None_Match=given)
        assert answer.status == 200
        assert answer.response["Cache-Control"] == OWN
        assert "ETag" not in answer.response

    assert ViewEvent.objects.count() == (2 if method == "GET" else 0)


@pytest.mark.parametrize("path", ["likes/videos", "dashboard/stats", "user/watch-history"])
def test_what_is_ones_own_is_kept_by_nobody(user_client: Client, path: str) -> None:
    answer = user_client.get(path, If_None_Match="*")

    assert (answer.status, answer.response["Cache-Control"]) == (200, OWN)


def test_failures_and_changes_are_kept_by_nobody(api: Client, user_client: Client) -> None:
    video = VideoFactory.create()
    answers: dict[int, Any] = {
        404: api.get("user/c/nobody", If_None_Match="*"),
        400: api.get("videos?page=0", If_None_Match="*"),
        401: api.get("dashboard/stats", If_None_Match="*"),
        405: api.post("videos/toggle"),
        200: user_client.post(f"likes/toggle/v/{video.pk}", If_None_Match="*"),
        201: user_client.post(f"comments/{video.pk}", {"content": "Said"}),
    }
    for status, answer in answers.items():
        assert answer.status == status
        assert answer.response["Cache-Control"] == OWN


def test_one_caller_never_gets_what_another_likes_or_follows(
    api: Client, user_client: Client, client_for: Callable[[User], Client]
) -> None:
    video = VideoFactory.create()
    other = client_for(UserFactory.create())
    user_client.post(f"likes/toggle/v/{video.pk}")
    user_client.post(f"subscriptions/c/{video.user_id}")
    expected = ((user_client, True), (other, False), (api, None), (user_client, True))
    for client, theirs in expected:
        assert client.get("videos").data["docs"][0]["isLiked"] is theirs
        assert client.get(f"user/c/{video.user.username}").data["isSubscribed"] is theirs

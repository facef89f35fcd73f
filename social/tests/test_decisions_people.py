"""What suspensions, bans and their end do, at once and over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from social.models import DecisionName, ModerationAction
from social.roles import Role
from social.tests.deciding import acting, decided
from social.tests.factories import (
    CommentFactory,
    PlaylistFactory,
    SubscriptionFactory,
    TweetFactory,
)
from social.tests.roles import member
from social.tests.test_decisions import ids
from users.models import User
from users.tests.factories import PASSWORD, UserFactory
from users.tests.signing_in import log_in
from videos.models import Video
from videos.services import standing
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.times import wire_time

pytestmark = pytest.mark.django_db

OUT = (DecisionName.SUSPEND, DecisionName.BAN)


def login(user: User, password: str = PASSWORD) -> Answer:
    return Client().post("user/login", {"username": user.username, "password": password})


@pytest.mark.parametrize("name", OUT)
@pytest.mark.parametrize("warm", [True, False])
def test_every_session_ends_at_once(user: User, name: DecisionName, warm: bool) -> None:
    devices = [log_in(user) for _ in range(3)]
    other = log_in(UserFactory.create())
    if warm:
        # Their callers are remembered by the cache now.
        assert all(device.works() for device in (*devices, other))
    decided(user, name)

    for device in devices:
        assert Client(device.access).get("user/notices").code == "token_invalid"
        assert Client(device.access).get("videos").code == "token_invalid"
        assert not device.can_refresh()
    assert other.works()
    # What ended stays ended.
    decided(user, DecisionName.LIFT)
    assert not any(device.works() or device.can_refresh() for device in devices)
    assert log_in(user).works()


def test_the_login_tells_until_when_and_why(user: User) -> None:
    line = decided(user, DecisionName.SUSPEND, days=3, reason="Spam under every video.")
    answer = login(user)

    assert (answer.status, answer.code) == (403, "suspended")
    assert line.until is not None
    assert answer.body["message"] == (
        f"This account is suspended until {line.until:%Y-%m-%d %H:%M} UTC: Spam under every video."
    )
    told = {field: items[0]["message"] for field, items in answer.body["details"].items()}
    assert told == {"until": wire_time(line.until), "reason": "Spam under every video."}


def test_the_login_tells_of_a_ban_and_why(user: User) -> None:
    decided(user, DecisionName.BAN, reason="Spam, again.")
    answer = login(user)

    assert (answer.status, answer.code) == (403, "suspended")
    assert answer.body["message"] == "This account is banned: Spam, again."
    told = {field: items[0]["message"] for field, items in answer.body["details"].items()}
    assert told == {"reason": "Spam, again."}


@pytest.mark.parametrize("name", OUT)
def test_without_the_password_nothing_is_told(user: User, name: DecisionName) -> None:
    unknown = Client().post("user/login", {"username": "nobody", "password": "wrong one"})
    decided(user, name)
    answer = login(user, "wrong one")

    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert {**answer.body, "requestId": ""} == {**unknown.body, "requestId": ""}


def test_a_suspension_ends_by_itself(user: User) -> None:
    decided(user, DecisionName.SUSPEND, days=1)
    assert login(user).status == 403
    User.objects.filter(pk=user.pk).update(suspended_until=timezone.now() - timedelta(seconds=1))

    assert login(user).status == 200


def everything_of(user: User, elsewhere: Video) -> None:
    """Give a person a thing of every kind, also on the page of somebody else's video."""
    video = VideoFactory.create(user=user, files=True, title="Velkanor erupts")
    CommentFactory.create(video=video)
    CommentFactory.create(user=user, video=elsewhere)
    TweetFactory.create(user=user)
    PlaylistFactory.create(user=user)
    SubscriptionFactory.create(channel=user)


def shown(client: Client, user: User, elsewhere: Video) -> dict[str, Any]:
    """Return what a stranger sees of a person."""
    (video,) = Video.objects.filter(user=user)
    tweets = client.get(f"tweets/user/{user.pk}")
    return {
        "channel": client.get(f"user/c/{user.username}").status,
        "video": client.get(f"videos/{video.pk}").status,
        "comments below": client.get(f"comments/{video.pk}").status,
        "list": len(ids(client.get("videos"))),
        "channel's list": len(ids(client.get("videos", query={"userId": user.pk}))),
        "search": len(ids(client.get("videos", query={"query": "velkanor"}))),
        "tweets": (tweets.status, len(ids(tweets))),
        "playlists": client.get(f"playlist/user/{user.pk}").status,
        "subscribers": client.get(f"subscriptions/c/{user.pk}").status,
        "comments elsewhere": len(ids(client.get(f"comments/{elsewhere.pk}"))),
        "their count": client.get(f"videos/{elsewhere.pk}").data["commentsCount"],
    }


SHOWN = {
    **dict.fromkeys(("channel", "video", "comments below", "playlists", "subscribers"), 200),
    "list": 2,
    "channel's list": 1,
    "search": 1,
    "tweets": (200, 1),
    "comments elsewhere": 1,
    "their count": 1,
}
HIDDEN = {
    **dict.fromkeys(("channel", "video", "comments below", "playlists", "subscribers"), 404),
    "list": 1,
    "channel's list": 0,
    "search": 0,
    "tweets": (404, 0),
    "comments elsewhere": 0,
    "their count": 0,
}


@pytest.mark.parametrize("name", OUT)
def test_all_that_is_theirs_is_hidden_at_once_and_comes_back(
    user: User, api: Client, stranger_client: Client, name: DecisionName
) -> None:
    elsewhere = VideoFactory.create()
    everything_of(user, elsewhere)
    (video,) = Video.objects.filter(user=user)

    def addresses() -> set[str]:
        data = api.get(f"videos/{video.pk}").data
        return {data["videoFileUrl"], data["thumbnailUrl"]}

    old = addresses()
    for client in (api, stranger_client):
        assert shown(client, user, elsewhere) == SHOWN
    decided(user, name)
    for client in (api, stranger_client):
        assert shown(client, user, elsewhere) == HIDDEN
    assert {api.get(url).status for url in old} == {404}
    decided(user, DecisionName.LIFT)
    for client in (api, stranger_client):
        assert shown(client, user, elsewhere) == SHOWN
    assert {api.get(url).status for url in addresses()} == {200}
    assert {api.get(url).status for url in old} == {404}


def test_what_was_taken_down_does_not_come_back_with_the_person(user: User, api: Client) -> None:
    video = VideoFactory.create(user=user, files=True)
    tweet = TweetFactory.create(user=user)
    decided(video, DecisionName.TAKE_DOWN)
    decided(tweet, DecisionName.REMOVE)
    for name in (DecisionName.BAN, DecisionName.LIFT):
        decided(user, name)

    assert api.get(f"videos/{video.pk}").status == 404
    assert api.get(f"tweets/user/{user.pk}").data == []
    assert Video.objects.get().folder.startswith("h/")


def test_a_restore_during_a_ban_shows_nothing_before_the_ban_ends(user: User, api: Client) -> None:
    video = VideoFactory.create(user=user, files=True)
    decided(video, DecisionName.TAKE_DOWN)
    decided(user, DecisionName.BAN)
    decided(video, DecisionName.RESTORE)
    assert api.get(f"videos/{video.pk}").status == 404
    assert Video.objects.get().folder.startswith("h/")

    decided(user, DecisionName.LIFT)
    data = api.get(f"videos/{video.pk}").data
    assert api.get(data["videoFileUrl"]).status == 200


def test_of_many_videos_the_request_hides_some_and_the_job_the_others(
    user: User,
    api: Client,
    run_jobs: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(standing, "AT_ONCE", 2)
    VideoFactory.create_batch(5, user=user, files=True)
    old = [doc["videoFileUrl"] for doc in api.get("videos").data["docs"]]
    decided(user, DecisionName.BAN)

    # No list gives their addresses out any more.
    assert api.get("videos").data["docs"] == []
    assert sorted(api.get(url).status for url in old) == [200] * 3 + [404] * 2
    with django_capture_on_commit_callbacks(execute=True):
        assert "follow_standing_of" in run_jobs()
    assert {api.get(url).status for url in old} == {404}


@pytest.mark.parametrize("name", OUT)
def test_the_admin_session_of_staff_ends(name: DecisionName) -> None:
    moderator = member(Role.MODERATOR)
    browser = Browser()
    browser.force_login(moderator)
    assert browser.get("/admin/").status_code == 200
    decided(moderator, name)

    assert browser.get("/admin/").status_code == 302
    form = {"username": moderator.username, "password": PASSWORD}
    assert browser.post("/admin/login/?next=/admin/", form).status_code == 200
    decided(moderator, DecisionName.LIFT, by=acting(Role.SENIOR))
    assert browser.post("/admin/login/?next=/admin/", form).status_code == 302


def test_a_decision_that_fails_ends_no_session(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    device = log_in(user)
    assert device.works()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(ModerationAction, "save", fail)
    with pytest.raises(RuntimeError):
        decided(user, DecisionName.BAN)

    assert device.works()
    assert device.can_refresh()
    assert login(user).status == 200


def test_a_person_may_still_be_decided_about_while_out(user: User) -> None:
    tweet = TweetFactory.create(user=user)
    decided(user, DecisionName.SUSPEND)
    decided(tweet, DecisionName.REMOVE)
    decided(user, DecisionName.BAN)
    decided(user, DecisionName.LIFT)

    told = Client(log_in(user).access).get("user/notices").data
    assert [row["decision"] for row in told] == ["lift", "ban", "remove", "suspend"]

"""What is remembered of a video: who is shown it, what it tells of whom, what becomes of it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client as DjangoClient

from social.models import DecisionName
from social.roles import Role
from social.tests.deciding import acting, decided
from social.tests.factories import LikeFactory, SubscriptionFactory
from social.views import likes
from users.models import User
from users.tests.factories import UserFactory
from videos import cards
from videos.models import Video
from videos.serializers import VideoWithUserSerializer
from videos.services import views
from videos.tests.factories import VideoFactory
from viztube.api import shared
from viztube.api.tests.fixtures import Client
from viztube.media.paths import new_folder

# What is remembered is left to the service: only what it forgets itself is gone.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_entries")]

LIKED = "likes/videos"
HISTORY = "user/watch-history"
TITLES = (
    'x","isLiked":null,"value":1',
    '"isLiked":null',
    ',"value":null}',
    '\\"isLiked\\":null,\\',
    "<b>&amp;</b>\u2028\U0001f3ac",
)


@pytest.fixture
def owner() -> User:
    return UserFactory.create()


@pytest.fixture
def video(owner: User) -> Video:
    """Return a video that the owner likes."""
    video = VideoFactory.create(user=owner, files=True)
    LikeFactory.create(user=owner, video=video)
    return video


@pytest.fixture
def owner_client(owner: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(owner)


@pytest.fixture
def fan_client(video: Video, user: User, user_client: Client) -> Client:
    """Return a client of somebody who likes the video and follows its owner."""
    LikeFactory.create(user=user, video=video)
    SubscriptionFactory.create(subscriber=user, channel=video.user)
    return user_client


def found(client: Client, path: str) -> dict[str, Any]:
    """Return the videos of a list by id."""
    return {one["id"]: one for one in client.get(path).data}


def look(client: Client, video: Video) -> None:
    """Look at a video everywhere, so that it is remembered."""
    assert client.get(f"videos/{video.pk}").status == 200
    assert found(client, LIKED).keys() == found(client, HISTORY).keys() == {str(video.pk)}


def assert_unseen(client: Client, video: Video) -> None:
    """Fail if somebody is shown anything of a video."""
    for method in ("GET", "HEAD"):
        assert client.request(method, f"videos/{video.pk}").status == 404
    assert DjangoClient().get(f"/watch/{video.pk}").status_code == 404
    for path in (LIKED, HISTORY):
        answer = client.get(path)
        assert (answer.data, answer.body["pagination"]["totalDocs"]) == ([], 0)


def test_who_hides_a_video_hides_it_from_others_at_once_and_sees_it_hidden(
    owner_client: Client, fan_client: Client, video: Video
) -> None:
    pk = str(video.pk)
    for client in (owner_client, fan_client):
        look(client, video)
    assert owner_client.patch(f"videos/toggle/publish/{pk}").data["isPublished"] is False

    assert_unseen(fan_client, video)
    page = owner_client.get(f"videos/{pk}").data
    assert page["isPublished"] is False
    # Where its files are was told to others.
    assert "/h/" in page["videoFileUrl"]
    for path in (LIKED, HISTORY):
        assert found(owner_client, path)[pk]["isPublished"] is False
        assert found(owner_client, path)[pk]["videoFileUrl"] == page["videoFileUrl"]

    owner_client.patch(f"videos/toggle/publish/{pk}")
    look(fan_client, video)
    for client in (owner_client, fan_client):
        assert client.get(f"videos/{pk}").data["isPublished"] is True
        assert found(client, LIKED)[pk]["isPublished"] is True


HIDING: dict[str, Callable[[Video], object]] = {
    "take down": lambda video: decided(video, DecisionName.TAKE_DOWN, by=acting(Role.OPERATOR)),
    "suspend": lambda video: decided(video.user, DecisionName.SUSPEND, by=acting(Role.OPERATOR)),
    "ban": lambda video: decided(video.user, DecisionName.BAN, by=acting(Role.OPERATOR)),
    # Past the service, which then forgets nothing: it is asked each time who may see what.
    "hide past the service": lambda video: Video.objects.filter(pk=video.pk).update(
        is_published=False, folder=new_folder("h")
    ),
    "ban past the service": lambda video: User.objects.filter(pk=video.user_id).update(
        is_active=False
    ),
    "delete past the service": lambda video: Video.objects.filter(pk=video.pk).delete(),
}


@pytest.mark.parametrize("way", HIDING)
def test_what_is_hidden_is_shown_to_nobody_though_it_is_remembered(
    fan_client: Client, video: Video, way: str
) -> None:
    look(fan_client, video)
    HIDING[way](video)

    assert_unseen(fan_client, video)


@pytest.mark.parametrize("by", ["page", LIKED, HISTORY])
@pytest.mark.parametrize("first", ["fan", "nobody"])
def test_what_is_remembered_when_one_looks_says_nothing_of_them_to_others(
    fan_client: Client,
    user: User,
    client_for: Callable[[User], Client],
    video: Video,
    by: str,
    first: str,
) -> None:
    page = f"videos/{video.pk}"
    other = client_for(UserFactory.create())
    for client in (fan_client, other):
        client.get(page)
    shared.forget(shared.EVERYTHING)
    if first == "nobody":
        Client().get(page)
    fan_client.get(page if by == "page" else by)

    for _ in range(2):
        for client, liked in ((fan_client, True), (other, False), (Client(), None)):
            shown = client.get(page).data
            assert (shown["isLiked"], shown["user"]["isSubscribed"]) == (liked, liked)
            assert (shown["likesCount"], shown["user"]["subscribersCount"]) == (2, 1)
        for client, liked in ((fan_client, True), (other, False)):
            shown = found(client, HISTORY)[str(video.pk)]
            assert shown["isLiked"] is liked
            assert not {"isSubscribed", "subscribersCount"} & {*shown["user"]}
            assert found(client, LIKED).keys() == ({str(video.pk)} if liked else set())
    assert str(user.pk) not in remembered(video.pk)
    folder, card = orjson.loads(remembered(video.pk))
    assert folder == video.folder
    assert card["isLiked"] is None


def remembered(video: UUID) -> str:
    """Return what is remembered of a video; fails where nothing is."""
    entries = shared.read_each(shared.VIDEO, [str(video)], lambda _: {}, of=VideoWithUserSerializer)
    return entries[str(video)].decode()


def test_what_one_does_with_a_video_shows_on_its_page_and_in_lists_at_once(
    fan_client: Client, video: Video
) -> None:
    look(fan_client, video)
    fan_client.delete(f"likes/v/{video.pk}")
    fan_client.delete(f"subscriptions/c/{video.user_id}")
    fan_client.post(f"comments/{video.pk}", {"content": "Said."})

    page = fan_client.get(f"videos/{video.pk}").data
    assert (page["isLiked"], page["likesCount"], page["commentsCount"]) == (False, 1, 1)
    assert (page["user"]["isSubscribed"], page["user"]["subscribersCount"]) == (False, 0)
    shown = found(fan_client, HISTORY)[str(video.pk)]
    assert (shown["isLiked"], shown["likesCount"], shown["commentsCount"]) == (False, 1, 1)
    assert found(fan_client, LIKED) == {}


def test_views_of_a_page_are_never_late(fan_client: Client, video: Video) -> None:
    pages = [fan_client.get(f"videos/{video.pk}").data["views"] for _ in range(3)]
    DjangoClient().get(f"/watch/{video.pk}")
    views.fold_views()

    assert [*pages, fan_client.get(f"videos/{video.pk}").data["views"]] == [1, 2, 3, 5]


@pytest.mark.parametrize("title", TITLES)
def test_any_text_comes_back_as_it_was(fan_client: Client, user: User, title: str) -> None:
    liked, other = VideoFactory.create_batch(2, title=title, description=title)
    LikeFactory.create(user=user, video=liked)
    # Made, and then remembered.
    for _ in range(2):
        for video, is_liked in ((liked, True), (other, False)):
            told = [
                fan_client.get(f"videos/{video.pk}").data,
                found(fan_client, HISTORY)[str(video.pk)],
                *([found(fan_client, LIKED)[str(video.pk)]] if is_liked else []),
            ]
            for one in told:
                assert (one["title"], one["description"]) == (title, title)
                assert one["isLiked"] is is_liked
            assert Client().get(f"videos/{video.pk}").data["title"] == title


def delete(video: Video) -> None:
    """Delete a video for good, as others do between two statements of a call."""
    Video.objects.filter(pk=video.pk).delete()


@pytest.mark.parametrize("path", [LIKED, HISTORY])
def test_what_is_deleted_while_a_list_is_read_is_left_out(
    fan_client: Client, user: User, video: Video, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    kept = VideoFactory.create()
    LikeFactory.create(user=user, video=kept)
    for one in (video, kept):
        fan_client.get(f"videos/{one.pk}")
    shared.forget(shared.EVERYTHING)
    made = cards._made

    def delete_then_make(ids: Any) -> Any:
        delete(video)
        return made(ids)

    monkeypatch.setattr(cards, "_made", delete_then_make)

    assert found(fan_client, path).keys() == {str(kept.pk)}


def test_what_a_page_finds_deleted_is_left_out_of_a_list_that_was_read_before(
    fan_client: Client, video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete_then_show(rows: Any) -> Any:
        shown = views.look(video=video.pk, viewer=AnonymousUser())
        assert shown is not None
        delete(video)
        assert cards.page_of(video.pk, shown) is None
        return cards.cards_of(rows)

    monkeypatch.setattr(likes, "cards_of", delete_then_show)

    assert fan_client.get(LIKED).data == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_deleted_while_its_page_is_read_is_404(
    fan_client: Client, video: Video, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    made = cards._made

    def delete_then_make(ids: Any) -> Any:
        delete(video)
        return made(ids)

    monkeypatch.setattr(cards, "_made", delete_then_make)

    assert fan_client.request(method, f"videos/{video.pk}").status == 404
    assert DjangoClient().get(f"/watch/{video.pk}").status_code == 404


@pytest.fixture
def hidden_while_read(
    video: Video, client_for: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Let the owner hide and rename the video between the looks at who may see it and at it.

    Return the folders that it had.
    """
    made, folders = cards._made, [video.folder]
    owner_client = client_for(video.user)

    def hide_then_make(ids: Any) -> Any:
        if len(folders) == 1:
            body = {"isPublished": False, "title": "Secret"}
            assert owner_client.patch(f"videos/{video.pk}", body).status == 200
            video.refresh_from_db()
            folders.append(video.folder)
        return made(ids)

    monkeypatch.setattr(cards, "_made", hide_then_make)
    return folders


@pytest.mark.parametrize("path", [LIKED, HISTORY])
def test_what_is_hidden_while_a_list_is_read_tells_nothing_new(
    fan_client: Client, user: User, video: Video, hidden_while_read: list[str], path: str
) -> None:
    """The addresses of what is hidden are the permission to fetch it."""
    views.watch(video=video.pk, viewer=user)

    told = fan_client.get(path)

    assert told.data == []
    assert len(hidden_while_read) == 2


def test_what_is_hidden_while_its_page_is_read_is_404(
    fan_client: Client, video: Video, hidden_while_read: list[str]
) -> None:
    assert fan_client.get(f"videos/{video.pk}").status == 404
    assert len(hidden_while_read) == 2


def test_a_card_from_before_does_not_count_where_nobody_was_told_of_the_change(
    owner_client: Client, video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process had died at its commit."""
    old = video.folder
    for path in (LIKED, f"videos/{video.pk}"):
        assert old in str(owner_client.get(path).data)
    monkeypatch.setattr(shared, "forget", lambda *tags: None)

    owner_client.patch(f"videos/{video.pk}", {"isPublished": False})

    video.refresh_from_db()
    assert video.folder != old
    for path in (LIKED, HISTORY, f"videos/{video.pk}"):
        told = str(owner_client.get(path).data)
        assert video.folder in told
        assert old not in told

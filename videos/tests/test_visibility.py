"""What is hidden is hidden on every path, from everyone but its owner and staff."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from users.models import User
from users.tests.factories import UserFactory
from videos.models import DailyViews, Video, ViewEvent
from videos.tests.factories import VideoFactory
from videos.tests.hidden import HIDDEN, HIDDEN_WITH_OWNER
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

# Caller -> what reading one hidden video answers.
READERS = {"signed out": 404, "stranger": 404, "owner": 200, "staff": 200}
# Call -> caller -> what it answers about a hidden video.
WRITES = {
    "PATCH": {"signed out": 401, "stranger": 404, "owner": 200, "staff": 403},
    "toggle": {"signed out": 401, "stranger": 404, "owner": 200, "staff": 403},
    "DELETE": {"signed out": 401, "stranger": 404, "owner": 200, "staff": 403},
}


@pytest.fixture
def client_of(api: Client, client_for: Callable[[User], Client]) -> Callable[[str, Video], Client]:
    def make(caller: str, video: Video) -> Client:
        match caller:
            case "owner":
                return client_for(video.user)
            case "stranger":
                return client_for(UserFactory.create())
            case "staff":
                return client_for(UserFactory.create(is_staff=True))
        return api

    return make


def cases() -> list[tuple[str, str]]:
    """Every hidden thing with every caller who can exist beside it."""
    return [
        (kind, caller)
        for kind in HIDDEN
        for caller in READERS
        if caller != "owner" or kind in HIDDEN_WITH_OWNER
    ]


@pytest.mark.parametrize(("kind", "caller"), cases())
def test_one_video(client_of: Callable[[str, Video], Client], kind: str, caller: str) -> None:
    video = HIDDEN[kind]()
    client = client_of(caller, video)

    for method in ("HEAD", "GET"):
        assert client.request(method, f"videos/{video.pk}").status == READERS[caller]
    assert client.get(f"videos/{video.pk}/processing").status == READERS[caller]
    assert ViewEvent.objects.count() == (1 if READERS[caller] == 200 else 0)


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize(("kind", "caller"), cases())
def test_changing_it(
    client_of: Callable[[str, Video], Client], kind: str, caller: str, call: str
) -> None:
    video = HIDDEN[kind](files=True)
    client = client_of(caller, video)
    if call == "PATCH":
        answer = client.patch(f"videos/{video.pk}", {"title": "Changed"})
    elif call == "toggle":
        answer = client.patch(f"videos/toggle/publish/{video.pk}")
    else:
        answer = client.delete(f"videos/{video.pk}")

    assert answer.status == WRITES[call][caller]
    if answer.status != 200:
        row = Video.objects.get()
        assert (row.title, row.is_published) == (video.title, video.is_published)
        assert row.updated_at == video.updated_at


@pytest.mark.parametrize("query", ["", "?query=number", "?query=number&sortBy=relevance"])
@pytest.mark.parametrize(("kind", "caller"), cases())
def test_lists_hold_only_what_everyone_may_see(
    client_of: Callable[[str, Video], Client], kind: str, caller: str, query: str
) -> None:
    video = HIDDEN[kind]()
    shown = VideoFactory.create()
    page = client_of(caller, video).get(f"videos{query}").data

    assert [doc["id"] for doc in page["docs"]] == [str(shown.pk)]
    assert page["totalDocs"] == 1


@pytest.mark.parametrize("sort", ["createdAt", "views", "duration", "title"])
@pytest.mark.parametrize("kind", HIDDEN)
def test_no_sort_order_shows_it(api: Client, kind: str, sort: str) -> None:
    HIDDEN[kind]()

    assert api.get(f"videos?sortBy={sort}").data["docs"] == []


@pytest.mark.parametrize(("kind", "caller"), cases())
def test_the_list_of_one_person(
    client_of: Callable[[str, Video], Client], kind: str, caller: str
) -> None:
    video = HIDDEN[kind]()
    answer = client_of(caller, video).get(f"videos?userId={video.user_id}")

    if kind in HIDDEN_WITH_OWNER:
        assert answer.data["docs"] == []
    else:
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("kind", ["owner suspended", "owner inactive"])
def test_an_owner_who_may_not_sign_in_gets_nothing_with_an_old_token(
    client_for: Callable[[User], Client], kind: str
) -> None:
    video = HIDDEN[kind]()
    client = client_for(video.user)

    assert client.get(f"videos/{video.pk}").code == "token_invalid"
    assert client.patch(f"videos/{video.pk}", {"title": "x"}).status == 401
    assert client.delete(f"videos/{video.pk}").status == 401


def test_a_suspension_that_is_over_hides_nothing(api: Client) -> None:
    owner = UserFactory.create(suspended_until=timezone.now() - timedelta(seconds=1))
    video = VideoFactory.create(user=owner)

    assert api.get(f"videos/{video.pk}").status == 200
    assert api.get("videos").data["totalDocs"] == 1
    assert api.get(f"videos?userId={owner.pk}").data["totalDocs"] == 1


def test_what_is_removed_stays_removed_when_its_owner_publishes_it(
    client_for: Callable[[User], Client], api: Client
) -> None:
    video = VideoFactory.create(removed_at=timezone.now(), is_published=False, files=True)
    answer = client_for(video.user).patch(f"videos/{video.pk}", {"isPublished": True})

    assert answer.data["isPublished"] is True
    assert answer.data["videoFilePublicId"].startswith("h/")
    assert api.get(f"videos/{video.pk}").status == 404


def test_a_message_of_a_hidden_video_is_that_of_one_that_never_was(api: Client) -> None:
    hidden = api.get(f"videos/{HIDDEN['unpublished']().pk}").body
    unknown = api.get("videos/01890000-0000-7000-8000-000000000000").body

    assert {**hidden, "requestId": ""} == {**unknown, "requestId": ""}
    assert not DailyViews.objects.exists()

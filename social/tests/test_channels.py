"""The page of a channel through HTTP, and what a video's page shows of its channel."""

import pytest

from social.tests.factories import SubscriptionFactory
from users.models import User
from users.tests.factories import UserFactory
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

MEDIA = "http://127.0.0.1:8000/media"


def test_a_channel_with_its_counts(user: User, user_client: Client, api: Client) -> None:
    folder = "p/" + "0" * 32
    person = UserFactory.create(
        username="ann.b-c_9",
        avatar=f"{folder}/avatar.jpg",
        cover_image="https://res.cloudinary.com/old/cover.png",
    )
    SubscriptionFactory.create(channel=person, subscriber=user)
    SubscriptionFactory.create_batch(2, channel=person)
    SubscriptionFactory.create(subscriber=person)
    VideoFactory.create_batch(4, user=person)
    VideoFactory.create(user=person, is_published=False)
    VideoFactory.create()
    answer = user_client.get("user/c/ann.b-c_9")

    assert answer.data == {
        "id": str(person.pk),
        "username": "ann.b-c_9",
        "fullname": person.fullname,
        "avatar": answer.data["avatar"],
        "coverImage": "https://res.cloudinary.com/old/cover.png",
        "subscriberCount": 3,
        "channelsSubscribedToCount": 1,
        "isSubscribed": True,
        "videosCount": 4,
        "createdAt": answer.data["createdAt"],
        "updatedAt": answer.data["updatedAt"],
    }
    assert answer.data["avatar"].endswith(f"/media/{folder}/avatar.jpg")
    assert api.get("user/c/ann.b-c_9").data["isSubscribed"] is None


def test_nothing_private_is_on_the_page(user_client: Client) -> None:
    person = UserFactory.create(suspension_reason="an old one", is_staff=True)
    body = user_client.get(f"user/c/{person.username}").response.content.decode()

    for private in (person.email, "an old one", "isStaff", "password", "lastLogin"):
        assert private not in body


def test_names_have_no_case(api: Client) -> None:
    person = UserFactory.create(username="ann", password=None)

    assert api.get("user/c/ANN").data["id"] == str(person.pk)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("a/b", "a%2Fb"),
        ("<b>&\u00e9\u4e2d", "%3Cb%3E%26%C3%A9%E4%B8%AD"),
        ("100%", "100%25"),
        ("q?x#y", "q%3Fx%23y"),
        ("x" * 300, "x" * 300),
        ("a.b", "a.b"),
    ],
)
def test_names_of_the_service_before_this_one_are_found(
    api: Client, name: str, address: str
) -> None:
    UserFactory.create(username=name, email="a@b.example", fullname="A", password=None)

    assert api.request("GET", f"/api/v2/user/c/{address}").body["data"]["username"] == name


@pytest.mark.parametrize("name", ["nobody", "%00", "a%00b", "'", "%25", "x" * 4000, "\u00e9"])
def test_an_unknown_name_is_404(api: Client, name: str) -> None:
    answer = api.get(f"user/c/{name}")

    assert (answer.status, answer.code) == (404, "not_found")


def test_a_name_is_needed(api: Client) -> None:
    for path in ("/api/v2/user/c", "/api/v2/user/c/"):
        assert api.request("GET", path).code == "not_found"


def test_the_page_of_a_video_shows_its_channel(
    user: User, user_client: Client, api: Client
) -> None:
    video = VideoFactory.create()
    SubscriptionFactory.create(channel=video.user, subscriber=user)
    SubscriptionFactory.create(channel=video.user)
    SubscriptionFactory.create(subscriber=video.user)
    person = user_client.get(f"videos/{video.pk}").data["user"]

    assert person == {
        "id": str(video.user_id),
        "username": video.user.username,
        "fullname": video.user.fullname,
        "avatar": "",
        "subscribersCount": 2,
        "isSubscribed": True,
    }
    assert api.get(f"videos/{video.pk}").data["user"]["isSubscribed"] is None

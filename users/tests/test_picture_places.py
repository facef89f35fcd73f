"""Profile pictures, wherever they are: every test runs for both places."""

from collections.abc import Callable

import pytest

from users.models import User
from users.tests.factories import UserFactory
from viztube.api.tests.fixtures import Client
from viztube.media.backends import MediaUnavailable
from viztube.media.disk import DiskBackend
from viztube.media.tests.fetching import fetch
from viztube.media.tests.fixtures import picture
from viztube.media.tests.standin import Fault, StandIn

pytestmark = pytest.mark.django_db

PERSON = {
    "username": "person",
    "email": "person@example.com",
    "fullname": "Person",
    "password": "Tr0ub4dor and three",
}
FIELDS = ("avatar", "coverImage")
RunJobs = Callable[[], list[str]]


@pytest.mark.usefixtures("place")
def test_pictures_are_there_from_the_moment_of_signing_up(
    api: Client, run_jobs: RunJobs, client_for: Callable[[User], Client]
) -> None:
    pictures = {"avatar": picture("PNG"), "coverImage": picture("JPEG", (600, 200))}
    first = api.post("user/register", {**PERSON, **pictures}).data
    assert [fetch(first[name]).status for name in FIELDS] == [200, 200]
    run_jobs()

    later = client_for(User.objects.get()).get("user/current-user-details").data
    # Addresses told before go on working.
    for person in (first, later):
        assert fetch(person["avatar"]).content_type == "image/png"
        assert fetch(person["coverImage"]).content_type == "image/jpeg"
    assert later["updatedAt"] == first["updatedAt"]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_picture_that_was_replaced_is_gone(
    user_client: Client, run_jobs: RunJobs, when: str
) -> None:
    old = user_client.patch("user/update-avatar", {"avatar": picture("PNG")}).data["avatar"]
    if when == "later":
        run_jobs()
    new = user_client.patch("user/update-avatar", {"avatar": picture("JPEG")}).data["avatar"]
    run_jobs()

    assert fetch(old).status == 404
    assert fetch(new).content_type == "image/jpeg"
    seen = user_client.get("user/current-user-details").data["avatar"]
    assert fetch(seen).content_type == "image/jpeg"


def test_nothing_stays_on_this_disk_nor_twice_on_cloudinary(
    user_client: Client,
    run_jobs: RunJobs,
    stored_files: Callable[[], set[str]],
    standin: StandIn,
) -> None:
    for _ in range(3):
        user_client.patch("user/update-avatar", {"avatar": picture("PNG")})
        run_jobs()

    assert stored_files() == set()
    assert len(standin.stored()) == 1


def test_a_picture_replaced_while_it_was_being_sent(
    user: User,
    user_client: Client,
    run_jobs: RunJobs,
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from viztube.media.cloud import CloudinaryBackend

    add = CloudinaryBackend.add

    def add_late(*args: object) -> object:
        monkeypatch.setattr(CloudinaryBackend, "add", add)
        stored = add(*args)  # type: ignore[arg-type]
        user_client.patch("user/update-avatar", {"avatar": picture("JPEG")})
        return stored

    monkeypatch.setattr(CloudinaryBackend, "add", add_late)
    user_client.patch("user/update-avatar", {"avatar": picture("PNG")})
    run_jobs()

    user.refresh_from_db()
    assert fetch(user.avatar).content_type == "image/jpeg"
    assert len(standin.stored()) == 1


def test_a_push_that_was_cut_off_is_finished_by_the_next(
    user_client: Client, run_jobs: RunJobs, standin: StandIn, stored_files: Callable[[], set[str]]
) -> None:
    avatar = user_client.patch("user/update-avatar", {"avatar": picture("PNG")}).data["avatar"]
    standin.fail("upload", Fault.LOST)
    with pytest.raises(MediaUnavailable):
        run_jobs()
    assert fetch(avatar).status == 200
    assert len(standin.stored()) == 1
    run_jobs()

    assert len(standin.stored()) == 1
    assert stored_files() == set()
    assert fetch(User.objects.get().avatar).status == 200


def test_a_picture_that_cloudinary_refuses_stays_here(
    user_client: Client, run_jobs: RunJobs, standin: StandIn
) -> None:
    avatar = user_client.patch("user/update-avatar", {"avatar": picture("PNG")}).data["avatar"]
    standin.fail("upload", Fault.REFUSED)
    run_jobs()

    assert user_client.get("user/current-user-details").data["avatar"] == avatar
    assert fetch(avatar).status == 200


def test_a_picture_of_the_old_service_is_left_alone(
    client_for: Callable[[User], Client], run_jobs: RunJobs, standin: StandIn
) -> None:
    asset = standin.put("image", "old/face", picture("PNG").getvalue(), format="png")
    user = UserFactory.create(avatar=asset.secure_url)
    assert fetch(user.avatar).status == 200
    client_for(user).patch("user/update-avatar", {"avatar": picture("JPEG")})
    run_jobs()

    assert "image old/face" in standin.stored()


def test_a_picture_whose_move_failed_is_sent_once_it_is_there(
    user_client: Client,
    run_jobs: RunJobs,
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*args: object) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as patch:
        patch.setattr(DiskBackend, "move", away)
        user_client.patch("user/update-avatar", {"avatar": picture("PNG")})
    run_jobs()

    assert fetch(User.objects.get().avatar).status == 200
    assert len(standin.stored()) == 1

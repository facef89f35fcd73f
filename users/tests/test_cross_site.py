"""What pages of other sites may not do with a visitor's browser."""

from typing import Any

import pytest
from django.conf import settings as django_settings

from users.models import RefreshSession, User
from users.tests.factories import PASSWORD
from users.tests.signing_in import Device, log_in
from viztube.api.tests.fixtures import Answer, Client

pytestmark = pytest.mark.django_db

APP = "https://app.example"
OWN = django_settings.PUBLIC_URL

FOREIGN: dict[str, dict[str, str]] = {
    "origin": {"Origin": "https://evil.example"},
    "opaque origin": {"Origin": "null"},
    "empty origin": {"Origin": ""},
    "own host by another scheme": {"Origin": "https://testserver"},
    "own host and more": {"Origin": "http://testserver.evil.example"},
    "own host by another port": {"Origin": "http://testserver:81"},
    "own origin and a path": {"Origin": "http://testserver/"},
    "origin beside a friendly fetch": {
        "Origin": "https://evil.example",
        "Sec_Fetch_Site": "same-origin",
        "Referer": f"{OWN}/",
    },
    "cross-site fetch": {"Sec_Fetch_Site": "cross-site"},
    "same-site fetch": {"Sec_Fetch_Site": "same-site"},
    "unknown fetch": {"Sec_Fetch_Site": "whatever"},
    "cross-site fetch beside a friendly referer": {
        "Sec_Fetch_Site": "cross-site",
        "Referer": f"{OWN}/",
    },
    "referer": {"Referer": "https://evil.example/page"},
    "referer that begins alike": {"Referer": f"{OWN}.evil.example/"},
    "referer with our name as user": {"Referer": "http://testserver@evil.example/"},
    "referer that is no address": {"Referer": "http://[evil"},
    "empty referer": {"Referer": ""},
}
FRIENDLY: dict[str, dict[str, str]] = {
    "no browser": {},
    "own origin": {"Origin": OWN},
    "the address in use": {"Origin": "http://testserver"},
    "allowed origin": {"Origin": APP},
    "allowed origin from afar": {"Origin": APP, "Sec_Fetch_Site": "cross-site"},
    "own fetch": {"Sec_Fetch_Site": "same-origin"},
    "typed in": {"Sec_Fetch_Site": "none"},
    "own referer": {"Referer": f"{OWN}/api/v2/docs"},
    "allowed referer": {"Referer": f"{APP}/page?x=1"},
}


@pytest.fixture(autouse=True)
def allowed_site(settings: Any) -> None:
    """Let one other site call with cookies."""
    settings.CORS_ALLOWED_ORIGINS = [APP]


@pytest.fixture
def device(user: User) -> Device:
    """Return a device that is signed in."""
    return log_in(user)


def log_in_from(user: User, **headers: str) -> Answer:
    """Sign in with headers of one's own."""
    credentials = {"username": user.username, "password": PASSWORD}
    return Client().post("user/login", credentials, **headers)


def refused(answer: Answer) -> bool:
    """Tell whether an answer is the one for pages of foreign sites."""
    return (answer.status, answer.body.get("code")) == (403, "cross_site")


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_page_changes_nothing_by_the_cookies_of_its_visitor(
    device: Device, user: User, headers: dict[str, str]
) -> None:
    client = device.client

    assert refused(client.patch("user/update-account", {"fullname": "New"}, **headers))
    assert refused(client.post("user/logout-all", **headers))
    assert refused(client.delete(f"user/sessions/{device.session.pk}", **headers))
    assert refused(client.post("videos", {"title": "x"}, **headers))

    user.refresh_from_db()
    assert user.fullname != "New"
    assert device.works()


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_page_signs_nobody_in_or_out(
    device: Device, user: User, headers: dict[str, str]
) -> None:
    answers = [
        log_in_from(user, **headers),
        device.client.post("user/refresh-token", **headers),
        Client().post("user/refresh-token", {"refreshToken": device.refresh}, **headers),
        device.client.post("user/logout", **headers),
        # Whatever they carry.
        Client(device.access).post("user/logout", **headers),
    ]

    assert all(refused(answer) for answer in answers)
    assert not any(answer.response.cookies for answer in answers)
    assert RefreshSession.objects.get() == device.session
    assert device.works()
    assert device.can_refresh()


@pytest.mark.parametrize("headers", FRIENDLY.values(), ids=FRIENDLY)
def test_our_own_pages_allowed_ones_and_no_browsers_may(
    device: Device, user: User, headers: dict[str, str]
) -> None:
    client = device.client

    assert client.patch("user/update-account", {"fullname": "New"}, **headers).status == 200
    assert log_in_from(user, **headers).response.cookies
    assert client.post("user/refresh-token", **headers).status == 200
    assert client.post("user/logout", **headers).status == 200
    assert device.session.revoked_at is not None


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_bearer_token_needs_no_origin(device: Device, headers: dict[str, str]) -> None:
    answer = Client(device.access).patch("user/update-account", {"fullname": "New"}, **headers)

    assert answer.status == 200


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_reading_needs_no_origin(device: Device, headers: dict[str, str]) -> None:
    for path in ("videos", "user/current-user-details", "user/sessions"):
        assert device.client.get(path, **headers).status == 200


def test_a_foreign_page_learns_nothing_from_a_junk_cookie(device: Device) -> None:
    device.client.http.cookies["accessToken"] = "junk"

    answer = device.client.patch("user/update-account", Origin="https://evil.example")

    assert refused(answer)


class TestAnySite:
    """CORS_ORIGIN=*: pages of every site may call, without cookies."""

    @pytest.fixture(autouse=True)
    def any_site(self, settings: Any) -> None:
        settings.CORS_ALLOW_ALL_ORIGINS = True
        settings.CORS_ALLOW_CREDENTIALS = False
        settings.CORS_ALLOWED_ORIGINS = []

    def test_a_foreign_page_gets_tokens_but_no_cookies(self, user: User) -> None:
        answer = log_in_from(user, Origin=APP)

        assert answer.status == 200
        assert not answer.response.cookies
        body = {"refreshToken": answer.data["refreshToken"]}
        answer = Client().post("user/refresh-token", body, Origin=APP)
        assert answer.status == 200
        assert not answer.response.cookies
        token = answer.data["accessToken"]
        assert Client(token).post("user/logout", Origin=APP).status == 200
        assert Client(token).get("user/current-user-details").status == 401

    def test_cookies_do_not_count_for_a_foreign_page(self, device: Device) -> None:
        assert device.client.post("user/refresh-token", Origin=APP).status == 401
        answer = device.client.post("user/logout", Origin=APP)
        assert answer.status == 200
        assert not answer.response.cookies
        assert refused(device.client.post("user/logout-all", Origin=APP))
        assert device.works()
        assert device.can_refresh()

    def test_our_own_pages_keep_theirs(self, user: User) -> None:
        assert set(log_in_from(user, Origin=OWN).response.cookies) == {
            "accessToken",
            "refreshToken",
        }

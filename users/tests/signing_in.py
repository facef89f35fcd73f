"""Signing in over HTTP, and tokens that are not quite right."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from django.conf import settings
from django.utils import timezone

from users.models import RefreshSession, User
from users.tests.factories import PASSWORD
from viztube.api.tests.fixtures import Answer, Client

HOUR = timedelta(hours=1)


@dataclass
class Device:
    """A client with the cookies of its login, and the tokens it was given."""

    client: Client
    access: str
    refresh: str

    @property
    def session(self) -> RefreshSession:
        """Return the row of this login, as it is now."""
        session: RefreshSession = RefreshSession.objects.get(pk=claims(self.access)["sid"])
        return session

    def works(self) -> bool:
        """Tell whether the access token still counts."""
        return Client(self.access).get("user/current-user-details").status == 200

    def can_refresh(self) -> bool:
        """Tell whether the refresh token still counts; this uses it up."""
        return refresh_with(self.refresh).status == 200


def log_in(user: User, password: str = PASSWORD) -> Device:
    """Sign a new device in."""
    client = Client()
    answer = client.post("user/login", {"username": user.username, "password": password})
    return Device(client, answer.data["accessToken"], answer.data["refreshToken"])


def refresh_with(token: str) -> Answer:
    """Refresh by body, from a client without cookies."""
    return Client().post("user/refresh-token", {"refreshToken": token})


def who_am_i(**kwargs: Any) -> Answer:
    """Ask for one's own account with headers of one's own."""
    return Client().get("user/current-user-details", **kwargs)


def with_cookie(name: str, value: str) -> Client:
    """Return a client that has one cookie."""
    client = Client()
    client.http.cookies[name] = value
    return client


def claims(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def forged(token: str, *, key: str | None = None, algorithm: str = "HS256", **changes: Any) -> str:
    """Return a token with some claims changed (None leaves one out), signed again."""
    payload = {**claims(token), **changes}
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not None},
        settings.JWT_SIGNING_KEY if key is None else key,
        algorithm=algorithm,
    )


def expired(token: str) -> str:
    """Return the same token an hour after its time."""
    return forged(token, exp=timezone.now() - HOUR)

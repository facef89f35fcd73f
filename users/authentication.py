"""Who is calling: an access token in a header or a cookie."""

from uuid import UUID

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from users.models import User
from users.principals import caller
from users.tokens import access_ids, token_invalid
from viztube.api.errors import CrossSite, NotAuthenticated
from viztube.api.origins import from_trusted_site


class TokenAuthentication(BaseAuthentication):
    """Authenticate by ``Authorization: Bearer`` or else by the access cookie, in one query or none.

    Of the person only id and flags are loaded, see ``users.principals``.

    A bad token in a header is always 401. In a cookie it counts as signed out, because a browser
    sends cookies that nobody chose; but an expired one is 401 ``token_expired`` in both, so that
    clients know to refresh. A browser also sends cookies for pages of other sites, which may only
    read by them.
    """

    def authenticate(self, request: Request) -> tuple[User, UUID] | None:
        """Return (person, id of the session), None when signed out.

        Raises NotAuthenticated (401), CrossSite (403).
        """
        raw = _bearer(request)
        if raw is not None:
            return self._identify(raw)
        cookie = request.COOKIES.get(settings.ACCESS_COOKIE)
        if not cookie:
            return None
        if request.method not in SAFE_METHODS and not from_trusted_site(request):
            raise CrossSite
        try:
            return self._identify(cookie)
        except NotAuthenticated as error:
            if error.code == "token_expired":
                raise
            return None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge that makes DRF answer 401 rather than 403."""
        return 'Bearer realm="api"'

    @staticmethod
    def _identify(raw: str) -> tuple[User, UUID]:
        user_id, session_id = access_ids(raw)
        user = caller(user_id=user_id, session_id=session_id)
        if user is None:
            raise token_invalid()
        return user, session_id


def claimed_caller(request: Request) -> UUID | None:
    """Return whom a valid token names, before anybody has asked whether its session goes on.

    For what is asked of the cache along with that: nothing may be told by it.
    """
    raw = _bearer(request) or request.COOKIES.get(settings.ACCESS_COOKIE)
    try:
        return access_ids(raw)[0] if raw else None
    except NotAuthenticated:
        return None


def _bearer(request: Request) -> str | None:
    """Return the token of the header, None where it has none."""
    scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
    return raw.strip() if scheme.lower() == "bearer" else None

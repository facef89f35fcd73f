"""The two token cookies: HttpOnly, SameSite=Strict, Secure on https.

Pages of foreign sites neither give nor get them.
"""

from django.conf import settings
from django.http import HttpResponseBase
from rest_framework.request import Request

from users.services.sessions import TokenPair
from viztube.api.origins import from_trusted_site


def token_cookie(request: Request, name: str) -> str | None:
    """Return the token in a cookie of a request, None when there is none that counts."""
    return request.COOKIES.get(name) if from_trusted_site(request) else None


def set_token_cookies(request: Request, response: HttpResponseBase, pair: TokenPair) -> None:
    """Put both tokens into cookies, for as long as their session can last.

    The access cookie outlives its token on purpose: an expired token that still arrives is answered
    ``token_expired``, which is how clients learn to refresh.
    """
    if not from_trusted_site(request):
        return
    for name, value, path in (
        (settings.ACCESS_COOKIE, pair.access, "/"),
        (settings.REFRESH_COOKIE, pair.refresh, settings.REFRESH_COOKIE_PATH),
    ):
        response.set_cookie(
            name,
            value,
            max_age=pair.lifetime,
            path=path,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Strict",
        )


def clear_token_cookies(request: Request, response: HttpResponseBase) -> None:
    """Remove both cookies from the browser."""
    if not from_trusted_site(request):
        return
    response.delete_cookie(settings.ACCESS_COOKIE, path="/", samesite="Strict")
    response.delete_cookie(
        settings.REFRESH_COOKIE, path=settings.REFRESH_COOKIE_PATH, samesite="Strict"
    )

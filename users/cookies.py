"""The two token cookies: HttpOnly, SameSite=Strict, Secure on https."""

from django.conf import settings
from django.http import HttpResponseBase


def set_token_cookies(response: HttpResponseBase, *, access: str, refresh: str) -> None:
    """Put both tokens into cookies.

    The access cookie outlives its token on purpose: an expired token that still arrives is answered
    ``token_expired``, which is how clients learn to refresh.
    """
    for name, value, path in (
        (settings.ACCESS_COOKIE, access, "/"),
        (settings.REFRESH_COOKIE, refresh, settings.REFRESH_COOKIE_PATH),
    ):
        response.set_cookie(
            name,
            value,
            max_age=settings.REFRESH_TOKEN_LIFETIME,
            path=path,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Strict",
        )


def clear_token_cookies(response: HttpResponseBase) -> None:
    """Remove both cookies from the browser."""
    response.delete_cookie(settings.ACCESS_COOKIE, path="/", samesite="Strict")
    response.delete_cookie(
        settings.REFRESH_COOKIE, path=settings.REFRESH_COOKIE_PATH, samesite="Strict"
    )

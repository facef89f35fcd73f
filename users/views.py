"""Accounts over HTTP: ``/api/v2/user``."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.tokens import RefreshToken

from users import serializers
from users.cookies import clear_token_cookies, set_token_cookies
from users.models import User
from users.services import accounts, sessions
from users.services.sessions import TokenPair
from users.tokens import token_invalid, verify_token
from viztube.api.errors import NotAuthenticated
from viztube.api.requests import client_address
from viztube.api.responses import ok
from viztube.api.viewsets import ApiViewSet
from viztube.media.uploads import FORM_BYTES, IMAGE_BYTES

# Calls that must work whatever token is around.
OPEN: dict[str, Any] = {"authentication_classes": [], "permission_classes": [AllowAny]}
_ANYTHING = {
    "description": "May name the session to end; anything else is ignored.",
    "properties": {"refreshToken": {"description": "For clients without cookies."}},
}
ANY_BODY = {
    "application/json": _ANYTHING,
    "application/x-www-form-urlencoded": _ANYTHING,
    "multipart/form-data": _ANYTHING,
}


class UserViewSet(ApiViewSet):
    """Sign-up, sessions and one's own account."""

    multipart_limits: ClassVar[dict[str, int]] = {
        "register": 2 * IMAGE_BYTES + FORM_BYTES,
        "update_avatar": IMAGE_BYTES + FORM_BYTES,
        "update_cover_image": IMAGE_BYTES + FORM_BYTES,
    }
    extra_error_statuses: ClassVar[dict[str, set[str]]] = {
        "login": {"401", "403"},
        "refresh_token": {"401"},
    }
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        request=serializers.RegisterSerializer, responses={201: serializers.UserSerializer}
    )
    @action(detail=False, methods=["post"], **OPEN)
    def register(self, request: Request) -> Response:
        """Create an account."""
        form = serializers.RegisterSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = accounts.register(**form.validated_data)
        return ok(serializers.UserSerializer(user).data, "Welcome to VizTube.", status=201)

    @extend_schema(
        request=serializers.LoginSerializer, responses={200: serializers.LoginAnswerSerializer}
    )
    @action(detail=False, methods=["post"], **OPEN)
    def login(self, request: Request) -> Response:
        """Sign a device in, by user name or e-mail address."""
        form = serializers.LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = sessions.check_credentials(**form.validated_data)
        pair = sessions.sign_in(
            user=user,
            device=request.headers.get("User-Agent", ""),
            address=client_address(request),
        )
        data = {
            "user": serializers.UserSerializer(user).data,
            "accessToken": pair.access,
            "refreshToken": pair.refresh,
        }
        return _with_cookies(ok(data, "Signed in."), pair)

    @extend_schema(
        request=serializers.RefreshSerializer, responses={200: serializers.TokensSerializer}
    )
    @action(detail=False, methods=["post"], url_path="refresh-token", **OPEN)
    def refresh_token(self, request: Request) -> Response:
        """Exchange the refresh token, from cookie or body, for a new pair."""
        form = serializers.RefreshSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        raw = form.validated_data.get("refresh_token")
        cookie = request.COOKIES.get(settings.REFRESH_COOKIE)
        try:
            if not (raw or cookie):
                raise token_invalid("There is no refresh token. Sign in.")
            pair = sessions.rotate(presented=verify_token(RefreshToken, raw or cookie or ""))
        except NotAuthenticated as error:
            response = self.handle_exception(error)
            if cookie and not raw:
                # They can do nothing any more, and an expired access token would turn every
                # public read into a 401.
                clear_token_cookies(response)
            return response
        data = {"accessToken": pair.access, "refreshToken": pair.refresh}
        return _with_cookies(ok(data, "Session refreshed."), pair)

    @extend_schema(request=ANY_BODY, responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["post"], **OPEN)
    def logout(self, request: Request) -> Response:
        """End this session, named by any token that is sent; always succeeds."""
        _, _, bearer = request.headers.get("Authorization", "").partition(" ")
        for raw in (
            bearer.strip(),
            _token_in_body(request),
            request.COOKIES.get(settings.REFRESH_COOKIE),
            request.COOKIES.get(settings.ACCESS_COOKIE),
        ):
            if raw:
                sessions.end_session(raw=raw)
        response = ok(message="Signed out.")
        clear_token_cookies(response)
        return response

    @extend_schema(
        request=serializers.ChangePasswordSerializer, responses={200: OpenApiTypes.OBJECT}
    )
    @action(detail=False, methods=["post"], url_path="change-password")
    def change_password(self, request: Request) -> Response:
        """Set a new password; every other session ends."""
        form = serializers.ChangePasswordSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        accounts.change_password(
            user=_me(request), session_id=_session_id(request), **form.validated_data
        )
        return ok(message="Password changed. Other devices are signed out.")

    @extend_schema(responses={200: serializers.UserSerializer})
    @action(
        detail=False,
        methods=["get"],
        url_path="current-user-details",
        serializer_class=serializers.UserSerializer,
    )
    def current_user_details(self, request: Request) -> Response:
        """Return one's own account."""
        return ok(serializers.UserSerializer(_me(request)).data, "Your account.")

    @extend_schema(
        request=serializers.UpdateAccountSerializer, responses={200: serializers.UserSerializer}
    )
    @action(detail=False, methods=["patch"], url_path="update-account")
    def update_account(self, request: Request) -> Response:
        """Change full name, user name or e-mail address."""
        form = serializers.UpdateAccountSerializer(_me(request), data=request.data)
        form.is_valid(raise_exception=True)
        user = accounts.update_account(user=_me(request), changes=form.validated_data)
        return ok(serializers.UserSerializer(user).data, "Account updated.")

    @extend_schema(
        request={"multipart/form-data": serializers.AvatarSerializer},
        responses={200: serializers.UserSerializer},
    )
    @action(detail=False, methods=["patch"], url_path="update-avatar")
    def update_avatar(self, request: Request) -> Response:
        """Replace the avatar."""
        return self._replace(request, serializers.AvatarSerializer, accounts.AVATAR)

    @extend_schema(
        request={"multipart/form-data": serializers.CoverImageSerializer},
        responses={200: serializers.UserSerializer},
    )
    @action(detail=False, methods=["patch"], url_path="update-cover-image")
    def update_cover_image(self, request: Request) -> Response:
        """Replace the cover image."""
        return self._replace(request, serializers.CoverImageSerializer, accounts.COVER_IMAGE)

    def _replace(self, request: Request, form_class: Any, picture: accounts.Picture) -> Response:
        form = form_class(data=request.data)
        form.is_valid(raise_exception=True)
        user = accounts.replace_picture(
            user=_me(request), picture=picture, upload=form.validated_data[picture.column]
        )
        return ok(serializers.UserSerializer(user).data, "Picture updated.")


def _me(request: Request) -> User:
    """Return the caller of a call that requires one."""
    assert isinstance(request.user, User)
    return request.user


def _session_id(request: Request) -> UUID:
    """Return the id of the session the caller's token belongs to."""
    assert isinstance(request.auth, UUID)
    return request.auth


def _with_cookies(response: Response, pair: TokenPair) -> Response:
    set_token_cookies(response, access=pair.access, refresh=pair.refresh)
    # Tokens in a body must not stay in a cache (RFC 6749, section 5.1).
    response["Cache-Control"] = "no-store"
    return response


def _token_in_body(request: Request) -> str | None:
    """Return the refresh token of a body that may be missing or broken."""
    try:
        form = serializers.RefreshSerializer(data=request.data)
    except (APIException, SuspiciousOperation, OSError):
        return None
    return form.validated_data.get("refresh_token") if form.is_valid() else None

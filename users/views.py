"""Accounts over HTTP: ``/api/v2/user``."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from users import limits, serializers
from users.callers import caller
from users.cookies import clear_token_cookies, set_token_cookies, token_cookie
from users.devices import device_of
from users.models import RefreshSession, User
from users.permissions import FromAllowedSite
from users.services import accounts, sessions
from users.services.sessions import TokenPair
from users.tokens import RefreshToken, token_ids, token_invalid, verify_token
from viztube.api.errors import NotAuthenticated
from viztube.api.pagination import LongPagination
from viztube.api.representation import represent
from viztube.api.responses import ok
from viztube.api.throttling import READ, UPLOAD, WRITE
from viztube.api.viewsets import ApiViewSet
from viztube.media.uploads import IMAGE_BYTES

# Calls that must work whatever token is around.
OPEN: dict[str, Any] = {"authentication_classes": [], "permission_classes": [AllowAny]}
# The same for those that move tokens, which pages of foreign sites may not ask for.
TOKENS: dict[str, Any] = {"authentication_classes": [], "permission_classes": [FromAllowedSite]}

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

    file_fields: ClassVar[dict[str, dict[str, int]]] = {
        "register": {"avatar": IMAGE_BYTES, "coverImage": IMAGE_BYTES},
        "update_avatar": {"avatar": IMAGE_BYTES},
        "update_cover_image": {"coverImage": IMAGE_BYTES},
    }
    extra_error_statuses: ClassVar[dict[str, set[str]]] = {
        "login": {"401", "403"},
        "refresh_token": {"401", "403"},
        "logout": {"403"},
    }
    scopes = {
        "register": (limits.REGISTER,),
        # And, once it is read whose account it is, by that.
        "login": (limits.LOGIN_ADDRESS,),
        # And, once it is read which session it is, by that.
        "refresh_token": (limits.SESSION,),
        "logout": (limits.SESSION,),
        "logout_all": (WRITE,),
        "list_sessions": (READ,),
        "end_session": (WRITE,),
        "change_password": (limits.PASSWORD,),
        "current_user_details": (READ,),
        "update_account": (WRITE,),
        "update_avatar": (UPLOAD,),
        "update_cover_image": (UPLOAD,),
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
        return ok(represent(serializers.UserSerializer, user), "Welcome to VizTube.", status=201)

    @extend_schema(
        request=serializers.LoginSerializer, responses={200: serializers.LoginAnswerSerializer}
    )
    @action(detail=False, methods=["post"], **TOKENS)
    def login(self, request: Request) -> Response:
        """Sign a device in, by user name or e-mail address."""
        form = serializers.LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        account = limits.account_in(form.validated_data)
        limits.take_guess(request, account)
        device = device_of(request)
        user = sessions.check_credentials(device=device, **form.validated_data)
        limits.give_back_guess(account)
        pair = sessions.sign_in(user=user, password=form.validated_data["password"], device=device)
        data = {
            "user": represent(serializers.UserSerializer, user),
            "accessToken": pair.access,
            "refreshToken": pair.refresh,
        }
        return _with_tokens(request, ok(data, "Signed in."), pair)

    @extend_schema(
        request=serializers.RefreshSerializer, responses={200: serializers.TokensSerializer}
    )
    @action(detail=False, methods=["post"], url_path="refresh-token", **TOKENS)
    def refresh_token(self, request: Request) -> Response:
        """Exchange the refresh token, from cookie or body, for a new pair."""
        form = serializers.RefreshSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        raw = form.validated_data.get("refresh_token")
        cookie = token_cookie(request, settings.REFRESH_COOKIE)
        try:
            if not (raw or cookie):
                raise token_invalid("There is no refresh token. Sign in.")
            presented = verify_token(RefreshToken, raw or cookie or "")
            limits.REFRESH.take(request, str(token_ids(presented)[1]))
            pair = sessions.rotate(presented=presented, device=device_of(request))
        except NotAuthenticated as error:
            response = self.handle_exception(error)
            if cookie and not raw:
                # They can do nothing any more, and an expired access token would turn every
                # public read into a 401.
                clear_token_cookies(request, response)
            return response
        data = {"accessToken": pair.access, "refreshToken": pair.refresh}
        return _with_tokens(request, ok(data, "Session refreshed."), pair)

    @extend_schema(request=ANY_BODY, responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["post"], **TOKENS)
    def logout(self, request: Request) -> Response:
        """End this session, named by any token that is sent; succeeds whatever it is."""
        _, _, bearer = request.headers.get("Authorization", "").partition(" ")
        sent = (
            bearer.strip(),
            _token_in_body(request),
            token_cookie(request, settings.REFRESH_COOKIE),
            token_cookie(request, settings.ACCESS_COOKIE),
        )
        sessions.end_sessions(tokens=filter(None, sent))
        response = ok(message="Signed out.")
        clear_token_cookies(request, response)
        return response

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["post"], url_path="logout-all")
    def logout_all(self, request: Request) -> Response:
        """End every session of one's own, this one too."""
        sessions.revoke_sessions(user=caller(request))
        response = ok(message="Signed out everywhere.")
        clear_token_cookies(request, response)
        return response

    @extend_schema(responses={200: serializers.SessionSerializer(many=True)})
    @action(
        detail=False,
        methods=["get"],
        url_path="sessions",
        url_name="sessions",
        pagination_class=LongPagination,
    )
    def list_sessions(self, request: Request) -> Response:
        """List the devices signed in, the one that was used last first."""
        page = self.paginate_queryset(caller(request).sessions.live().latest_first()) or []
        form = serializers.SessionSerializer(
            page, many=True, context={"current": _session_id(request)}
        )
        return self.get_paginated_response(form.data)

    @extend_schema(
        parameters=[OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={200: OpenApiTypes.OBJECT},
    )
    @action(detail=False, methods=["delete"], url_path="sessions/(?P<pk>[^/.]+)")
    def end_session(self, request: Request, pk: str) -> Response:
        """Sign one device out; its tokens stop at once."""
        session = get_object_or_404(caller(request).sessions.live(), pk=pk)
        sessions.revoke(RefreshSession.objects.filter(pk=session.pk))
        response = ok(message="Device signed out.")
        if session.pk == _session_id(request):
            clear_token_cookies(request, response)
        return response

    @extend_schema(
        request=serializers.ChangePasswordSerializer, responses={200: OpenApiTypes.OBJECT}
    )
    @action(detail=False, methods=["post"], url_path="change-password")
    def change_password(self, request: Request) -> Response:
        """Set a new password; every other session ends."""
        user = _account(request)
        form = serializers.ChangePasswordSerializer(data=request.data, context={"user": user})
        form.is_valid(raise_exception=True)
        accounts.change_password(
            user=user,
            session_id=_session_id(request),
            device=device_of(request),
            **form.validated_data,
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
        return ok(represent(serializers.UserSerializer, _account(request)), "Your account.")

    @extend_schema(
        request=serializers.UpdateAccountSerializer, responses={200: serializers.UserSerializer}
    )
    @action(detail=False, methods=["patch"], url_path="update-account")
    def update_account(self, request: Request) -> Response:
        """Change full name, user name or e-mail address."""
        user = _account(request)
        form = serializers.UpdateAccountSerializer(user, data=request.data)
        form.is_valid(raise_exception=True)
        user = accounts.update_account(user=user, changes=form.validated_data)
        return ok(represent(serializers.UserSerializer, user), "Account updated.")

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
            user=_account(request), picture=picture, upload=form.validated_data[picture.column]
        )
        return ok(represent(serializers.UserSerializer, user), "Picture updated.")


def _account(request: Request) -> User:
    """Return the caller with everything loaded; raises NotAuthenticated (401)."""
    user: User | None = User.objects.channels().filter(pk=caller(request).pk).first()
    if user is None:
        raise token_invalid()
    return user


def _session_id(request: Request) -> UUID:
    """Return the id of the session the caller's token belongs to."""
    assert isinstance(request.auth, UUID)
    return request.auth


def _with_tokens(request: Request, response: Response, pair: TokenPair) -> Response:
    set_token_cookies(request, response, pair)
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

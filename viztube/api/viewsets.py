"""The base of every API viewset: limits, and bounds on bodies, set before anything is read."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, cast

from django.conf import settings
from django.db.models import Exists, QuerySet
from django.http import HttpRequest
from rest_framework import viewsets
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from viztube.api.asking import forget_asked
from viztube.api.conditional import say_who_may_keep
from viztube.api.errors import LengthRequired, TooLarge, not_found
from viztube.api.listings import Listed
from viztube.api.pagination import PagePagination
from viztube.api.representation import represent_all
from viztube.api.requests import Utf8Request, content_length
from viztube.api.throttling import Scope, ScopeThrottle, headers_of

# What multipart adds around its files: boundaries, headers and the text fields.
FORM_BYTES = 200_000


class Limited(APIView):
    """A view that names, for each action, the scopes that its requests count in.

    There is no default, so that nothing is open to everybody because nobody thought of it: what
    needs no limit has an empty tuple, and a comment that says why.
    """

    throttle_classes = (ScopeThrottle,)
    scopes: Mapping[str, tuple[Scope, ...]] = {}

    def get_parsers(self) -> Any:
        """Return parsers, which like what follows here have nothing of a request's in them."""
        return _instances(tuple(self.parser_classes))

    def get_renderers(self) -> Any:
        """Return renderers."""
        return _instances(tuple(self.renderer_classes))

    def get_authenticators(self) -> Any:
        """Return what knows callers."""
        return _instances(tuple(self.authentication_classes))

    def get_throttles(self) -> Any:
        """Return what counts requests."""
        return _instances(tuple(self.throttle_classes))

    def get_content_negotiator(self) -> Any:
        """Return what chooses the renderer."""
        return _instances((self.content_negotiation_class,))[0]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Return DRF's request, with what it would find by way of an error each time."""
        asked: Request = super().initialize_request(request, *args, **kwargs)
        vars(asked).update(method=request.method, META=request.META)
        return asked

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Return none: DRF finds out what is allowed for every answer."""
        return {}

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Say how much is left where it is least, and what is allowed to whom that matters."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code == 405 or request.method == "OPTIONS":
            answer.headers["Allow"] = ", ".join(self.allowed_methods)
        for name, value in headers_of(request._request).items():
            answer.headers[name] = value
        answer.add_post_render_callback(_let_go)
        return answer


@lru_cache
def _instances(kinds: tuple[Callable[[], Any], ...]) -> list[Any]:
    return [kind() for kind in kinds]


def _let_go(response: Any) -> None:
    """Break the circles that DRF leaves once an answer is written: view, request and answer.

    So their memory is free at once and used again while it is warm; else all that a request has
    touched stays until somebody looks for garbage.
    """
    context = response.renderer_context
    context["request"].parser_context.clear()
    # Among what it has are its own methods.
    vars(context["view"]).clear()
    context.clear()


class ApiViewSet(Limited, viewsets.GenericViewSet[Any]):
    """A viewset that refuses a body over its limit by Content-Length alone.

    ``file_fields`` names, for each action that takes files, the fields they come in and how many
    bytes each may have; whoever receives the files holds the request to that. A multipart body of
    such an action may have the sum of them and ``FORM_BYTES``; every other body may have
    ``settings.MAX_BODY_BYTES``. ``public_actions`` names those that anyone may call; the others are
    for whom the viewset's permissions let in. ``counted_actions`` are those of which every call
    must arrive here, so that no cache may keep what they answer.
    """

    file_fields: ClassVar[dict[str, dict[str, int]]] = {}
    public_actions: ClassVar[frozenset[str]] = frozenset()
    counted_actions: ClassVar[frozenset[str]] = frozenset()

    def get_permissions(self) -> Sequence[Any]:
        """Return what the caller must meet."""
        return [AllowAny()] if self.action in self.public_actions else super().get_permissions()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what is not taken at all, or too large, before even authentication runs."""
        method = str(request.method).lower()
        if method == "options":
            return
        if method not in self.action_map:
            raise MethodNotAllowed(method)
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            # Django reads as much as Content-Length says: of a chunked body nothing.
            raise LengthRequired
        limit = settings.MAX_BODY_BYTES
        fields = self.file_fields.get(str(self.action), {})
        if fields and (request.content_type or "").lower().startswith("multipart/"):
            limit = sum(fields.values()) + FORM_BYTES
        if content_length(request) > limit:
            raise TooLarge(f"The request body may have at most {limit:,} bytes.")
        cast("Utf8Request", request._request).file_fields = fields
        try:
            for scope in self.scopes.get(str(self.action), ()):
                scope.ask(request)
            self.ask_ahead(**kwargs)
            super().initial(request, *args, **kwargs)
        finally:
            forget_asked()

    def ask_ahead(self, **kwargs: Any) -> None:
        """Ask the cache for what the call will need, along with who calls (``shared.ask``)."""

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Say who may keep the answer, unless the view has said it."""
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        say_who_may_keep(answer, request, is_public=self.may_be_kept())
        return answer

    def may_be_kept(self) -> bool:
        """Tell whether the call, if it reads, gives the same to everyone who is signed out."""
        return self.action in self.public_actions - self.counted_actions

    def answer_list(
        self,
        rows: QuerySet[Any] | Listed,
        *,
        of: QuerySet[Any] | None = None,
        show: Callable[[Any], Any] | None = None,
    ) -> Response:
        """Answer with the page of a list that the query parameters ask for.

        ``of`` is what a queryset belongs to, as far as the caller may see it: where there is no
        such row, there is no list either (404). The statements of a list ask for that along; only
        an empty one costs one more, to tell it from none. ``show`` makes of rows what is told of
        them, where that is not made from the rows alone.
        """
        if isinstance(rows, QuerySet) and of is not None:
            rows = rows.filter(Exists(of))
        page = self.paginate_queryset(rows) or []  # type: ignore[arg-type] # ours takes both
        if not cast("PagePagination", self.paginator).total:
            there = rows.is_there() if isinstance(rows, Listed) else of is None or of.exists()
            if not there:
                raise not_found()
        if page and show is not None:
            return self.get_paginated_response(show(page))
        return self.get_paginated_response(represent_all(self.get_serializer_class(), page))

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Answer with the Allow header alone (RFC 9110, section 9.3.7)."""
        return Response(status=204)

"""OpenAPI: what is documented is what is sent, envelope, pages and errors included."""

from copy import deepcopy
from typing import Any, ClassVar, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, force_instance
from rest_framework.permissions import AllowAny

from viztube.api.bodies import MULTIPART, describe_fields, encoding, sent_as
from viztube.api.shapes import ERROR_SCHEMA, PAGINATION_SCHEMA

_ERROR_TEXTS = {
    "400": "Something in the request is not valid; `errors` and `details` say what.",
    "401": "Not signed in, or the token does not count; `code` says which.",
    "403": "Signed in, but this may not be done.",
    "404": "There is nothing here, or the caller may not see it.",
    "409": "Taken by something that already exists.",
    "411": "A body without a Content-Length.",
    "413": "The body, or a file in it, is over its limit.",
    "415": "A type of content that is not accepted.",
    "429": "Too many requests; Retry-After says when to try again.",
    "500": "A fault on our side.",
    "503": "A dependency is away for the moment.",
}
# Of what nginx refuses before it reaches us there are none.
_LIMIT = {
    "RateLimit-Policy": {"schema": {"type": "string"}, "example": '"login";q=10;w=900'},
    "RateLimit": {"schema": {"type": "string"}, "example": '"login";r=0;t=90'},
}
_NOT_MODIFIED = "What `If-None-Match` names is still so; for who is signed out. There is no body."
_ETAG: dict[str, Any] = {
    "ETag": {
        "description": "Names this answer to who is signed out, for `If-None-Match`.",
        "schema": {"type": "string"},
    }
}
_SECONDS = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
_ERROR_HEADERS: dict[str, Any] = {
    "401": {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    "429": _SECONDS | _LIMIT,
    "503": _SECONDS,
}


class EnvelopeSchema(AutoSchema):
    """drf-spectacular's schema of a view, with what our answers have around their data."""

    # Methods that take a body can be refused for its form or content.
    _BODY_METHODS: ClassVar[set[str]] = {"POST", "PUT", "PATCH"}

    def get_tags(self) -> list[str]:
        """Group calls by the first word after ``/api/v2/``."""
        return [self.path.removeprefix("/api/v2/").split("/")[0]]

    def get_auth(self) -> list[dict[str, Any]]:
        """Return the ways to sign in, and that one need not where anyone may call."""
        ways: list[dict[str, Any]] = super().get_auth()
        return [*ways, {}] if self._is_public() and {} not in ways else ways

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        error = {
            "content": {"application/json": {"schema": self._component("Error", ERROR_SCHEMA)}}
        }
        view: Any = self.view
        if self.method == "GET" and view.may_be_kept():
            bodies["200"]["headers"] = deepcopy(_ETAG)
            bodies["304"] = {"description": _NOT_MODIFIED, "headers": deepcopy(_ETAG)}
        for status in self._error_statuses():
            bodies[status] = {**error, "description": _ERROR_TEXTS[status]}
            if status in _ERROR_HEADERS:
                bodies[status]["headers"] = deepcopy(_ERROR_HEADERS[status])
        return bodies

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request":
            describe_fields(force_instance(serializer), schema)
        return schema

    def _get_request_body(self, direction: str = "request") -> Any:
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        if body is None:
            return None
        given = self.get_request_serializer()
        for media_type, content in body["content"].items():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            if not name:
                continue
            serializer = force_instance(given[media_type] if isinstance(given, dict) else given)
            schema = self.registry[name, ResolvedComponent.SCHEMA].schema
            suffix, sent = sent_as(media_type, serializer, schema)
            if sent != schema:
                # Named apart, so that programs written from the document have types for both.
                content["schema"] = self._component(f"{name}{suffix}", sent)
            if media_type == MULTIPART and (files := encoding(serializer)):
                content["encoding"] = files
            if "anyOf" in schema:
                body["required"] = True
        return body

    def _get_response_for_code(
        self,
        serializer: Any,
        status_code: Any,
        media_types: Any = None,
        direction: str = "response",
    ) -> Any:
        response: dict[str, Any] = super()._get_response_for_code(  # type: ignore[no-untyped-call]
            serializer, status_code, media_types, direction
        )
        for content in response["content"].values():
            content["schema"] = self._envelope(content["schema"], int(status_code))
        return response

    def _envelope(self, data: Any, status_code: int) -> dict[str, Any]:
        """Return the schema of a success answer around its data."""
        properties = {
            "statusCode": {"const": status_code},
            "data": data,
            "message": {"type": "string"},
            "success": {"const": True},
        }
        required = list(properties)
        paginator = getattr(self.view, "pagination_class", None)
        if self._is_list_view() and getattr(paginator, "beside_data", False):
            properties["pagination"] = self._component("Pagination", PAGINATION_SCHEMA)
            required.append("pagination")
        return {"type": "object", "required": required, "properties": properties}

    def get_paginated_name(self, serializer_name: str) -> str:
        """Keep lists of one thing but of different shapes apart."""
        return f"{serializer_name}In{self.view.pagination_class.__name__}"  # type: ignore[attr-defined]

    def _error_statuses(self) -> list[str]:
        statuses = {"400", "404", "429", "500", "503"}
        if self.view.authentication_classes or not self._is_public():
            statuses.add("401")
        if not self._is_public():
            statuses.add("403")
        if self.method in self._BODY_METHODS:
            statuses |= {"409", "411", "413", "415"}
        if self.method == "DELETE":
            # It takes no body, and refuses one that it would have to read all the same.
            statuses |= {"411", "413"}
        statuses |= getattr(self.view, "extra_error_statuses", {}).get(
            getattr(self.view, "action", None), set()
        )
        return sorted(statuses)

    def _is_public(self) -> bool:
        return all(isinstance(one, AllowAny) for one in self.view.get_permissions())

    def _component(self, name: str, schema: dict[str, Any]) -> Any:
        # A copy: drf-spectacular's hooks rewrite what they are given.
        component = ResolvedComponent(
            name=name, type=ResolvedComponent.SCHEMA, schema=deepcopy(schema), object=name
        )
        self.registry.register_on_missing(component)
        return component.ref


def drop_unused_components(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Leave out schemas that only others were made from (a hook of drf-spectacular)."""
    schemas = result["components"]["schemas"]
    used: set[str] = set()
    waiting = _references(result["paths"])
    while waiting:
        used |= waiting
        waiting = set().union(*(_references(schemas[name]) for name in waiting)) - used
    result["components"]["schemas"] = {name: schemas[name] for name in schemas if name in used}
    return result


def _references(part: Any) -> set[str]:
    """Return the names of the schemas that a part of the document refers to."""
    if isinstance(part, list):
        return set().union(*(_references(one) for one in part))
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set()
    return own.union(*(_references(one) for one in part.values()))


class TokenScheme(OpenApiAuthenticationExtension):
    """How callers authenticate: the cookie that login sets, or a bearer token."""

    target_class = "users.authentication.TokenAuthentication"
    name = ["cookieAuth", "bearerAuth"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return both ways; either is enough."""
        from django.conf import settings

        return [
            {"type": "apiKey", "in": "cookie", "name": settings.ACCESS_COOKIE},
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Return the alternatives."""
        return [{"cookieAuth": []}, {"bearerAuth": []}]

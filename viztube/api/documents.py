"""The documents about the API: made anew for each who asks, so they count like other reads."""

from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from viztube.api.throttling import READ
from viztube.api.viewsets import Limited


class Document(Limited):
    """A view that knows one thing to do."""

    action = "get"
    scopes = {"get": (READ,)}


class SchemaView(Document, SpectacularAPIView):
    """The OpenAPI document."""


class SwaggerView(Document, SpectacularSwaggerView):
    """A page to try calls on."""


class RedocView(Document, SpectacularRedocView):
    """A page to read."""

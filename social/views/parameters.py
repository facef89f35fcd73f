"""Path parameters as OpenAPI shows them."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

ID = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)


def path_id(name: str) -> OpenApiParameter:
    """Return an id in the path under another name."""
    return OpenApiParameter(name, OpenApiTypes.UUID, OpenApiParameter.PATH)

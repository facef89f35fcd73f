"""The shape of the list of one's own videos."""

from typing import Any

from rest_framework.response import Response

from viztube.api.pagination import PagePagination
from viztube.api.responses import ok


class OwnVideosPagination(PagePagination):
    """``data`` is an object: the rows in ``videos``, how many there are in ``totalVideos``."""

    def get_paginated_response(self, data: Any) -> Response:
        """Return the answer with the rows as ``videos``."""
        found = {"videos": data, "totalVideos": self.total}
        return ok(found, "Your videos.", pagination=self.get_pagination())

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Document that shape; the schema class adds the pagination beside it."""
        total = {"type": "integer", "description": "Exact up to 10,000, then an estimate."}
        properties = {"videos": schema, "totalVideos": total}
        return {"type": "object", "required": list(properties), "properties": properties}

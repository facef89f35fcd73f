"""The shape of the video list, which is older than that of the other lists."""

from typing import Any

from rest_framework.response import Response

from viztube.api.pagination import PagePagination
from viztube.api.responses import ok


class VideoPagination(PagePagination):
    """``data`` is an object: the rows in ``docs``, the page's numbers beside them."""

    beside_data = False

    def get_paginated_response(self, data: Any) -> Response:
        """Return the answer with the rows as ``docs``."""
        return ok({"docs": data, **self.get_pagination()}, "Videos found.")

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Document that shape."""
        return self.documented({"docs": schema})

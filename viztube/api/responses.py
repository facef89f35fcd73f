"""Success answers."""

from typing import Any

from rest_framework.response import Response


def ok(
    data: Any = None,
    message: str = "OK",
    *,
    status: int = 200,
    pagination: dict[str, Any] | None = None,
) -> Response:
    """Return ``{statusCode, data, message, success}``; no data is the empty object."""
    body: dict[str, Any] = {
        "statusCode": status,
        "data": {} if data is None else data,
        "message": message,
        "success": True,
    }
    if pagination is not None:
        body["pagination"] = pagination
    return Response(body, status=status)

"""Success answers."""

from typing import Any

from rest_framework.response import Response


class Answer(Response):
    """DRF's, whose headers are listed as they are kept: Django looks each of them up again."""

    def items(self) -> Any:
        """Return names and values of the headers."""
        return self.headers._store.values()


def ok(
    data: Any = None,
    message: str = "OK",
    *,
    status: int = 200,
    pagination: dict[str, Any] | None = None,
) -> Answer:
    """Return ``{statusCode, data, message, success}``; no data is the empty object."""
    body: dict[str, Any] = {
        "statusCode": status,
        "data": {} if data is None else data,
        "message": message,
        "success": True,
    }
    if pagination is not None:
        body["pagination"] = pagination
    return Answer(body, status=status)

"""Success answers."""

from typing import Any

from django.http.response import ResponseHeaders
from rest_framework.response import Response


class AnswerHeaders(ResponseHeaders):
    """Django's, for what nearly all headers are: printable ASCII, which needs no conversion."""

    def __init__(self, headers: ResponseHeaders) -> None:
        self._store = headers._store

    def __setitem__(self, name: str, value: Any) -> None:
        # No line breaks, by which one header could become two.
        is_text = name.__class__ is value.__class__ is str
        if is_text and (name + value).isascii() and (name + value).isprintable():
            self._store[name.lower()] = (name, value)
        else:
            super().__setitem__(name, value)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._store

    def items(self) -> Any:
        """Return names and values, which Django would look up one by one."""
        return self._store.values()


class Answer(Response):
    """DRF's, with such headers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.headers = AnswerHeaders(self.headers)


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

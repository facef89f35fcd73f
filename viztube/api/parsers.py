"""Request bodies: JSON, forms and multipart, each refused in our own words when it is broken."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from viztube.api.requests import content_length


class WholeBody:
    """A request stream that notices when the client hangs up before the announced length.

    Django's multipart parser takes the end of the stream for the end of the body and would accept
    the first half of a video as a whole one.
    """

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self._stream = stream
        self._missing = length

    def read(self, size: int = -1) -> bytes:
        """Read like the stream does; raises ParseError when it ends early."""
        data = self._stream.read(size)
        self._missing -= len(data)
        if not data and size != 0 and self._missing > 0:
            raise ParseError("The body ended early.")
        return data


class JSONParser(parsers.BaseParser):
    """Strict JSON (RFC 8259): no NaN, no lone surrogates, no nesting that exhausts the stack.

    Its size is bounded before it is read, see ``viztube.api.viewsets``.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body; raises ParseError."""
        try:
            return orjson.loads(stream.read())
        except ValueError as error:
            raise ParseError("The body is not valid JSON.") from error


class FormParser(parsers.FormParser):
    """URL-encoded forms, which today's service accepts too."""


class MultiPartParser(parsers.MultiPartParser):
    """Multipart bodies that must be complete."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return data and files; raises ParseError."""
        request = (parser_context or {})["request"]
        length = content_length(request)
        try:
            return super().parse(WholeBody(stream, length), media_type, parser_context)  # type: ignore[arg-type]
        except Exception as error:
            for handler in request.upload_handlers:
                handler.upload_interrupted()
            if isinstance(error, TypeError | UnicodeError | LookupError):
                # Django's reading of a part's header trips over crafted parameters (RFC 2231).
                raise ParseError("A part's header is broken.") from error
            raise

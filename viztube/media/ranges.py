"""Files over HTTP with ranges and validators (RFC 9110, sections 13 and 14)."""

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

CHUNK = 64 * 1024
CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".m4s": "video/mp4",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_response(request: HttpRequest, path: Path) -> HttpResponseBase:
    """Answer a GET or HEAD for a file: 200, 206, 304, 412 or 416. Raises OSError when it is gone.

    One range is honoured; several, or one that makes no sense, are ignored as the RFC allows.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    status = path.stat()
    size = status.st_size
    etag = f'"{int(status.st_mtime):x}-{size:x}"'
    modified = int(status.st_mtime)
    content_type = CONTENT_TYPES.get(path.suffix, "application/octet-stream")
    conditional = get_conditional_response(request, etag, modified)
    if conditional is not None:
        conditional["Content-Type"] = content_type
        return _with_validators(conditional, etag, modified)

    wanted = request.headers.get("Range", "") if _range_applies(request, etag, modified) else ""
    try:
        span = _parse_range(wanted, size)
    except ValueError:
        response: HttpResponseBase = HttpResponse(status=416, content_type=content_type)
        response["Content-Range"] = f"bytes */{size}"
        return _with_validators(response, etag, modified)

    start, end = span or (0, size - 1)
    if request.method == "HEAD":
        response = HttpResponse(content_type=content_type)
    else:
        response = StreamingHttpResponse(_chunks(path, start, end), content_type=content_type)
    response["Content-Length"] = str(end - start + 1)
    if span:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end}/{size}"
    return _with_validators(response, etag, modified)


def _with_validators(response: HttpResponseBase, etag: str, modified: int) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Last-Modified"] = http_date(modified)
    return response


def _range_applies(request: HttpRequest, etag: str, modified: int) -> bool:
    """Tell whether Range counts: for GET, and only while If-Range, when sent, still matches."""
    if request.method != "GET":
        return False
    condition = request.headers.get("If-Range")
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return condition == etag
    try:
        return int(parsedate_to_datetime(condition).timestamp()) == modified
    except (ValueError, OverflowError):
        return False


def _parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return first and last byte; None to ignore the header; raises ValueError for a 416."""
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if not match or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise ValueError(header)
        return size - length, size - 1
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    if start >= size:
        raise ValueError(header)
    return start, end


def _chunks(path: Path, start: int, end: int) -> Iterator[bytes]:
    remaining = end - start + 1
    with path.open("rb") as file:
        file.seek(start)
        while remaining > 0 and (data := file.read(min(CHUNK, remaining))):
            remaining -= len(data)
            yield data

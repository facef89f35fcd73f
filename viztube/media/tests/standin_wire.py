"""Test equipment: how the stand-in for Cloudinary reads calls, checks signatures and knows files.

Never for production: see ``standin``.
"""

import hashlib
import hmac
import re
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl

from PIL import Image, UnidentifiedImageError

Json = dict[str, Any]
Facts = tuple[str, int | None, int | None]  # format, width, height

# What is sent along with the signed parameters without being one of them.
UNSIGNED = {"file", "api_key", "signature", "resource_type", "cloud_name"}
PAST, FUTURE = 3600, 300  # seconds that a call's clock may be off
IMAGE_FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
VIDEO_FORMATS = {"mp4", "mov", "webm", "mkv", "avi", "ogv", "flv", "wmv", "mpg"}
VIDEO_SIZE, VIDEO_SECONDS = (1280, 720), 12.5  # of every video: nobody looks into one
_BREAK = b"\r\n"


class Refused(Exception):
    """A call that Cloudinary answers with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class FilePart:
    """The file in a form, and the name that it was sent under."""

    content: bytes
    name: str


def parse_form(body: bytes, content_type: str) -> tuple[Json, FilePart | None]:
    """Return the fields of a form and its file, if any. A name with [] gives a list.

    Half a form, or none, has no fields: such a call lacks its signature.
    """
    header = _header("Content-Type", content_type)
    if header.get_content_type() == "application/x-www-form-urlencoded":
        return _fields(parse_qsl(body.decode(), keep_blank_values=True)), None
    boundary = str(header.get_param("boundary", "")).encode()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        return {}, None
    pairs: list[tuple[str, str]] = []
    file = None
    for name, filename, content in _parts(body, boundary):
        if filename is None:
            pairs.append((name, content.decode()))
        else:
            file = FilePart(content, filename)
    return _fields(pairs), file


def parse_query(query: str) -> Json:
    """Return the parameters in an address."""
    return _fields(parse_qsl(query, keep_blank_values=True))


def flag(params: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a switch. The SDK writes "1" in forms and "true" in addresses."""
    value = params.get(name)
    return default if value is None else str(value).lower() in {"1", "true"}


def signature_of(params: Mapping[str, Any], secret: str) -> str:
    """Return the signature of parameters, as a call carries it and an answer does."""
    return hashlib.sha1((string_to_sign(params) + secret).encode()).hexdigest()


def string_to_sign(params: Mapping[str, Any]) -> str:
    """Return what is signed. Escaping "&" keeps one value from posing as two parameters."""
    pairs = []
    for key, value in params.items():
        if value and key not in UNSIGNED:
            text = ",".join(value) if isinstance(value, list) else str(value)
            pairs.append(f"{key}={text}".replace("&", "%26"))
    return "&".join(sorted(pairs))


def check_signed(params: Mapping[str, Any], api_key: str, secret: str) -> None:
    """Raise Refused unless a call of the Upload API is signed, and signed lately."""
    if not same(str(params.get("api_key", "")), api_key):
        raise Refused(401, "Unknown API key")
    sent = str(params.get("signature", ""))
    if not same(sent, signature_of(params, secret)):
        raise Refused(
            401,
            f"Invalid Signature {sent}. String to sign - '{string_to_sign(params)}'.",
        )
    if not str(params.get("timestamp", "")).isdecimal():
        raise Refused(400, "Missing required parameter - timestamp")
    age = time.time() - int(params["timestamp"])
    if age > PAST or age < -FUTURE:
        raise Refused(400, "Stale request - reported time is more than 1 hour away")


def check_basic(authorization: str, api_key: str, secret: str) -> None:
    """Raise Refused unless a call of the Admin API carries the credentials."""
    expected = "Basic " + b64encode(f"{api_key}:{secret}".encode()).decode()
    if not same(authorization, expected):
        raise Refused(401, "Invalid credentials")


def same(one: str, other: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def content_range(header: str) -> tuple[int, int, int]:
    """Return where a chunk starts, where it ends (exclusive), and the size of the whole."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", header)
    if match is None or not int(match[1]) <= int(match[2]) < int(match[3]):
        raise Refused(400, "Invalid Content-Range")
    return int(match[1]), int(match[2]) + 1, int(match[3])


def asked_range(header: str, size: int) -> range | None:
    """Return the bytes that are asked for: None for all, an empty range for none there are."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return range(max(size - int(match[2]), 0), size)
    end = min(int(match[2]) + 1, size) if match[2] else size
    return range(int(match[1]), end)


def image_facts(content: bytes) -> tuple[str, int, int]:
    """Return format, width and height of a picture."""
    try:
        with Image.open(BytesIO(content)) as image:
            return IMAGE_FORMATS[str(image.format)], image.width, image.height
    except (UnidentifiedImageError, KeyError, OSError) as error:
        raise Refused(400, "Invalid image file") from error


def facts_of(kind: str, content: bytes, filename: str) -> Facts:
    """Return format, width and height of an uploaded file. Raises Refused."""
    if kind == "image":
        return image_facts(content)
    if kind == "video":
        return _video_format(content, filename), *VIDEO_SIZE
    return "", None, None  # a raw file's extension is part of its public id


def variant_list(variant: str) -> bytes:
    """Return the playlist (RFC 8216) that leads to a stream's one variant."""
    size = "x".join(map(str, VIDEO_SIZE))
    return (
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION={size}\n"
        f"{variant}\n"
    ).encode()


def segment_list(segment: str) -> bytes:
    """Return the playlist of a variant with one segment."""
    return (
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{int(VIDEO_SECONDS) + 1}\n"
        f"#EXTINF:{VIDEO_SECONDS},\n{segment}\n#EXT-X-ENDLIST\n"
    ).encode()


def _video_format(content: bytes, filename: str) -> str:
    """Return the format of a video, by its first bytes or else by its name."""
    if content[4:8] == b"ftyp":
        return "mov" if content[8:12] == b"qt  " else "mp4"
    if content.startswith(b"\x1aE\xdf\xa3"):
        return "webm" if b"webm" in content[:64] else "mkv"
    extension = PurePosixPath(filename).suffix.lower().removeprefix(".")
    if extension not in VIDEO_FORMATS:
        raise Refused(400, "Unsupported video format or file")
    return extension


def _fields(pairs: list[tuple[str, str]]) -> Json:
    fields: Json = {}
    for name, value in pairs:
        if name.endswith("[]"):
            fields.setdefault(name.removesuffix("[]"), []).append(value)
        else:
            fields[name] = value
    return fields


def _parts(body: bytes, boundary: bytes) -> list[tuple[str, str | None, bytes]]:
    """Return name, file name and content of each part; each content is copied once."""
    parts = []
    delimiter = _BREAK + b"--" + boundary
    at = body.find(b"--" + boundary) + len(boundary) + 2
    while body[at : at + 2] == _BREAK:
        head_end = body.find(_BREAK * 2, at)
        end = body.find(delimiter, head_end)
        if head_end < 0 or end < 0:
            break
        name, filename = _disposition(body[at:head_end].decode())
        parts.append((name, filename, body[head_end + 4 : end]))
        at = end + len(delimiter)
    return parts if body[at : at + 2] == b"--" else []


def _disposition(head: str) -> tuple[str, str | None]:
    for line in head.strip().split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            header = _header("Content-Disposition", value.strip())
            name = header.get_param("name", "", "content-disposition")
            return str(name), header.get_filename()
    return "", None


def _header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message

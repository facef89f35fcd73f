"""What a video file says about itself before anything is decoded: container, length, claims.

ISO base media (MP4, MOV: ISO/IEC 14496-12) is a row of boxes; Matroska and WebM (RFC 9559) are EBML
(RFC 8794). What is read here is what decoders and players disagree about: ffmpeg plays the half of
a file that arrived, and believes the pictures where a browser believes the header.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from viztube.media.commands import MAX_PIXELS

MAX_SIDE = 8192  # pixels; beyond is no video for this service
MAX_DURATION = 24 * 3600.0  # seconds

# A crafted file could have millions. Real ones have few before and in their header; behind it,
# where fragments are, the rest is judged by ffprobe alone.
_MAX_BOXES = 10_000
_EBML = b"\x1a\x45\xdf\xa3"
_DOC_TYPE = b"\x42\x82"
_SEGMENT = b"\x18\x53\x80\x67"
# Tracks, TrackEntry, Video; in that are PixelWidth and PixelHeight.
_VIDEO = (b"\x16\x54\xae\x6b", b"\xae", b"\xe0")
_SIDES = {b"\xb0", b"\xba"}
_UNKNOWN = {0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF}


class NotAVideo(Exception):
    """The file is not a video of a kind that is taken; the text says why, for a person."""


def container_extension(path: Path) -> str:
    """Return the extension for a file's container by its content.

    Raises NotAVideo for another container, for a file that ends early, and for one whose header
    claims what no video here may have.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
        if head.startswith(_EBML):
            file.seek(0)
            return _check_matroska(file, size)
        if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
            _check_boxes(file, size)
            return "mp4" if head[4:8] == b"ftyp" and head[8:12] != b"qt  " else "mov"
    raise NotAVideo("must be an MP4, WebM, MKV or MOV video")


def require_size(width: int, height: int) -> None:
    """Raise NotAVideo for a picture size in pixels that is none or too large."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise NotAVideo("may have at most the size of 4K (4096x2304 pixels)")


def require_duration(seconds: float) -> None:
    """Raise NotAVideo for a duration that is none or too long."""
    if not 0 < seconds <= MAX_DURATION:
        raise NotAVideo("has no usable duration")


def _check_boxes(file: BinaryIO, size: int) -> None:
    budget = iter(range(_MAX_BOXES))
    found = False
    for kind, start, end in _boxes(file, 0, size, budget):
        # Only these: what cameras append behind the last box need not be one.
        if kind in {b"moov", b"moof", b"mdat"} and end > size:
            raise NotAVideo("is cut off: send the whole file")
        if kind == b"moov":
            found = True
            inner = iter(range(_MAX_BOXES))
            _check_claims(file, start, end, inner)
            _require_rest(inner)
    if not found:
        _require_rest(budget)


def _check_claims(file: BinaryIO, start: int, end: int, budget: Iterator[int]) -> None:
    """Check what the movie's header says of its duration and its tracks' of their size."""
    for kind, first, last in _boxes(file, start, end, budget):
        if kind == b"mvhd":
            header = _content(file, first, last)
            layout, at = (">IQ", 20) if header[:1] == b"\x01" else (">II", 12)
            scale, duration = struct.unpack_from(layout, header, at)
            if duration not in {0, *_UNKNOWN}:
                require_duration(duration / max(1, scale))
        if kind == b"trak":
            for part, top, bottom in _boxes(file, first, min(last, end), budget):
                if part == b"tkhd":
                    # 16.16 fixed point; tracks of other things than pictures have none.
                    width, height = struct.unpack(">II", _content(file, top, bottom)[-8:])
                    require_size(max(1, width >> 16), max(1, height >> 16))


def _boxes(
    file: BinaryIO, start: int, end: int, budget: Iterator[int]
) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's type and where its content starts and ends, which may be past the end."""
    for _ in budget:
        # Before seeking: lengths reach farther than files can.
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        length, kind = struct.unpack_from(">I4s", head)
        content = 8
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack_from(">Q", head, 8)
            content = 16
        elif length == 0:
            length = end - start
        if length < content:
            return
        yield kind, start + content, start + length
        start += length


def _content(file: BinaryIO, start: int, end: int) -> bytes:
    """Return a header box's content; raises NotAVideo for one of a size that none has."""
    file.seek(start)
    content = file.read(min(end - start, 200))
    if not 80 <= len(content) == end - start:
        raise NotAVideo("could not be read as a video")
    return content


def _require_rest(budget: Iterator[int]) -> None:
    """Raise NotAVideo when there was more than was looked at."""
    if next(budget, None) is None:
        raise _crowded()


def _crowded() -> NotAVideo:
    return NotAVideo("could not be read as a video")


def _check_matroska(file: BinaryIO, size: int) -> str:
    """Return the extension for a file's DocType; raises NotAVideo.

    Checks that the segment, which is all of the file but its head, is all there and sane.
    """
    extension = "mkv"
    budget = iter(range(_MAX_BOXES))
    for _ in budget:
        identifier, length = _identifier(file), _vint(file)
        if identifier == _SEGMENT:
            if length is not None and file.tell() + length > size:
                raise NotAVideo("is cut off: send the whole file")
            _check_sides(file, size, budget, _VIDEO)
            break
        if length is None or file.tell() + length > size:
            break
        after = file.tell() + length
        if identifier == _EBML and _doc_type(file, after, budget) == b"webm":
            extension = "webm"
        file.seek(after)
    else:
        raise _crowded()
    return extension


def _doc_type(file: BinaryIO, end: int, budget: Iterator[int]) -> bytes:
    """Return what an EBML header, from here to ``end``, says the document is."""
    for _ in budget:
        identifier, length = _identifier(file), _vint(file)
        if length is None or file.tell() + length > end:
            break
        content = file.read(min(length, 20))
        if identifier == _DOC_TYPE:
            return content.rstrip(b"\0")
        file.seek(length - len(content), 1)
    return b""


def _check_sides(file: BinaryIO, end: int, budget: Iterator[int], path: tuple[bytes, ...]) -> None:
    """Check the sides in pixels that are claimed below a path, from here to ``end``."""
    for _ in budget:
        identifier, length = _identifier(file), _vint(file)
        if length is None or file.tell() + length > end:
            return
        after = file.tell() + length
        if path and identifier == path[0]:
            _check_sides(file, after, budget, path[1:])
        elif not path and identifier in _SIDES and length <= 8:
            require_size(max(1, int.from_bytes(file.read(length), "big")), 1)
        file.seek(after)


def _identifier(file: BinaryIO) -> bytes:
    """Read an element's identifier: its first byte tells how many follow."""
    first = file.read(1)
    return first + file.read(8 - first[0].bit_length() if first and first[0] else 0)


def _vint(file: BinaryIO) -> int | None:
    """Read a variable-size integer (RFC 8794, section 4); None for an unknown or broken one."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    bits = 7 * (more + 1)
    value = int.from_bytes(first + rest, "big") & ((1 << bits) - 1)
    return None if len(rest) < more or value == (1 << bits) - 1 else value

"""Video files that ffmpeg would not make: headers that lie, and far too many tracks."""

import struct
from collections.abc import Iterator


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box of ISO base media (ISO/IEC 14496-12)."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, slice]]:
    """Yield the type of each box and where it lies, head included."""
    end = len(content) if end is None else end
    while start < end:
        length, kind = struct.unpack_from(">I4s", content, start)
        yield kind, slice(start, start + length)
        start += length


def find(clip: bytes, *path: bytes) -> slice:
    """Return where the first box at a path lies, head included."""
    place = slice(-8, len(clip))
    for kind in path:
        place = dict(reversed(list(boxes(clip, place.start + 8, place.stop))))[kind]
    return place


def lasting(clip: bytes, seconds: int) -> bytes:
    """Return an MP4 whose movie header claims a duration."""
    header = find(clip, b"moov", b"mvhd").start
    return patched(clip, header + 20, struct.pack(">II", 1, seconds))


def sized(clip: bytes, width: int, height: int) -> bytes:
    """Return an MP4 whose track header claims a size in pixels."""
    header = find(clip, b"moov", b"trak", b"tkhd")
    return patched(clip, header.stop - 8, struct.pack(">II", width << 16, height << 16))


def with_tracks(clip: bytes, count: int) -> bytes:
    """Return an MP4 with so many copies of its track; its index must come last."""
    movie, track = find(clip, b"moov"), find(clip, b"moov", b"trak")
    inside = clip[movie.start + 8 : track.start] + clip[track] * count
    return clip[: movie.start] + box(b"moov", inside + clip[track.stop : movie.stop])


def referring(clip: bytes, reference: bytes) -> bytes:
    """Return an MP4 whose media is elsewhere, and nothing where it was; its index must come last.

    ``reference`` is an entry of a data reference box (``url_reference``, ``alias``).
    """
    media = find(clip, b"mdat")
    clip = patched(clip, media.start + 8, bytes(media.stop - media.start - 8))
    path = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
    places = [find(clip, *path[:depth]) for depth in range(1, len(path) + 1)]
    old = places[-1]
    new = box(b"dref", struct.pack(">II", 0, 1) + reference)
    grown = len(new) - (old.stop - old.start)
    for place in places[:-1]:
        length = struct.pack(">I", place.stop - place.start + grown)
        clip = patched(clip, place.start, length)
    return clip[: old.start] + new + clip[old.stop :]


def url_reference(address: str) -> bytes:
    """Return a reference to media at an address (ISO/IEC 14496-12, section 8.7.2)."""
    return box(b"url ", bytes(4) + address.encode() + b"\0")


def alias(path: str) -> bytes:
    """Return a reference to media in a file as QuickTime has them, a Macintosh alias record."""
    name = path.encode()
    tail = struct.pack(">HH", 2, len(name)) + name + b"\0" * (len(name) % 2) + b"\xff\xff\0\0"
    return box(b"alis", bytes(4) + bytes(10 + 28 + 12 + 64 + 16 + 4 + 16) + tail)


def patched(content: bytes, at: int, new: bytes) -> bytes:
    """Return content with some of its bytes replaced."""
    return content[:at] + new + content[at + len(new) :]


def element(identifier: str, *content: bytes) -> bytes:
    """Return an EBML element (RFC 8794) with a length of eight bytes."""
    inside = b"".join(content)
    return bytes.fromhex(identifier) + (len(inside) | 1 << 56).to_bytes(8, "big") + inside


def matroska(picture: bytes, *, seconds: float = 1, tracks: int = 1, side: int = 64) -> bytes:
    """Return a Matroska file (RFC 9559) of one JPEG, whose header claims what is given."""
    size = element("e0", element("b0", number(side)), element("ba", number(side)))
    entries = [
        element(
            "ae",
            *(element("d7", number(index)), element("73c5", number(index))),
            *(element("83", b"\x01"), element("86", b"V_MJPEG"), size),
        )
        for index in range(1, tracks + 1)
    ]
    info = element("1549a966", element("4489", struct.pack(">d", seconds * 1000)))
    block = element("a3", b"\x81\x00\x00\x80", picture)
    cluster = element("1f43b675", element("e7", b"\x00"), block)
    head = element("1a45dfa3", element("4282", b"matroska"))
    return head + element("18538067", info, element("1654ae6b", *entries), cluster)


def number(value: int) -> bytes:
    """Return an unsigned integer as EBML writes it."""
    return value.to_bytes(4, "big")

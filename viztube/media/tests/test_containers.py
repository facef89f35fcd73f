"""What a file's outer structure says, read without decoding anything."""

import struct
from pathlib import Path

import pytest

from viztube.media.containers import NotAVideo, container_extension
from viztube.media.tests.crafted import box, element

FTYP = box(b"ftyp", b"isom\0\0\2\0")
HEAD = element("1a45dfa3", element("4282", b"webm"))
UNKNOWN_LENGTH = b"\x01" + b"\xff" * 7


def judged(folder: Path, content: bytes) -> str:
    """Return what is made of a file."""
    (folder / "file").write_bytes(content)
    return container_extension(folder / "file")


def movie(*children: bytes) -> bytes:
    return FTYP + box(b"moov", b"".join(children))


def movie_header(version: int, scale: int, duration: int) -> bytes:
    if version == 0:
        return box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, scale, duration) + bytes(80))
    times = struct.pack(">IQQIQ", 1 << 24, 0, 0, scale, duration)
    return box(b"mvhd", times + bytes(80))


def large_box(kind: bytes, content: bytes, more: int = 0) -> bytes:
    """Return a box whose length takes eight bytes; ``more`` is what it claims beyond the truth."""
    return struct.pack(">I4sQ", 1, kind, 16 + len(content) + more) + content


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (FTYP, "mp4"),
        (box(b"ftyp", b"qt  "), "mov"),
        (box(b"wide", b"") + box(b"mdat", b"x"), "mov"),
        (FTYP + large_box(b"mdat", b"x"), "mp4"),
        (FTYP + b"\0\0\0\0mdat and all that follows", "mp4"),
        (FTYP + box(b"mdat", b"x") + b"what a camera appends", "mp4"),
        (FTYP + box(b"mdat", b"x") + b"\0\0\0\1", "mp4"),
        (FTYP + b"\0\0\0\1mdat", "mp4"),
        (HEAD, "webm"),
        (HEAD + element("18538067", bytes(10)), "webm"),
        (HEAD + b"\x18\x53\x80\x67" + UNKNOWN_LENGTH + bytes(10), "webm"),
        (HEAD + b"\x18\x53\x80\x67\x8a" + bytes(10), "webm"),
        (HEAD + b"\x18\x53\x80\x67\x01\0", "webm"),
        (b"\x1a\x45\xdf\xa3", "mkv"),
    ],
)
def test_what_is_whole_or_cannot_be_told_is_left_to_ffprobe(
    tmp_path: Path, content: bytes, extension: str
) -> None:
    assert judged(tmp_path, content) == extension


@pytest.mark.parametrize(
    "content",
    [
        FTYP + box(b"mdat", b"0123456789")[:-1],
        FTYP + large_box(b"mdat", b"x", more=1),
        FTYP + large_box(b"mdat", b"x", more=2**62),
        FTYP + box(b"moov", bytes(100))[:-1],
        FTYP + box(b"moof", bytes(100)) + box(b"mdat", bytes(100))[:-1],
        HEAD + element("18538067", bytes(10))[:-1],
        HEAD + b"\x18\x53\x80\x67\x8a" + bytes(9),
    ],
)
def test_what_is_cut_off_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NotAVideo, match="is cut off"):
        judged(tmp_path, content)


@pytest.mark.parametrize("version", [0, 1])
def test_a_movie_may_claim_a_day_or_nothing(tmp_path: Path, version: int) -> None:
    unknown = 2**32 - 1 if version == 0 else 2**64 - 1
    for scale, duration in ((1, 86_400), (1000, 86_400_000), (600, 0), (600, unknown), (0, 5)):
        assert judged(tmp_path, movie(movie_header(version, scale, duration))) == "mp4"
    for scale, duration in ((1, 86_401), (0, 86_401), (1000, 2**32 - 2)):
        with pytest.raises(NotAVideo, match="has no usable duration"):
            judged(tmp_path, movie(movie_header(version, scale, duration)))


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [(4096, 2304, True), (0, 0, True), (8193, 1, False), (1, 8193, False), (4097, 2304, False)],
)
def test_a_track_may_claim_4k_or_nothing(
    tmp_path: Path, width: int, height: int, fits: bool
) -> None:
    header = box(b"tkhd", bytes(76) + struct.pack(">II", width << 16, height << 16))
    content = movie(box(b"trak", box(b"free", b"") + header))

    if fits:
        assert judged(tmp_path, content) == "mp4"
    else:
        with pytest.raises(NotAVideo, match="at most the size of 4K"):
            judged(tmp_path, content)


@pytest.mark.parametrize("length", [0, 79, 201])
def test_a_header_of_a_length_that_none_has_is_refused(tmp_path: Path, length: int) -> None:
    for content in (
        movie(box(b"mvhd", bytes(length))),
        movie(box(b"trak", box(b"tkhd", bytes(length)))),
    ):
        with pytest.raises(NotAVideo, match="could not be read"):
            judged(tmp_path, content)


def test_boxes_behind_the_header_beyond_ten_thousand_are_left_to_ffprobe(tmp_path: Path) -> None:
    cut = box(b"mdat", b"0123456789")[:-1]

    assert judged(tmp_path, movie() + box(b"free", b"") * 10_000 + cut) == "mp4"
    with pytest.raises(NotAVideo, match="is cut off"):
        judged(tmp_path, movie() + box(b"free", b"") * 9_000 + cut)


@pytest.mark.parametrize("where", ["in front", "in the header", "in a track", "Matroska"])
def test_nothing_hides_behind_ten_thousand_boxes(tmp_path: Path, where: str) -> None:
    crowd = box(b"free", b"") * 10_000
    lie = box(b"trak", box(b"tkhd", bytes(76) + struct.pack(">II", 60_000 << 16, 60_000 << 16)))
    files = {
        "in front": FTYP + crowd + movie(lie)[len(FTYP) :],
        "in the header": movie(crowd, lie),
        "in a track": movie(box(b"trak", crowd), lie),
        "Matroska": HEAD + element("ec", b"") * 10_000 + element("18538067", b""),
    }

    with pytest.raises(NotAVideo, match="could not be read"):
        judged(tmp_path, files[where])


def test_an_element_in_front_of_a_segment_hides_nothing(tmp_path: Path) -> None:
    video = element("e0", element("b0", (60_000).to_bytes(4, "big")))
    segment = element("18538067", element("1654ae6b", element("ae", video)))
    void = element("ec", bytes(20))

    with pytest.raises(NotAVideo, match="at most the size of 4K"):
        judged(tmp_path, HEAD + void + segment)
    with pytest.raises(NotAVideo, match="is cut off"):
        judged(tmp_path, HEAD + void + segment[:-1])


def test_only_the_doc_type_tells_webm_from_matroska(tmp_path: Path) -> None:
    other = element("4286", b"\x01")
    matroska = element("1a45dfa3", other, element("4282", b"matroska"), element("ec", b"webm"))
    webm = element("1a45dfa3", element("ec", bytes(50)), element("4282", b"webm\0"), other)

    assert judged(tmp_path, matroska) == "mkv"
    assert judged(tmp_path, webm) == "webm"


def test_a_matroska_track_may_claim_a_side_of_8192_pixels(tmp_path: Path) -> None:
    def segment(side: int) -> bytes:
        video = element("e0", element("b0", side.to_bytes(4, "big")))
        tracks = element("1654ae6b", element("ae", element("d7", b"\x01"), video))
        return HEAD + element("18538067", element("1549a966", b""), tracks)

    assert judged(tmp_path, segment(8192)) == "webm"
    with pytest.raises(NotAVideo, match="at most the size of 4K"):
        judged(tmp_path, segment(8193))


def test_tracks_within_tracks_are_not_descended_into(tmp_path: Path) -> None:
    nested = b""
    for _ in range(2_000):
        nested = element("ae", nested)

    assert judged(tmp_path, HEAD + element("18538067", element("1654ae6b", nested))) == "webm"

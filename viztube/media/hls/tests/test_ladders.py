"""Ladders of all kinds of sources, read back by ffprobe."""

import json
import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from viztube.media.commands import CommandFailed
from viztube.media.containers import NotAVideo
from viztube.media.hls import encoder
from viztube.media.hls.checks import check
from viztube.media.hls.command import AUDIO_FOLDER, PLAYLIST
from viztube.media.hls.encoder import encode
from viztube.media.hls.ladder import Rung, rungs_for, up_to
from viztube.media.hls.playlist import BrokenLadder, read_media, write_master
from viztube.media.hls.source import Source, read_source
from viztube.media.hls.tests.sources import (
    SECONDS,
    X264,
    make,
    make_late_picture,
    make_late_sound,
    make_recorded,
    make_rotated,
    make_variable,
)
from viztube.media.paths import MASTER
from viztube.media.tests.crafted import find
from viztube.media.tests.fixtures import CLIP

MakeSource = Callable[[Path], Path]


def ignore(seconds: float) -> None:
    """Hear of the progress."""


def ladder_of(path: Path, target: Path, top: int = 360) -> tuple[Source, list[Rung]]:
    source = read_source(path)
    rungs = rungs_for(source.info.width, source.info.height, up_to(top))
    encode(source, rungs, target, sound=True, advance=ignore)
    write_master(target, rungs, source.frame_rate)
    return source, rungs


def probed(playlist: Path) -> dict[str, Any]:
    """Return what ffprobe says of a playlist: its streams and format."""
    argv = [settings.FFPROBE, "-v", "error", "-show_streams", "-show_format", "-of", "json"]
    said = subprocess.run([*argv, str(playlist)], check=True, capture_output=True).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def key_frames(playlist: Path) -> list[float]:
    """Return when key frames are shown, in seconds."""
    argv = [settings.FFPROBE, "-v", "error", "-select_streams", "v:0", "-skip_frame", "nokey"]
    argv += ["-show_entries", "frame=pts_time", "-of", "json", str(playlist)]
    said = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return [float(frame["pts_time"]) for frame in said["frames"]]


# What is made, with its size as shown, its frame rate, and whether it has sound.
SOURCES: dict[str, tuple[MakeSource, str, tuple[int, int], bool]] = {
    "mp4": (make, "mp4", (640, 360), True),
    "silent": (lambda path: make(path, sound=False), "mp4", (640, 360), False),
    "standing": (make_rotated, "mp4", (360, 640), True),
    "variable frame rate": (make_variable, "mp4", (640, 360), True),
    "odd sides": (
        lambda path: make(path, "-vf", "scale=427:241,format=yuv444p", "-c:v", "libx264"),
        "mp4",
        (427, 241),
        True,
    ),
    "ten bits": (
        lambda path: make(
            path,
            "-c:v",
            "libvpx-vp9",
            "-pix_fmt",
            "yuv420p10le",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
            size="320x240",
        ),
        "webm",
        (320, 240),
        True,
    ),
    "vp8": (
        lambda path: make(path, "-c:v", "libvpx", "-deadline", "realtime", size="320x240"),
        "webm",
        (320, 240),
        True,
    ),
    "mkv": (lambda path: make(path, *X264, rate="30000/1001"), "mkv", (640, 360), True),
    "mov": (lambda path: make(path, *X264, rate="50"), "mov", (640, 360), True),
    "smaller than any rung": (lambda path: make(path, size="130x98"), "mp4", (130, 98), True),
    "late sound": (make_late_sound, "mp4", (640, 360), True),
    "late picture": (make_late_picture, "mp4", (640, 360), True),
    "recorded by a browser": (make_recorded, "webm", (320, 240), True),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOURCES)
def test_a_ladder_is_complete_and_cut_alike(kind: str, tmp_path: Path) -> None:
    make_source, extension, size, has_sound = SOURCES[kind]
    path = make_source(tmp_path / f"source.{extension}")
    target = tmp_path / "ladder"
    source, rungs = ladder_of(path, target)

    assert (source.info.width, source.info.height) == size
    assert source.has_sound is has_sound
    assert (target / AUDIO_FOLDER).is_dir() is has_sound
    cuts = set()
    for rung in rungs:
        playlist = target / rung.folder / PLAYLIST
        said = probed(playlist)
        (stream,) = said["streams"]
        assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
        assert (stream["width"], stream["height"]) == (rung.width, rung.height)
        assert rung.width <= size[0] + 1
        assert rung.height <= size[1] + 1
        assert Fraction(stream["avg_frame_rate"]) == pytest.approx(source.frame_rate, rel=0.05)
        shown = SECONDS if kind == "late sound" else source.info.duration
        assert float(said["format"]["duration"]) == pytest.approx(shown, abs=0.1)
        # One every two seconds, or with the next frame after that.
        times = key_frames(playlist)
        latest = 2.001 + 1 / float(source.frame_rate)
        assert all(later - earlier <= latest for earlier, later in pairwise(times)), times
        media = read_media(target / rung.folder)
        assert all(seconds <= 6.1 for seconds, _ in media.segments)
        cuts.add(tuple(round(start, 3) for start in media.starts))
    assert len(cuts) == 1
    assert len(cuts.pop()) == 2
    if has_sound:
        (stream,) = probed(target / AUDIO_FOLDER / PLAYLIST)["streams"]
        assert (stream["codec_name"], stream["channels"]) == ("aac", 2)


@pytest.mark.slow
@pytest.mark.parametrize("make_source", [make, make_late_sound, make_late_picture])
def test_picture_and_sound_start_together_also_for_chromium(
    make_source: MakeSource, tmp_path: Path
) -> None:
    """It passes over empty edits (ISO/IEC 14496-12, section 8.6.6), which let tracks start late."""
    ladder_of(make_source(tmp_path / "source.mp4"), tmp_path / "ladder")

    for folder in ("240p", "360p", AUDIO_FOLDER):
        head = read_media(tmp_path / "ladder" / folder).head.read_bytes()
        edits = head[find(head, b"moov", b"trak", b"edts", b"elst")]
        count, _, media_time = struct.unpack_from(">IIi", edits, 12)
        # From the first frame on: B frames come later than they are decoded, and AAC has a
        # thousand samples of lead.
        assert (count, media_time > 0) == (1, True), folder
        (stream,) = probed(tmp_path / "ladder" / folder / PLAYLIST)["streams"]
        assert float(stream["start_time"]) == pytest.approx(0, abs=0.03)


def test_the_master_says_what_was_measured(tmp_path: Path) -> None:
    _, rungs = ladder_of(CLIP, tmp_path, top=720)

    text = (tmp_path / MASTER).read_text()
    assert [rung.name for rung in rungs] == [240, 360, 480, 720]
    lines = [line for line in text.splitlines() if line.startswith("#EXT-X-STREAM-INF")]
    averages = []
    for rung, line in zip(rungs, lines, strict=True):
        assert f"RESOLUTION={rung.width}x{rung.height}," in line
        assert 'CODECS="avc1.6400' in line
        assert 'mp4a.40.2"' in line
        assert "FRAME-RATE=25.000" in line
        average = int(line.partition("AVERAGE-BANDWIDTH=")[2].partition(",")[0])
        size = sum(
            one.stat().st_size
            for folder in (rung.folder, AUDIO_FOLDER)
            for one in (tmp_path / folder).glob("*.m4s")
        )
        assert average == pytest.approx(size * 8 / 5.3, rel=0.02)
        averages.append(average)
    assert averages == sorted(averages)
    # ffprobe finds every rung and the sound.
    said = probed(tmp_path / MASTER)
    heights = {one["height"] for one in said["streams"] if one["codec_type"] == "video"}
    assert heights == {240, 360, 480, 720}
    assert {one["codec_type"] for one in said["streams"]} == {"video", "audio"}


def test_the_lowest_rung_alone_is_cut_like_the_others_made_later(tmp_path: Path) -> None:
    source = read_source(make(tmp_path / "source.mp4"))
    first, *others = rungs_for(640, 360, up_to(360))
    encode(source, [first], tmp_path / "ladder", sound=True, advance=ignore)
    write_master(tmp_path / "ladder", [first], source.frame_rate)
    encode(source, others, tmp_path / "ladder", sound=False, advance=ignore)
    write_master(tmp_path / "ladder", [first, *others], source.frame_rate)

    check(source, [first, *others], tmp_path / "ladder")
    assert (tmp_path / "ladder" / MASTER).read_text().count("#EXT-X-STREAM-INF") == 2


@pytest.mark.slow
def test_progress_is_told_and_what_it_raises_ends_the_encoding(tmp_path: Path) -> None:
    source = read_source(make(tmp_path / "source.mp4", seconds=30))
    rungs = rungs_for(640, 360, up_to(360))
    told: list[float] = []
    encode(source, rungs, tmp_path / "whole", sound=True, advance=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(30, abs=1)

    class Hidden(Exception):
        pass

    def stop(seconds: float) -> None:
        raise Hidden

    with pytest.raises(Hidden):
        encode(source, rungs, tmp_path / "part", sound=True, advance=stop)
    assert not (tmp_path / "part" / "240p" / PLAYLIST).exists()


@pytest.mark.slow
def test_an_encoding_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = read_source(make(tmp_path / "source.mp4", seconds=30))
    monkeypatch.setattr(encoder, "LEAST_SECONDS", 0.2)
    monkeypatch.setattr(encoder, "TIMES_DURATION", 0)

    with pytest.raises(CommandFailed, match="timed out"):
        encode(source, rungs_for(640, 360, up_to(360)), tmp_path, sound=True, advance=ignore)


@pytest.mark.slow
def test_a_source_that_ends_early_makes_no_ladder(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mkv", *X264)
    part = tmp_path / "part.mkv"
    half = whole.stat().st_size // 2
    part.write_bytes(whole.read_bytes()[:half] + bytes(whole.stat().st_size - half))
    source = read_source(part)

    with pytest.raises((BrokenLadder, CommandFailed)):
        encode(source, rungs_for(640, 360, up_to(360)), tmp_path / "x", sound=True, advance=ignore)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\nfile:{canary}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:1,\nconcat:{canary}|{canary}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:1,\nsubfile,,start,0,end,9,,:{canary}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:1,\ndata:text/plain;base64,QUJD\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{canary}'\n",
    ],
    ids=["playlist", "concat", "subfile", "data", "ffconcat"],
)
def test_a_disguised_playlist_is_no_source(tmp_path: Path, text: str) -> None:
    canary = make(tmp_path / "canary.mp4", seconds=1)
    disguised = tmp_path / "video.mp4"
    disguised.write_text(text.format(canary=canary))

    with pytest.raises(NotAVideo):
        read_source(disguised)
    # Also where it is believed to be one.
    facts = read_source(canary)
    believed = Source(disguised, facts.info, facts.frame_rate, has_sound=True)
    with pytest.raises(CommandFailed):
        encode(
            believed, rungs_for(640, 360, up_to(360)), tmp_path / "x", sound=True, advance=ignore
        )
    assert not list((tmp_path / "x").rglob("*.m4s"))


@pytest.mark.parametrize(
    ("size", "top", "names"),
    [
        ((1920, 1080), 1080, [240, 360, 480, 720, 1080]),
        ((1920, 1080), 720, [240, 360, 480, 720]),
        ((1080, 1920), 720, [240, 360, 480, 720]),
        ((3840, 2160), 1080, [240, 360, 480, 720, 1080]),
        ((640, 360), 720, [240, 360]),
        ((638, 358), 720, [240]),
        ((100, 50), 720, [50]),
        ((3, 1), 720, [1]),
    ],
)
def test_a_ladder_is_never_above_its_source(
    size: tuple[int, int], top: int, names: list[int]
) -> None:
    rungs = rungs_for(*size, up_to(top))

    assert [rung.name for rung in rungs] == names
    for rung in rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.width / rung.height == pytest.approx(size[0] / size[1], rel=0.6)
    assert [rung.kbps for rung in rungs] == sorted(rung.kbps for rung in rungs)


def test_a_ladder_on_its_side_is_the_same_ladder() -> None:
    lying, standing = rungs_for(1280, 720, up_to(720)), rungs_for(720, 1280, up_to(720))

    assert [(one.height, one.width) for one in lying] == [
        (one.width, one.height) for one in standing
    ]


@pytest.mark.parametrize(
    "text", ["", "#EXTM3U\n", '#EXTM3U\n#EXT-X-MAP:URI="init_0.mp4"\n#EXTINF:6.0,\n00000.m4s\n']
)
def test_a_playlist_that_is_not_complete_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / PLAYLIST).write_text(text)
    (tmp_path / "init_0.mp4").write_bytes(b"x")
    (tmp_path / "00000.m4s").write_bytes(b"x")

    with pytest.raises(BrokenLadder):
        read_media(tmp_path)
    with pytest.raises(BrokenLadder):
        read_media(tmp_path / "not there")

"""What a video is: the real clip, odd ones made here, and files that only look like videos."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from PIL import Image

from viztube.media.commands import CommandFailed, Kind, run_guarded
from viztube.media.probe import NotAVideo, VideoInfo, extract_poster, probe
from viztube.media.tests.fixtures import CLIP, CLIP_DURATION, CLIP_SIZE

Make = Callable[..., Path]
SOUND = ("-f", "lavfi", "-i", "sine=duration=1")


def picture_source(size: str = "160x90", seconds: float = 1) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration={seconds}")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a way to make a file with ffmpeg."""

    def run(name: str, *arguments: str) -> Path:
        path = tmp_path / name
        command = [settings.FFMPEG, "-nostdin", "-v", "error", *arguments, "-y", str(path)]
        subprocess.run(command, check=True, timeout=20)
        return path

    return run


def test_the_real_clip() -> None:
    info = probe(CLIP)

    assert info.duration == pytest.approx(CLIP_DURATION, abs=0.01)
    assert info == VideoInfo(info.duration, *CLIP_SIZE, "mp4")


def test_a_poster_is_a_picture_of_at_most_1280_pixels(tmp_path: Path) -> None:
    target = tmp_path / "poster.jpg"

    extract_poster(CLIP, target, CLIP_DURATION)

    with Image.open(target) as poster:
        assert (poster.format, poster.size) == ("JPEG", CLIP_SIZE)
        assert dict(poster.getexif()) == {}
        low, high = poster.convert("L").getextrema()
    assert high != low  # more than one colour


def test_a_large_video_has_a_smaller_poster(make: Make, tmp_path: Path) -> None:
    video = make("tall.mp4", *picture_source("1440x2000", 0.2))
    target = tmp_path / "poster.jpg"

    extract_poster(video, target, 0.2)

    with Image.open(target) as poster:
        assert max(poster.size) == 1280
        assert poster.size[0] < poster.size[1]


def test_a_long_video_is_searched_by_its_key_frames(make: Make, tmp_path: Path) -> None:
    video = make("long.mp4", *picture_source("64x36", 30))
    target = tmp_path / "poster.jpg"

    extract_poster(video, target, probe(video).duration)

    assert target.stat().st_size > 0


def test_a_portrait_video_is_reported_as_it_is_shown(make: Make, tmp_path: Path) -> None:
    flat = make("flat.mp4", *picture_source("160x90"))
    turned = make("turned.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy")

    info = probe(turned)

    assert (info.width, info.height) == (90, 160)
    extract_poster(turned, tmp_path / "poster.jpg", info.duration)
    with Image.open(tmp_path / "poster.jpg") as poster:
        assert poster.size == (90, 160)


def test_a_video_turned_upside_down_keeps_its_size(make: Make) -> None:
    flat = make("flat.mp4", *picture_source("160x90"))
    turned = make("turned.mp4", "-display_rotation", "180", "-i", str(flat), "-c", "copy")

    assert (probe(turned).width, probe(turned).height) == (160, 90)


@pytest.mark.parametrize(
    ("name", "arguments", "extension"),
    [
        ("silent.mp4", ("-c:v", "libx264"), "mp4"),
        ("clip.mov", ("-c:v", "mpeg4"), "mov"),
        ("clip.mkv", ("-c:v", "libx264"), "mkv"),
        ("clip.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"), "webm"),
        ("odd.mkv", ("-c:v", "libx264", "-vf", "scale=35:19", "-pix_fmt", "yuv444p"), "mkv"),
        ("parts.mp4", ("-movflags", "frag_keyframe+empty_moov"), "mp4"),
    ],
)
def test_each_container_is_known_by_its_content(
    make: Make, tmp_path: Path, name: str, arguments: tuple[str, ...], extension: str
) -> None:
    video = make(name, *picture_source(), *arguments).rename(tmp_path / "upload")

    info = probe(video)

    assert info.extension == extension
    assert (info.width, info.height) == ((35, 19) if name == "odd.mkv" else (160, 90))
    assert info.duration == pytest.approx(1, abs=0.15)
    extract_poster(video, tmp_path / "poster.jpg", info.duration)


def test_a_recording_without_a_duration_is_measured_by_its_packets(make: Make) -> None:
    video = make(
        "live.webm",
        *picture_source(seconds=1.5),
        *SOUND,
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
        *("-live", "1", "-f", "webm"),
    )

    info = probe(video)

    assert info.extension == "webm"
    assert info.duration == pytest.approx(1.5, abs=0.15)


def test_sound_alone_is_no_video(make: Make) -> None:
    with pytest.raises(NotAVideo, match="has no video track"):
        probe(make("song.mp4", *SOUND))


def test_the_cover_of_a_song_is_no_video(make: Make, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "cover.jpg")
    cover = ("-i", str(tmp_path / "cover.jpg"))
    song = make(
        "song.mp4",
        *(*SOUND, *cover, "-map", "0", "-map", "1", "-c:v", "mjpeg"),
        *("-disposition:v:0", "attached_pic"),
    )

    with pytest.raises(NotAVideo, match="has no video track"):
        probe(song)


def test_an_encoding_that_browsers_do_not_play_is_refused(make: Make) -> None:
    video = make("raw.mkv", *picture_source(), "-c:v", "ffv1")

    with pytest.raises(NotAVideo):
        probe(video)


def playlist(target: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n"


LISTENER = "http://127.0.0.1:9/x"
BOX = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        playlist(LISTENER).encode(),
        f"ffconcat version 1.0\nfile '{CLIP}'\n".encode(),
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n",
        b"<html><script>alert(1)</script></html>",
        b"PK\x03\x04" + bytes(60),
        b"GIF89a" + bytes(60),
        b"RIFF\0\0\0\0AVI LIST",
        b"\x00\x00\x01\xba" + bytes(60),
    ],
    ids=lambda content: repr(content[:10]),
)
def test_what_does_not_begin_like_a_video_is_refused_unread(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*args: object, **kwargs: object) -> bytes:
        raise AssertionError("ffprobe was started")

    monkeypatch.setattr("viztube.media.probe.run_guarded", unexpected)
    file = tmp_path / "video.mp4"
    file.write_bytes(content)

    with pytest.raises(NotAVideo, match="must be an MP4, WebM, MKV or MOV video"):
        probe(file)


@pytest.mark.parametrize(
    "content",
    [
        BOX,
        BOX + b"\n" + playlist(str(CLIP)).encode(),
        BOX + bytes(1000),
        b"\0\0\0\x08moov",
        b"#EXTmoov\n" + playlist(str(CLIP)).encode(),
        b"\x1a\x45\xdf\xa3" + b"webm" + bytes(100),
        b"\x1a\x45\xdf\xa3\xff" + bytes(100),
        CLIP.read_bytes()[:50_000],
    ],
    ids=lambda content: repr(content[:16]),
)
def test_what_only_begins_like_a_video_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "video.mp4"
    file.write_bytes(content)

    with pytest.raises(NotAVideo):
        probe(file)


def test_a_playlist_is_not_followed_even_when_its_first_bytes_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viztube.media.probe.container_extension", lambda path: "mp4")
    for name, content in {
        "a.mp4": playlist(str(CLIP)),
        "b.mp4": f"ffconcat version 1.0\nfile '{CLIP.name}'\n",
        "c.mp4": playlist(LISTENER),
    }.items():
        file = tmp_path / name
        file.write_text(content)
        (tmp_path / CLIP.name).write_bytes(CLIP.read_bytes())

        with pytest.raises(NotAVideo, match="could not be read as a video"):
            probe(file)
        with pytest.raises(NotAVideo, match="has no picture"):
            extract_poster(file, tmp_path / "poster.jpg", 1)


STREAM = '{"index": 0, "codec_type": "video", "codec_name": "h264", "width": %s, "height": %s}'


def report(width: int = 16, height: int = 16, duration: str = '"1.0"') -> str:
    stream = STREAM % (width, height)
    return f'{{"streams": [{stream}], "format": {{"duration": {duration}}}}}'


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "could not be read as a video"),
        ("{}", "has no video track"),
        (report(width=0), "may have at most the size of 4K"),
        (report(height=8193), "may have at most the size of 4K"),
        (report(duration='"86401"'), "has no usable duration"),
        (report().replace("h264", "rawvideo"), "is encoded in a way that is not supported"),
    ],
)
def test_facts_that_are_out_of_bounds_are_refused(
    monkeypatch: pytest.MonkeyPatch, answer: str, reason: str
) -> None:
    monkeypatch.setattr("viztube.media.probe.run_guarded", lambda *a, **k: answer.encode())

    with pytest.raises(NotAVideo, match=reason):
        probe(CLIP)


@pytest.mark.parametrize(
    ("side_data", "size"),
    [
        ('[{"side_data_type": "x"}, {"rotation": -90}]', (16, 32)),
        ('[{"side_data_type": "x"}]', (32, 16)),
    ],
)
def test_a_rotation_is_found_among_other_side_data(
    monkeypatch: pytest.MonkeyPatch, side_data: str, size: tuple[int, int]
) -> None:
    answer = report(32, 16).replace('"index"', f'"side_data_list": {side_data}, "index"')
    monkeypatch.setattr("viztube.media.probe.run_guarded", lambda *a, **k: answer.encode())

    info = probe(CLIP)

    assert (info.width, info.height) == size


@pytest.mark.parametrize("duration", ['"N/A"', "null", '"nan"', '"inf"', '"-1"', '"0"'])
@pytest.mark.parametrize(
    ("progress", "end"),
    [
        (b"out_time_us=250000\nprogress=continue\nout_time_us=750000\nprogress=end\n", 0.75),
        (b"out_time_us=N/A\nprogress=end\n", None),
        (b"", None),
    ],
)
def test_a_duration_that_is_none_is_measured(
    monkeypatch: pytest.MonkeyPatch, duration: str, progress: bytes, end: float | None
) -> None:
    def answer(argv: list[str], **kwargs: object) -> bytes:
        return progress if "-progress" in argv else report(duration=duration).encode()

    monkeypatch.setattr("viztube.media.probe.run_guarded", answer)

    if end is None:
        with pytest.raises(NotAVideo, match="has no usable duration"):
            probe(CLIP)
    else:
        assert probe(CLIP).duration == end


def test_a_duration_that_takes_too_long_to_measure_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(argv: list[str], **kwargs: object) -> bytes:
        if "-progress" in argv:
            raise CommandFailed("ffmpeg", "timed out")
        return report(duration="null").encode()

    monkeypatch.setattr("viztube.media.probe.run_guarded", answer)

    with pytest.raises(NotAVideo, match="could not be read"):
        probe(CLIP)


def test_a_search_that_takes_too_long_gives_the_first_frame(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[str] = []

    def slow_at_first(argv: list[str], **limits: float) -> bytes:
        calls.append(argv[argv.index("-ss") + 1])
        if len(calls) == 1:
            raise CommandFailed("ffmpeg", "timed out")
        return run_guarded(
            argv, kind=Kind.VIDEO, timeout=limits["timeout"], memory=int(limits["memory"])
        )

    monkeypatch.setattr("viztube.media.probe.run_guarded", slow_at_first)

    extract_poster(CLIP, tmp_path / "poster.jpg", CLIP_DURATION)

    assert calls[1] == "0.000"
    assert (tmp_path / "poster.jpg").stat().st_size > 0


def test_a_video_without_a_frame_has_no_poster(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("viztube.media.probe.run_guarded", lambda *a, **k: b"")

    with pytest.raises(NotAVideo, match="has no picture that can be decoded"):
        extract_poster(CLIP, tmp_path / "poster.jpg", 1)


def test_a_small_file_of_huge_pictures_is_refused(make: Make) -> None:
    bomb = make(
        "bomb.mp4",
        *("-f", "lavfi", "-i", "color=gray:s=8192x2048:r=5:d=1"),
        *("-c:v", "libx264", "-preset", "ultrafast"),
    )

    with pytest.raises(NotAVideo, match=r"4K|could not be read"):
        probe(bomb)


def test_a_full_disk_is_not_the_videos_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*args: object, **kwargs: object) -> bytes:
        raise CommandFailed("ffmpeg", "No space left on device")

    monkeypatch.setattr("viztube.media.probe.run_guarded", fail)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))

    with pytest.raises(OSError, match="No space left"):
        extract_poster(CLIP, tmp_path / "poster.jpg", 1.0)

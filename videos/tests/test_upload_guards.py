"""Uploading: how ffprobe and ffmpeg are run on a stranger's file."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from videos.tests.clips import make_clip
from videos.tests.uploading import upload
from viztube.api.tests.fixtures import Client
from viztube.media import probe
from viztube.media.commands import MAX_OUTPUT_FILE, MAX_PIXELS, MAX_PRINTED

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(sys.platform != "linux", reason="limits are set on Linux"),
]

REPORT = json.dumps(
    {
        "streams": [{"codec_type": "video", "codec_name": "h264", "width": 64, "height": 48}],
        "format": {"duration": "1.0"},
    }
)


def program(path: Path, *lines: str) -> str:
    """Write a program that stands for ffprobe or ffmpeg; return its name."""
    # Limits are set from outside, a few milliseconds after the start.
    start = [f"#!{sys.executable} -S", "import json, os, resource, sys, time", "time.sleep(0.1)"]
    path.write_text("\n".join([*start, *lines]))
    path.chmod(0o755)
    return str(path)


def test_a_program_that_behaves_is_believed(
    user_client: Client, tiny_clip_bytes: bytes, settings: Any, tmp_path: Path
) -> None:
    settings.FFPROBE = program(tmp_path / "ffprobe", f"print({REPORT!r})")

    assert upload(user_client, tiny_clip_bytes).status == 201


@pytest.mark.parametrize(
    "misdeed",
    [
        "time.sleep(60)",
        f"bytearray({probe.PROBE_MEMORY})",
        f"print(' ' * {MAX_PRINTED})",
        f"with open('big', 'wb') as file: file.write(bytes({MAX_OUTPUT_FILE + 1}))",
    ],
    ids=["time", "memory", "output", "file"],
)
def test_a_program_that_takes_too_much_is_stopped(
    user_client: Client,
    assert_nothing_stays: Callable[[], None],
    tiny_clip_bytes: bytes,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    misdeed: str,
) -> None:
    monkeypatch.setattr(probe, "PROBE_SECONDS", 1.0)
    monkeypatch.chdir(tmp_path)
    settings.FFPROBE = program(tmp_path / "ffprobe", misdeed, f"print({REPORT!r})")
    began = time.monotonic()

    answer = upload(user_client, tiny_clip_bytes)

    assert answer.status == 415
    assert answer.body["errors"] == ["videoFile: could not be read as a video"]
    assert time.monotonic() - began < 10
    assert_nothing_stays()


@pytest.fixture
def own_input(tmp_path: Path) -> Iterator[None]:
    """Give this process an input that programs must not inherit."""
    (tmp_path / "input").write_text("secret")
    before = os.dup(0)
    with (tmp_path / "input").open() as file:
        os.dup2(file.fileno(), 0)
    yield
    os.dup2(before, 0)
    os.close(before)


@pytest.mark.usefixtures("own_input")
@pytest.mark.parametrize(
    ("options", "memory"),
    [
        ((), [probe.PROBE_MEMORY, probe.POSTER_MEMORY]),
        # Without a duration, which is measured then.
        (("-live", "1"), [probe.PROBE_MEMORY, probe.PROBE_MEMORY, probe.POSTER_MEMORY]),
    ],
)
def test_programs_are_told_what_they_may_do_and_on_which_file(
    user_client: Client,
    media_root: Path,
    settings: Any,
    tmp_path: Path,
    options: tuple[str, ...],
    memory: list[int],
) -> None:
    clip = make_clip(tmp_path / "clip", "webm" if options else "mp4", *options).read_bytes()
    diary = tmp_path / "diary"
    for name in ("FFPROBE", "FFMPEG"):
        real = getattr(django_settings, name)
        setattr(
            settings,
            name,
            program(
                tmp_path / name,
                "facts = {",
                "    'argv': sys.argv[1:],",
                "    'input': os.readlink('/proc/self/fd/0'),",
                "    'leads': os.getsid(0) == os.getpid(),",
                "    'nice': os.nice(0),",
                "    'oom': int(open('/proc/self/oom_score_adj').read()),",
                "    'limits': [resource.getrlimit(getattr(resource, 'RLIMIT_' + kind))[1]",
                "               for kind in ('AS', 'FSIZE', 'CORE', 'CPU')],",
                "}",
                f"open({str(diary)!r}, 'a').write(json.dumps(facts) + '\\n')",
                f"os.execv({real!r}, [{real!r}, *sys.argv[1:]])",
            ),
        )

    assert upload(user_client, clip, "-i hostile.mp4").status == 201

    runs = [json.loads(line) for line in diary.read_text().splitlines()]
    assert [run["limits"][0] for run in runs] == memory
    for run in runs:
        argv = run["argv"]
        allowed = dict(pairwise(argv))
        assert allowed["-protocol_whitelist"] == "file"
        assert allowed["-format_whitelist"] == "mov,matroska"
        assert allowed["-max_streams"] == "32"
        assert allowed["-max_pixels"] == str(MAX_PIXELS)
        assert allowed["-codec_whitelist"] == probe.CODECS
        paths = [word for word in argv if os.sep in word]
        assert paths
        assert all(path.startswith(f"{media_root}/incoming/") for path in paths)
        assert not any("hostile" in word for word in argv)
        assert (run["input"], run["leads"]) == ("/dev/null", True)
        assert (run["nice"] >= 10, run["oom"]) == (True, 1000)
        assert run["limits"][1:] == [MAX_OUTPUT_FILE, 0, 11]


def test_only_decoders_on_the_list_touch_a_file(
    user_client: Client,
    assert_nothing_stays: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(probe, "VIDEO_CODECS", {"ffv1"})
    clip = tmp_path / "clip.mkv"
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=1", "-c:v", "ffv1")
    command = [django_settings.FFMPEG, "-nostdin", "-v", "error", *source, str(clip)]
    subprocess.run(command, check=True)

    assert upload(user_client, clip.read_bytes()).status == 415
    assert_nothing_stays()

    monkeypatch.setattr(probe, "CODECS", "ffv1")
    assert upload(user_client, clip.read_bytes()).status == 201

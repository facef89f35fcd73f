"""A disk that fills up while a stream is made of a video."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from viztube.media import uploads
from viztube.media.hls import encoder
from viztube.media.hls.checks import check
from viztube.media.hls.encoder import encode
from viztube.media.hls.ladder import Rung, rungs_for, up_to
from viztube.media.hls.playlist import BrokenLadder
from viztube.media.hls.source import Source, read_source
from viztube.media.hls.tests.sources import make
from viztube.media.tests.fixtures import CLIP

# A disk of half a megabyte, in a name space of its own.
SMALL_DISK = 'mount -t tmpfs -o size=500k tmpfs "$0" && exec "$@"'
ENCODE = """
import sys
from pathlib import Path

import django

django.setup()
from django.conf import settings

settings.MEDIA_INCOMING = sys.argv[2]
from viztube.media import uploads
from viztube.media.hls import encoder
from viztube.media.hls.ladder import rungs_for, up_to
from viztube.media.hls.source import read_source

uploads.RESERVED_BYTES = 4096
source = read_source(Path(sys.argv[1]))
rungs = rungs_for(640, 360, up_to(360))
encoder.needed_bytes = lambda *ladder: 0
try:
    encoder.encode(source, rungs, Path(sys.argv[2]), sound=True, advance=lambda seconds: None)
except OSError as error:
    print(type(error).__name__, error.errno)
"""


@pytest.fixture
def ladder(tmp_path: Path) -> Source:
    """Return the source of a ladder that was made in ``tmp_path / "ladder"``."""
    source = read_source(CLIP)
    encode(source, rungs_of(source), tmp_path / "ladder", sound=True, advance=lambda done: None)
    return source


def rungs_of(source: Source) -> list[Rung]:
    return rungs_for(source.info.width, source.info.height, up_to(240))


@pytest.mark.parametrize("part", ["240p", "audio"])
@pytest.mark.parametrize("kept", ["none", "half", "all but a byte", "a hole in the middle"])
def test_a_segment_that_is_not_whole_is_refused(
    kept: str, part: str, ladder: Source, tmp_path: Path
) -> None:
    check(ladder, rungs_of(ladder), tmp_path / "ladder")
    segment = tmp_path / "ladder" / part / "00000.m4s"
    whole = segment.read_bytes()
    half = len(whole) // 2
    segment.write_bytes(
        {
            "none": b"",
            "half": whole[:half],
            "all but a byte": whole[:-1],
            "a hole in the middle": whole[:half] + whole[half + 4096 :],
        }[kept]
    )

    with pytest.raises(BrokenLadder):
        check(ladder, rungs_of(ladder), tmp_path / "ladder")


def test_what_fails_on_a_full_disk_is_for_want_of_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*ladder: object) -> None:
        monkeypatch.setattr(uploads, "RESERVED_BYTES", 1 << 60)
        raise BrokenLadder("the playlist is not complete")

    monkeypatch.setattr(encoder, "check", fill)
    source = read_source(CLIP)
    with pytest.raises(OSError, match="No space") as raised:
        encode(source, rungs_of(source), tmp_path, sound=True, advance=lambda seconds: None)
    assert raised.value.errno == errno.ENOSPC


@pytest.mark.slow
def test_an_encoder_that_fills_the_disk_makes_no_stream(tmp_path: Path) -> None:
    path = make(tmp_path / "source.mp4", seconds=14)
    disk = tmp_path / "disk"
    disk.mkdir()
    own = ["unshare", "--mount", "--map-root-user", "sh", "-c", SMALL_DISK, str(disk)]
    # By a shell, which also tells when there is no such program.
    if subprocess.run(["sh", "-c", '"$@"', "sh", *own, "true"], check=False).returncode:
        pytest.skip("needs name spaces")

    told = subprocess.run(
        [*own, sys.executable, "-c", ENCODE, str(path), str(disk)], check=True, capture_output=True
    )
    assert told.stdout.decode() == f"OSError {errno.ENOSPC}\n"

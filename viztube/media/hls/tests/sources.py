"""Videos of all kinds to encode, made by ffmpeg."""

import subprocess
from pathlib import Path

from django.conf import settings

SECONDS = 8
_PICTURE = "testsrc2=size={size}:rate={rate}:duration={seconds}"
_SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration={seconds}")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def make(
    path: Path,
    *options: str,
    size: str = "640x360",
    rate: str = "25",
    sound: bool = True,
    seconds: float = SECONDS,
    sound_seconds: float | None = None,
) -> Path:
    """Write a test card, with a tone as long unless it is to be silent or shorter or longer."""
    argv = [settings.FFMPEG, "-nostdin", "-v", "error", "-y", "-f", "lavfi"]
    argv += ["-i", _PICTURE.format(size=size, rate=rate, seconds=seconds)]
    if sound:
        argv += [one.format(seconds=sound_seconds or seconds) for one in _SOUND]
        argv += ["-c:a", "libopus" if path.suffix == ".webm" else "aac"]
    subprocess.run([*argv, *(options or X264), str(path)], check=True)
    return path


def make_rotated(path: Path) -> Path:
    """Write a video that is stored lying and shown standing, as telephones do."""
    lying = make(path.with_stem("lying"), size="640x360")
    argv = [settings.FFMPEG, "-nostdin", "-v", "error", "-y", "-display_rotation:v:0", "90"]
    subprocess.run([*argv, "-i", str(lying), "-c", "copy", str(path)], check=True)
    return path


def make_variable(path: Path) -> Path:
    """Write a video whose frames come at uneven times."""
    uneven = "setpts='(N+2*mod(N,3))/(25*TB)'"
    return make(path, "-vf", uneven, "-fps_mode", "vfr", *X264)


def make_late_sound(path: Path) -> Path:
    """Write a video whose sound begins two seconds after its picture."""
    return make(path, "-af", "adelay=2000:all=1,atrim=start=2", *X264)


def make_late_picture(path: Path) -> Path:
    """Write a video whose picture begins a second after its sound."""
    return make(path, "-vf", "setpts=PTS+1/TB", *X264, sound_seconds=SECONDS + 1)


def make_recorded(path: Path) -> Path:
    """Write a video as browsers record: nothing says how long it is, and the sound is longer."""
    vp8 = ("-c:v", "libvpx", "-deadline", "realtime", "-live", "1")
    return make(path, *vp8, size="320x240", sound_seconds=SECONDS + 1)

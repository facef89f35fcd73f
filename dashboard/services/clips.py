"""Short videos made by ffmpeg, so that nothing has to be shipped or fetched."""

from pathlib import Path

from django.conf import settings

from viztube.media.commands import Kind, run_guarded

SIZE = "854x480"  # pixels

# What ffmpeg draws: a source and its filters.
MANDELBROT = f"mandelbrot=size={SIZE}:rate=25:end_scale=0.02:end_pts=240"
LIFE = (
    "life=size=213x120:rate=12:ratio=0.3:mold=20:life_color=#5fd38d:death_color=#1d3557"
    ":mold_color=#22577a,scale=854:480:flags=neighbor"
)
TEST_CARD = f"testsrc2=size={SIZE}:rate=25"


def generate_clip(path: Path, *, picture: str, pitch: int, seconds: float) -> None:
    """Write an MP4 with a sound of ``pitch`` Hz; raises CommandFailed, Unavailable."""
    run_guarded(
        [
            settings.FFMPEG,
            *("-nostdin", "-v", "error", "-f", "lavfi", "-i", picture),
            *("-f", "lavfi", "-i", f"sine=frequency={pitch}:beep_factor=4,volume=0.2"),
            *("-t", str(seconds), "-c:v", "libx264", "-preset", "veryfast", "-crf", "28"),
            *("-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart", "-y", str(path)),
        ],
        kind=Kind.VIDEO,
        timeout=60,
        memory=2 << 30,
    )

"""Tiny videos, made by ffmpeg."""

import subprocess
from pathlib import Path

from django.conf import settings

SECONDS = 1
SIZE = (64, 48)  # pixels
# Container -> how ffmpeg makes it.
CONTAINERS = {
    "mp4": ("-c:v", "libx264", "-f", "mp4"),
    "mov": ("-c:v", "libx264", "-f", "mov"),
    "mkv": ("-c:v", "libx264", "-f", "matroska"),
    "webm": ("-c:v", "libvpx", "-f", "webm"),
}


def make_clip(path: Path, container: str = "mp4", *extra: str) -> Path:
    """Write a second of a test card."""
    source = f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate=5:duration={SECONDS}"
    command = [settings.FFMPEG, "-nostdin", "-v", "error", "-f", "lavfi", "-i", source]
    command += ["-pix_fmt", "yuv420p", *extra, *CONTAINERS[container], "-y", str(path)]
    subprocess.run(command, check=True)
    return path

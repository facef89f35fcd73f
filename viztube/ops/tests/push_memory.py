"""How much memory sending 100 MB to Cloudinary takes, measured from outside on the whole service.

``python -m viztube.ops.tests.push_memory`` prints the figures. Linux; Cloudinary is stood in for.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from viztube.media.tests.fixtures import CLIP
from viztube.media.tests.standin import StandIn, running_standin
from viztube.ops.tests.clips import padded_clip
from viztube.ops.tests.processes import memory
from viztube.ops.tests.site import running_site, site_environ
from viztube.ops.tests.waiting import eventually

MB = 1_000_000
SIZE = 100 * MB
PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Figures:
    """The worker's memory in bytes: idle, and at the peak of a push; the push's seconds."""

    idle: int
    peak: int
    seconds: float

    @property
    def growth(self) -> int:
        """Return what the push took, in bytes."""
        return self.peak - self.idle


def measure(folder: Path) -> Figures:
    """Push a small video, so that all code is loaded, and then one of 100 MB."""
    with running_standin() as standin:
        environ = site_environ(folder) | {"CLOUDINARY_URL": standin.cloudinary_url}
        with running_site(environ) as site:
            client = site.sign_up("amy")
            _push(client, standin, CLIP)
            worker = site.worker()
            time.sleep(2)
            idle = memory(worker, "VmRSS")
            Path(f"/proc/{worker}/clear_refs").write_text("5")  # resets the peak, see proc(5)
            started = time.monotonic()
            _push(client, standin, padded_clip(folder / "big.mp4", SIZE))
            seconds = time.monotonic() - started
            return Figures(idle, memory(worker, "VmHWM"), seconds)


def _push(client: httpx.Client, standin: StandIn, path: Path) -> None:
    """Upload a video and wait until Cloudinary has it and the row says so."""
    with path.open("rb") as file:
        answer = client.post("/videos", data={"title": "x"}, files={"videoFile": file})
    address = f"/videos/{answer.json()['data']['video']['id']}"

    def is_there() -> bool:
        files = client.get(address).json()["data"]
        return all(files[name].startswith(standin.url) for name in ("videoFileUrl", "thumbnailUrl"))

    assert eventually(is_there, PATIENCE)


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    sys.stdout.write(
        f"The worker takes {figures.idle / MB:.0f} MB idle and {figures.peak / MB:.0f} MB at the "
        f"peak of a push of {SIZE / MB:.0f} MB: {figures.growth / MB:.0f} MB more. Upload and push "
        f"took {figures.seconds:.0f} s.\n"
    )


if __name__ == "__main__":
    main()

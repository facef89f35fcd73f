"""Workers that make streams, as processes of their own, for tests that cut them off."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from viztube.ops.dev.services import ffmpeg_addresses
from viztube.ops.embedded.process import Child
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.machines import Cluster, Machine, running_cluster
from viztube.ops.tests.processes import processes_mentioning
from viztube.ops.tests.stream_files import decoded, led_to
from viztube.ops.tests.waiting import eventually

SECONDS = 14
RATE = 25
QUALITIES = [(240, 426), (360, 640)]  # of HLS_TOP_RUNG=360, height and width
PATIENCE = 60.0  # for what takes some seconds on a machine that has nothing else to do
TRANSCODE = "videos.tasks.transcode_video"
# Changes a worker so that a stream takes much longer than any test waits.
SLOWLY = """
from viztube.media.hls import command
command.PRESET = "placebo"
"""
OLD = "UPDATE procrastinate_workers SET last_heartbeat = now() - '1 h'::interval"
REAP = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
VALUES ('default', 'viztube.ops.tasks.reap_stalled_jobs', '{"timestamp": 0}') RETURNING id
"""
DEFER = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
VALUES (%s, %s, %s::jsonb) RETURNING id
"""


@dataclass
class Studio:
    """A service on one machine that makes streams, with a worker for everything else."""

    cluster: Cluster
    bearer: dict[str, str]
    quick: Child  # the worker for everything else

    @property
    def machine(self) -> Machine:
        """Return the only machine."""
        return self.cluster.machines[0]

    @property
    def media(self) -> Path:
        """Return where the files of videos are."""
        return Path(self.machine.environ["MEDIA_ROOT"])

    def start(self, *options: str, change: str = "") -> Child:
        """Start a worker that makes streams and does nothing else."""
        return self.machine.start_worker("--queues", "transcode", *options, change=change)

    def upload(self, content: bytes) -> UUID:
        """Upload a video; return its id."""
        answer = httpx.post(
            f"{self.machine.api}/videos",
            data={"title": "x"},
            files={"videoFile": content},
            headers=self.bearer,
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["data"]["video"]["id"])

    def delete(self, video: UUID) -> None:
        """Delete a video as its owner does."""
        answer = httpx.delete(f"{self.machine.api}/videos/{video}", headers=self.bearer, timeout=60)
        assert answer.status_code == 200, answer.text

    def page(self, video: UUID) -> dict[str, Any]:
        """Return what the API says of a video."""
        answer = httpx.get(f"{self.machine.api}/videos/{video}", headers=self.bearer, timeout=60)
        return dict(answer.json()["data"])

    def job(self, video: UUID) -> tuple[str, int]:
        """Return the status of the job that makes a video's stream, and how often it was tried."""
        ((status, attempts),) = self.cluster.ask(
            "SELECT status, attempts FROM procrastinate_jobs"
            " WHERE task_name = %s AND args->>'video_id' = %s",
            TRANSCODE,
            str(video),
        )
        return str(status), int(attempts)

    def begun(self, video: UUID) -> int | None:
        """Return how many attempts at a stream count; None when none is wanted any longer."""
        rows = self.cluster.ask(
            "SELECT attempts FROM videos_transcoding WHERE video_id = %s", video
        )
        return int(rows[0][0]) if rows else None

    def status(self, video: UUID) -> tuple[str, str]:
        """Return a video's processing status, and the sentence about what went wrong."""
        ((status, error),) = self.cluster.ask(
            "SELECT processing_status, processing_error FROM videos_video WHERE id = %s", video
        )
        return str(status), str(error)

    def folder(self, video: UUID) -> Path:
        """Return where a video's files are."""
        ((name,),) = self.cluster.ask("SELECT stored_folder FROM videos_video WHERE id = %s", video)
        return self.media / str(name)

    def workplace(self, video: UUID) -> Path:
        """Return where a video's stream is put together."""
        return self.media / "incoming" / video.hex

    def encoders(self, video: UUID) -> list[int]:
        """Return the ids of the ffmpeg processes that are at work on a video."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            name = os.fsdecode(command[0]).rpartition("/")[2]
            if name.startswith("ffmpeg") and video.hex.encode() in b"".join(command):
                found.append(int(folder.name))
        return found

    def wait_for_encoder(self, video: UUID) -> int:
        """Wait until ffmpeg is at work on a video; return the id of its process."""
        assert eventually(lambda: len(self.encoders(video)) == 1, PATIENCE), self.job(video)
        return self.encoders(video)[0]

    def wait_for(self, video: UUID, status: str) -> None:
        """Wait until a video's processing has come to an end of this kind."""
        ended = eventually(lambda: self.status(video)[0] != "PROCESSING", PATIENCE)
        assert ended, (self.job(video), self.begun(video))
        assert self.status(video)[0] == status, self.status(video)

    def kill(self, worker: Child, video: UUID) -> None:
        """Kill a worker, which must take its encoder along."""
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        gone = eventually(lambda: not processes_mentioning(video.hex), 5)
        assert gone, processes_mentioning(video.hex)

    def reap(self) -> None:
        """Run the job that looks for jobs whose worker is dead."""
        ((job,),) = self.cluster.ask(REAP)
        status = "SELECT count(*) FROM procrastinate_jobs WHERE id = %s AND status = 'succeeded'"
        assert eventually(lambda: self.cluster.count(status, job) == 1, PATIENCE)

    def take_up(self, video: UUID) -> None:
        """Take the killed worker of a job for dead at once, and not after a minute."""
        self.cluster.database.execute(
            f"{OLD} WHERE id IN (SELECT worker_id FROM procrastinate_jobs"
            " WHERE args->>'video_id' = %s AND status = 'doing')",
            [str(video)],
        )
        self.reap()
        assert eventually(lambda: self.job(video)[0] != "doing")

    def make_due(self, video: UUID) -> None:
        """Let the next attempt at a stream begin at once; it is polled for within five seconds."""
        self.cluster.database.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now()"
            " WHERE task_name = %s AND args->>'video_id' = %s AND status = 'todo'",
            [TRANSCODE, str(video)],
        )

    def remove_old_streams(self, video: UUID) -> None:
        """Have the jobs run now that delete what was made of streams, which wait for hours."""
        jobs = (
            "procrastinate_jobs WHERE task_name = 'videos.tasks.remove_old_stream'"
            " AND args->>'video_id' = %s AND status IN ('todo', 'doing')"
        )
        rows = self.cluster.ask(f"SELECT queue_name, task_name, args::text FROM {jobs}", str(video))
        self.cluster.database.execute(f"DELETE FROM {jobs}", [str(video)])
        new = [self.cluster.ask(DEFER, *row)[0][0] for row in rows]
        left = (
            "SELECT count(*) FROM procrastinate_jobs WHERE id = ANY(%s) AND status <> 'succeeded'"
        )
        assert eventually(lambda: self.cluster.count(left, new) == 0, PATIENCE)

    def assert_complete(self, video: UUID, seconds: int = SECONDS) -> None:
        """Check that a stream plays to its end, and that nothing else is left of making it."""
        page = self.page(video)
        assert page["processingStatus"] == "COMPLETED"
        qualities = [(one["height"], one["width"]) for one in page["renditions"]]
        assert sorted(qualities) == QUALITIES
        assert httpx.get(page["streamUrl"]).status_code == 200
        folder = self.folder(video)
        stream = folder / page["streamUrl"].split("/")[-2]
        files = {path for path in stream.rglob("*") if path.is_file()}
        assert led_to(stream / "master.m3u8") == files
        names = {path.name for path in folder.iterdir()}
        assert names == {"video.mp4", "poster.jpg", stream.name}
        sound = decoded(stream / "audio" / "index.m3u8")["audio"]
        # Frames of AAC have 1024 samples; the encoder adds one or two.
        assert sound == pytest.approx(seconds * 48000 / 1024, abs=4)
        for name in ("240p", "360p"):
            assert decoded(stream / name / "index.m3u8") == {"video": seconds * RATE}
        everything = {"video": seconds * RATE * 2, "audio": sound}
        assert decoded(stream / "master.m3u8") == everything
        assert self.begun(video) is None
        assert self.status(video) == ("COMPLETED", "")
        self.assert_nothing_left(video)

    def assert_plays(self, video: UUID) -> None:
        """Check that a video without a stream has its original and its poster, and no more."""
        page = self.page(video)
        assert (page["streamUrl"], page["renditions"]) == (None, [])
        path = self.folder(video) / "video.mp4"
        assert httpx.get(page["videoFileUrl"]).content == path.read_bytes()
        assert {one.name for one in path.parent.iterdir()} == {"video.mp4", "poster.jpg"}
        self.assert_nothing_left(video)

    def assert_nothing_left(self, video: UUID) -> None:
        """Check that nothing works on a video, or lies where nothing belongs."""
        assert eventually(lambda: self.job(video)[0] not in ("doing", "todo")), self.job(video)
        assert not processes_mentioning(video.hex)
        # A worker may still be at videos of tests before.
        for folder in (self.media / "incoming", self.media / "trash"):
            assert eventually(lambda: not list(folder.glob("*")), PATIENCE), list(folder.glob("*"))  # noqa: B023
        due = self.cluster.ask(
            "SELECT task_name, status FROM procrastinate_jobs WHERE args->>'video_id' = %s"
            " AND (status = 'doing' OR status = 'todo' AND scheduled_at IS NULL)",
            str(video),
        )
        assert due == []


@contextmanager
def running_studio(**settings: str) -> Iterator[Studio]:
    """Run a service that makes streams of 240p and 360p, and no worker for them yet."""
    settings = {"HLS_TOP_RUNG": "360"} | settings
    with (
        temporary_data_dir() as folder,
        running_cluster(folder, ["main"], workers=0, **settings) as cluster,
    ):
        quick = cluster.machines[0].start_worker("--queues", "default", "disk", "push")
        tokens = cluster.sign_up("amy")
        yield Studio(cluster, {"Authorization": f"Bearer {tokens['accessToken']}"}, quick)


def film(seconds: int = SECONDS, *options: str, size: str = "640x360") -> bytes:
    """Return a video with a tone, whose picture changes all the time."""
    picture = f"testsrc2=size={size}:rate={RATE}:duration={seconds}"
    tone = f"sine=frequency=440:duration={seconds}"
    argv = [ffmpeg_addresses({})["FFMPEG"], "-nostdin", "-v", "error"]
    argv += ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-c:a", "aac"]
    argv += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *options]
    argv += ["-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "pipe:1"]
    return subprocess.run(argv, check=True, capture_output=True).stdout

"""``manage.py transcode_status``: which streams are being made, which wait, which failed."""

from typing import Any

from django.core.management.base import BaseCommand
from procrastinate.contrib.django.models import ProcrastinateJob

from videos.models import ProcessingStatus, Transcoding, Video
from videos.tasks import transcode_video

FAILED_SHOWN = 20


class Command(BaseCommand):
    """Lists them, the oldest first."""

    help = (
        "List the streams that are being made, with percent, those that wait, and the videos whose "
        f"processing failed (the last {FAILED_SHOWN})."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print three lists."""
        jobs = ProcrastinateJob.objects.filter(task_name=transcode_video.name, status="doing")
        doing = set(jobs.values_list("args__video_id", flat=True))
        wanted = list(Transcoding.objects.select_related("video").order_by("requested_at", "pk"))
        running = [one for one in wanted if str(one.pk) in doing]
        waiting = [one for one in wanted if str(one.pk) not in doing]
        failed = Video.objects.filter(processing_status=ProcessingStatus.FAILED)
        self._list("Being made", [f"{one.percent:3d} %  {_named(one.video)}" for one in running])
        self._list("Waiting", [f"{_named(one.video)}{_tried(one)}" for one in waiting])
        shown = failed.order_by("-created_at", "-pk")[:FAILED_SHOWN]
        self._list(
            "Failed",
            [f"{_named(video)}: {video.processing_error}" for video in shown],
            failed.count(),
        )

    def _list(self, heading: str, lines: list[str], count: int | None = None) -> None:
        self.stdout.write(f"{heading}: {len(lines) if count is None else count}")
        for line in lines:
            self.stdout.write(f"  {line}")


def _named(video: Video) -> str:
    # On one line, whatever it is called.
    return f"{video.pk}  {' '.join(video.title.split())[:60]}"


def _tried(one: Transcoding) -> str:
    return f" ({one.attempts} attempts failed)" if one.attempts else ""

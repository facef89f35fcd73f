"""``manage.py transcode``: have the streams of videos made, or made anew."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from videos.models import ProcessingStatus, Video
from videos.services.transcoding import is_made_here, make_stream_again
from viztube.media.hls.ladder import CAPS


class Command(BaseCommand):
    """Puts videos into the queue of the worker that makes streams."""

    help = (
        "Have the streams (HLS) of videos made by the worker, or made anew: what can be watched "
        "stays until then. For videos whose original is on this machine."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("ids", nargs="*", type=UUID, metavar="id", help="Ids of videos.")
        parser.add_argument(
            "--missing", action="store_true", help="All videos on this machine without a stream."
        )
        parser.add_argument(
            "--rungs",
            nargs="+",
            type=int,
            choices=list(CAPS),
            help="Which qualities; none is made larger than the video. All up to HLS_TOP_RUNG by "
            "default.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Enqueue."""
        if not is_made_here():
            raise CommandError(
                "This machine makes no streams: set HLS_TOP_RUNG, and unset CLOUDINARY_URL, with "
                "which Cloudinary makes them."
            )
        if bool(options["ids"]) == options["missing"]:
            raise CommandError("Name the ids of some videos, or --missing.")
        if options["missing"]:
            wanted = list(_without_a_stream())
        else:
            wanted = list(dict.fromkeys(options["ids"]))
            known = set(Video.objects.filter(pk__in=wanted).values_list("pk", flat=True))
            if unknown := [str(pk) for pk in wanted if pk not in known]:
                raise CommandError(f"There is no video {', '.join(unknown)}; nothing was done.")
        waiting = 0
        for pk in wanted:
            if make_stream_again(video_id=pk, rungs=options["rungs"]):
                waiting += 1
                self.stdout.write(f"{pk} waits for its stream.")
            else:
                self.stderr.write(f"{pk} is left out: its original is not here.")
        self.stdout.write(
            f"{waiting} videos wait for their streams; "
            "`manage.py transcode_status` tells how far they are."
        )


def _without_a_stream() -> "QuerySet[Video, UUID]":
    """Return the ids of videos here that have no stream; those in the making have a job."""
    here = Video.objects.exclude(video_file="").exclude(video_file__contains="/")
    videos = here.filter(stream_file="").exclude(processing_status=ProcessingStatus.PROCESSING)
    ids: QuerySet[Video, UUID] = videos.order_by("pk").values_list("pk", flat=True)
    return ids

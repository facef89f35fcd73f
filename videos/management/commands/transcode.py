"""``manage.py transcode``: have the streams of videos made, or made anew."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from videos.models import Video
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
        found: Any = Video.objects.filter(pk__in=options["ids"])
        if options["missing"]:
            # Those that are being processed have a job.
            found = Video.objects.filter(stream_file="").exclude(processing_status="PROCESSING")
        videos = {video.pk: video for video in found.order_by("pk")}
        unknown = [str(pk) for pk in options["ids"] if pk not in videos]
        if unknown:
            raise CommandError(f"There is no video {', '.join(unknown)}; nothing was done.")
        elsewhere = 0
        for video in videos.values():
            if make_stream_again(video=video, rungs=options["rungs"]):
                self.stdout.write(f"{video.pk} waits for its stream.")
            else:
                elsewhere += 1
                if not options["missing"]:
                    self.stderr.write(f"{video.pk} is left out: its original is not here.")
        self.stdout.write(
            f"{len(videos) - elsewhere} videos wait for their streams; "
            "`manage.py transcode_status` tells how far they are."
        )

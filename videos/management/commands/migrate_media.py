"""``manage.py migrate_media``: move all files between this machine's disk and Cloudinary."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from videos.services.migration import (
    Migration,
    MigrationStopped,
    Place,
    alone,
    waiting_cloud_jobs,
)

AGAIN = "Run the same command again: it goes on with what is not there yet."
NO_ACCOUNT = {
    Place.CLOUDINARY: (
        "There is no Cloudinary to move to: set CLOUDINARY_URL to "
        "cloudinary://<api key>:<api secret>@<cloud name>, restart VizTube, and run this again."
    ),
    Place.LOCAL: (
        "CLOUDINARY_URL is not set, and the files are to be read and removed there: set it to "
        "cloudinary://<api key>:<api secret>@<cloud name> until they are here."
    ),
}


class Command(BaseCommand):
    """Moves what is not there yet; safe to stop and to repeat."""

    help = (
        "Move the files of all videos and the pictures of all people to Cloudinary, or from there "
        "to the disk of this machine; run it on the machine that has the disk. Each file is "
        "copied, then its row names the copy, and then a job deletes the original: so a worker "
        "must run. Everything plays meanwhile. Stopped at any moment, or run again, it goes on "
        "with what is not there yet. CLOUDINARY_URL must be set both ways, and as long as it is, "
        "new uploads go to Cloudinary: to leave it, run this with --to local until it moves "
        "nothing, then unset CLOUDINARY_URL and restart VizTube. Names each file that cannot be "
        "moved and says why; status 1 when there were any."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option."""
        parser.add_argument(
            "--to",
            required=True,
            choices=[place.value for place in Place],
            help="Where the files are to be: at Cloudinary, or on the disk of this machine.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Move, then print a table; failures are sentences."""
        to = Place(options["to"])
        if settings.CLOUDINARY_ACCOUNT is None:
            raise CommandError(NO_ACCOUNT[to])
        problem, status = "", 1
        # Quiet where nobody looks.
        with tqdm(unit=" files", file=sys.stderr, disable=None, leave=False) as bar:

            def tell(line: str) -> None:
                with bar.external_write_mode():
                    self.stdout.write(line)

            migration = Migration(to, advance=bar.update, tell=tell)
            try:
                with alone():
                    bar.reset(total=migration.count())
                    migration.run()
            except MigrationStopped as stop:
                problem = f"{stop} Then run the same command again: it goes on where it was."
            except DatabaseError as error:
                reason = str(error).strip().partition("\n")[0]
                problem = f"Our own database failed ({reason}). {AGAIN}"
            except KeyboardInterrupt:
                problem, status = f"Stopped. {AGAIN}", 130
        self.stdout.write(as_table(migration))
        if problem:
            raise CommandError(problem, returncode=status)
        if migration.left:
            raise CommandError(
                f"{migration.left.total()} could not be moved, and stay where they are: they are "
                "named above. Mend what can be mended and run the same command again."
            )
        self.stdout.write(_what_next(to, moved=migration.moved))


def as_table(migration: Migration) -> str:
    """Return how much was moved, left behind, and left in its place on purpose."""
    lines = [("moved", migration.moved)]
    lines += [(f"left: {what}", number) for what, number in migration.left.items()]
    lines += [(f"staying: {what}", number) for what, number in migration.staying.items() if number]
    width = max(len(what) for what, _ in lines)
    return "\n".join(f"{what:<{width}}  {number:>7}" for what, number in lines)


def _what_next(to: Place, *, moved: int) -> str:
    if to is Place.CLOUDINARY:
        return (
            "Every file that can go is at Cloudinary, and new uploads follow by themselves. Jobs "
            "delete from this disk what was sent."
        )
    waiting = waiting_cloud_jobs()
    if moved or waiting:
        return (
            f"Jobs that wait to delete, move or send files at Cloudinary: {waiting}. As long as "
            "CLOUDINARY_URL is set, new uploads go there. Run this again until it moves nothing "
            "and no job waits, then unset CLOUDINARY_URL and restart VizTube."
        )
    return "Nothing is left at Cloudinary: unset CLOUDINARY_URL and restart VizTube."

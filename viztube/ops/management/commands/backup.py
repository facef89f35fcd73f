"""``manage.py backup``: the database and the media of this machine into a folder."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from viztube.ops.backups import BackupError
from viztube.ops.backups.making import Made, make_backup
from viztube.ops.backups.progress import progress


class Command(BaseCommand):
    """Makes one backup while people use the service."""

    help = (
        "Back up the database and the media of this machine into a new folder, named for the time "
        "(UTC). Everything in it is of one moment; people can use the service meanwhile. Media "
        "takes room only where it is new: files get another name (a hard link) where the backup "
        "is on the same file system, and else are copied once. Media on Cloudinary stays there, "
        "and so do uploads that are being received. A backup that is cut off leaves nothing that "
        "looks like one. Copy the folder to another machine afterwards, or name one on another "
        "disk; it holds e-mail addresses and hashes of passwords. `manage.py restore` is the way "
        "back."
    )
    # The cache may be away.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--to", required=True, type=Path, metavar="FOLDER", help="Where backups lie."
        )
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help=(
                "Keep only the newest N backups there, and the last one of each of the newest N "
                "days with any, in UTC (default: all)."
            ),
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the backup, then say what is in it; failures are sentences."""
        if options["keep"] is not None and options["keep"] < 1:
            raise CommandError("--keep must be 1 or more: the new backup always stays.")
        try:
            with progress() as advance:
                made = make_backup(
                    to=options["to"].absolute(), keep=options["keep"], advance=advance
                )
        except BackupError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped: there is no new backup.", returncode=130) from None
        self.stdout.write(json.dumps(asdict(made)) if options["json"] else as_text(made))


def as_text(made: Made) -> str:
    """Return what was made, as lines to read."""
    media = (
        f"Media: {made.files:,} files, {made.media_bytes / 1e6:,.1f} MB; {made.copied:,} of them "
        f"copied ({made.copied_bytes / 1e6:,.1f} MB), {made.linked:,} take no room."
    )
    lines = [
        f"Database: {made.rows:,} rows in {made.tables} tables, {made.dump_bytes / 1e6:,.1f} MB.",
        media,
    ]
    if made.vanished:
        lines.append(f"{made.vanished:,} files were deleted meanwhile, and are not in it.")
    if made.removed:
        lines.append(f"Removed: {', '.join(made.removed)}.")
    lines.append(f"The backup is {made.folder}; to check it: manage.py restore --verify FOLDER")
    return "\n".join(lines)

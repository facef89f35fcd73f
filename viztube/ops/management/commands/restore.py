"""``manage.py restore``: a backup checked, and put in the place of what is here."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from viztube.ops.backups import BackupError
from viztube.ops.backups.postgres import database_name
from viztube.ops.backups.progress import progress
from viztube.ops.backups.restoring import Plan, plan, restore, verify
from viztube.ops.backups.verifying import Verification

DIFFERENT = "The backup is not what it was when it was made, so nothing was replaced: use another."


class Command(BaseCommand):
    """Verifies a backup, and replaces the database with it."""

    help = (
        "Restore a backup that `manage.py backup` made. First its dump is restored into a database "
        "beside the real one and every table and file is compared with what the backup says of "
        "itself; with --verify that is all. Only if everything is identical the new database takes "
        "the place of the current one, which is kept under another name (drop it when it is no "
        "longer needed), and files that are missing from MEDIA_ROOT are put back. Files that the "
        "backup does not have stay. Everybody is disconnected for a moment; what was written since "
        "the backup is only in the database that is kept, so stop VizTube first. Works also when "
        "the database is gone. The role of DATABASE_URL must have CREATEDB and should own "
        "the database, because it will own the new one."
    )
    # The database may be gone, and the cache away.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("folder", type=Path, help="A backup, like backups/20261125T061500Z.")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--verify", action="store_true", help="Only compare: replace nothing.")
        how.add_argument(
            "--dry-run", action="store_true", help="Only say what would be replaced: do nothing."
        )
        how.add_argument("--yes", action="store_true", help="Replace without asking.")
        parser.add_argument(
            "--json", action="store_true", help="With --verify: print the result as JSON."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and, if wanted, replace; failures are sentences."""
        if options["json"] and not options["verify"]:
            raise CommandError("--json goes with --verify.")
        folder: Path = options["folder"].absolute()
        try:
            if options["verify"]:
                self._verify(folder, as_json=options["json"])
            elif options["dry_run"]:
                self.stdout.write(as_text(plan(folder), would=True))
            else:
                self._restore(folder, ask=not options["yes"])
        except BackupError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError(
                f"Stopped: {database_name()} is the old or the new database, whole.", returncode=130
            ) from None

    def _verify(self, folder: Path, *, as_json: bool) -> None:
        with progress() as advance:
            found = verify(folder, advance)
        if as_json:
            self.stdout.write(json.dumps({"identical": found.identical, **asdict(found)}))
        else:
            self.stdout.write("\n".join(found.as_lines()))
        if not found.identical:
            raise CommandError("The backup is not what it was when it was made: use another.")

    def _restore(self, folder: Path, *, ask: bool) -> None:
        if ask and not sys.stdin.isatty():
            raise CommandError("There is no terminal to ask on: add --yes to replace.")

        def confirm(found: Verification, planned: Plan) -> bool:
            self.stdout.write("\n".join(found.as_lines()))
            if not found.identical:
                raise BackupError(DIFFERENT)
            if not ask:
                return True
            self.stdout.write(as_text(planned, would=True))
            return input("Replace the database? Type yes: ").strip().lower() == "yes"

        with progress() as advance:
            done = restore(folder, confirm=confirm, advance=advance)
        if done is None:
            raise CommandError("Nothing was replaced.")
        self.stdout.write(as_text(done, would=False))
        self.stdout.write(
            "Now run `manage.py migrate`, which does nothing if the backup is of this version, and "
            "start VizTube again; `manage.py reconcile_media` removes what no row names any more."
        )


def as_text(planned: Plan, *, would: bool) -> str:
    """Return what a restoration does or did, as lines to read."""
    manifest, verb = planned.manifest, "would be" if would else "is"
    kept = (
        f"what was there {verb} kept as {planned.before}"
        if planned.before
        else "there was none before"
    )
    files = "would be" if would else "were"
    return (
        f"The database {database_name()} {verb} that of {manifest.made_at} "
        f"({manifest.rows():,} rows in {len(manifest.tables)} tables); {kept}.\n"
        f"{len(planned.missing):,} of {len(manifest.media):,} files {files} put back; "
        f"{planned.left_alone:,} files that the backup does not have {files} left alone."
    )

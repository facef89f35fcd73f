"""``manage.py reconcile_media``: compare files with rows."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from videos.services.reconciliation import LIMIT, Finding, Reconciliation
from viztube.media.backends import MediaUnavailable


class Command(BaseCommand):
    """Deletes what no row names, and tells what rows name and is gone."""

    help = (
        "Compare the files on this disk, and on Cloudinary when CLOUDINARY_URL is set, with the "
        "rows that name them. Files that no row names are deleted when they are older than a day; "
        "files that are missing are only told, because nobody can make them again; videos whose "
        "processing was forgotten are taken up. Safe to stop and to repeat, also while people use "
        "the service. Run it on the machine that has the disk, and only if no other VizTube, not "
        "even a copy for tests, keeps files on the same Cloudinary account: theirs have no rows "
        "here. Each 500 files there cost a call of Cloudinary's Admin API, of which an account has "
        "500 or 2,000 an hour."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--dry-run", action="store_true", help="Only look: delete and start nothing."
        )
        parser.add_argument(
            "--limit",
            type=int,
            default=LIMIT,
            help=f"How many folders and files to delete at most (default {LIMIT}).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, then print a table; failures are sentences."""
        problem = ""
        with tqdm(desc="Comparing", unit=" files", disable=None) as bar:
            run = Reconciliation(
                dry_run=options["dry_run"], limit=max(0, options["limit"]), advance=bar.update
            )
            try:
                run.run()
            except MediaUnavailable as error:
                problem = f"{error} Run it again later."
            except OSError as error:
                problem = f"The disk failed ({error.strerror}): see to MEDIA_ROOT."
        self.stdout.write(as_table(run.findings))
        if problem:
            raise CommandError(f"The last line is not complete. {problem}")
        if run.left_over:
            self.stdout.write(
                f"{run.left_over} were left for another run"
                + (" without --dry-run." if options["dry_run"] else ": see --limit.")
            )


def as_table(findings: Sequence[Finding]) -> str:
    """Return what was found in columns, and below the names of some."""
    lines = [f"{'place':<10}  {'what':<40}  {'found':>7}  {'done':>7}"]
    lines += [f"{one.place:<10}  {one.what:<40}  {one.found:>7}  {one.done:>7}" for one in findings]
    for one in findings:
        if one.names:
            lines.append(f"\n{one.place}, {one.what}:")
            lines += [f"  {name}" for name in one.names]
            if one.found > len(one.names):
                lines.append(f"  and {one.found - len(one.names)} more")
    return "\n".join(lines)

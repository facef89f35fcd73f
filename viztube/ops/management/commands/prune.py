"""``manage.py prune``: delete what nobody needs any longer, now."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from viztube.ops.pruning import Pruned, prune


class Command(BaseCommand):
    """Does at once what periodic jobs do in their time, and looks for lost folders besides."""

    help = (
        "Delete what nobody needs any longer: ended sessions, old events and jobs, files that "
        "killed processes left, and media folders that no row names and that are older than a day. "
        "Jobs do all but the last by themselves; this does it now. Safe to repeat, also while "
        "people use the service. Run it on the machine that has the disk. Status 1 when something "
        "could not be deleted, which the table names."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--dry-run", action="store_true", help="Only look: print the same and delete nothing."
        )
        parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete, then say how much; failures are sentences."""
        dry_run = options["dry_run"]
        done = list(prune(dry_run=dry_run))
        if options["json"]:
            document = {"dryRun": dry_run, "pruned": [asdict(one) for one in done]}
            self.stdout.write(json.dumps(document, indent=2))
        else:
            self.stdout.write(as_table(done))
            if dry_run:
                self.stdout.write("Nothing was deleted: leave --dry-run out to do it.")
            if left := sum(one.left for one in done):
                self.stdout.write(
                    f"{left} folders are more than one run deletes: look whether the rows are "
                    "right, then run it again."
                )
        problems = [f"{one.what} ({one.problem})" for one in done if one.problem]
        if problems:
            raise CommandError(
                f"Not done: {'; '.join(problems)}. See what `manage.py doctor` says, then run it "
                "again."
            )


def as_table(done: Sequence[Pruned]) -> str:
    """Return what was deleted, how many, and how much space that is."""
    width = max(len(one.what) for one in done)
    lines = [f"{'what':<{width}}  {'how many':>8}  {'space':>9}"]
    for one in done:
        count = "failed" if one.problem else str(one.count)
        space = "" if one.bytes is None else f"{one.bytes / 1e6:,.1f} MB"
        lines.append(f"{one.what:<{width}}  {count:>8}  {space:>9}".rstrip())
    return "\n".join(lines)

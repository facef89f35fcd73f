"""``manage.py doctor``: say what is wrong with this installation, and what to do."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from viztube.ops.doctor.examination import Check, examine
from viztube.ops.doctor.findings import Finding, Status

Results = Sequence[tuple[Check, Finding]]


class Command(BaseCommand):
    """Looks at everything that the service needs; changes nothing."""

    help = (
        "Check settings, database, clock, cache, disk, jobs, workers, Cloudinary, certificate, "
        "view counts, the age of the last backup and what restoring has left, and say what to do "
        "about what is not ok. It changes nothing and works when the database or the cache is "
        "away. Run it where the service runs, with its settings. Status 1 when a check failed, 0 "
        "when there is nothing worse than warnings."
    )
    # Whatever these would say, it says itself.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option."""
        parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, then say it all; status 1 when something failed."""
        results = list(examine())
        self.stdout.write(as_json(results) if options["json"] else as_table(results))
        broken = [check.name for check, finding in results if finding.status is Status.FAILED]
        if broken:
            raise CommandError(f"Failed: {', '.join(broken)}.")


def as_table(results: Results) -> str:
    """Return a line for each check."""
    return "\n".join(
        f"{check.name:<16}  {finding.status:<11}  {finding.says} {finding.advice}".rstrip()
        for check, finding in results
    )


def as_json(results: Results) -> str:
    """Return the same for programs."""
    checks = [
        {
            "name": check.name,
            "status": finding.status,
            "says": finding.says,
            "advice": finding.advice,
        }
        for check, finding in results
    ]
    broken = any(finding.status is Status.FAILED for _, finding in results)
    return json.dumps({"ok": not broken, "checks": checks}, indent=2)

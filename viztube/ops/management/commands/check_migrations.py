"""``manage.py check_migrations``: refuse what a release cannot do while people use the service."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from viztube.ops.migration_checks import (
    Checked,
    Problem,
    SquawkMissingError,
    check_migrations,
    our_apps,
)

CONTRACT = 'contract = "nothing reads or writes the column since 1.4"'


class Command(BaseCommand):
    """Says which migrations lock a table or break the running version, and what to write."""

    help = (
        "Check that the migrations since the first deployment neither lock a table for long nor "
        "break the version that is running while they are applied. A migration that does so on "
        f"purpose gives its reason as an attribute of its class: {CONTRACT}. Ends with 1 when one "
        "does so without a reason. Needs a database, but changes nothing in it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--app",
            nargs="+",
            choices=our_apps(),
            metavar="APP",
            help="Look only at the migrations of these apps.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, then print a paragraph for each problem."""
        try:
            checked = check_migrations(options["app"] or our_apps())
        except SquawkMissingError as error:
            raise CommandError(str(error)) from error
        refused = [one for one in checked if one.problems and not one.reason]
        for one in checked:
            if one.problems and one.reason:
                self.stdout.write(_paragraph(one, f"{one.name} may do this: {one.reason}"))
        for one in refused:
            self.stderr.write(_paragraph(one, f"{one.name} must not be released as it is:"))
        if refused:
            raise CommandError(
                f"{len(refused)} of {len(checked)} migrations would disturb the running version. "
                f"If that is wanted, say why in the migration's class: {CONTRACT}"
            )
        self.stdout.write(
            f"{len(checked)} migrations since the first deployment: none disturbs the running "
            "version without a reason."
        )


def _paragraph(checked: Checked, heading: str) -> str:
    return "\n".join([heading, *map(_lines, checked.problems)])


def _lines(problem: Problem) -> str:
    statement = " ".join(problem.statement.split())
    harm, instead = problem.advice
    parts = [statement, harm, f"Instead: {instead}" if instead else ""]
    return "\n".join(f"    {part}" for part in parts if part)

"""``manage.py import_v2``: move the old service's database into ours."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, ProgrammingError
from tqdm import tqdm

from dashboard.imports.address import OldDatabaseError, parse_address
from dashboard.imports.old_database import open_old_database
from dashboard.imports.report import Count, Report, as_table
from dashboard.imports.run import ImportStopped, alone, import_all, kinds

REPORT = "import_v2-report.jsonl"
DRY_RUN_REPORT = "import_v2-dry-run.jsonl"


class Command(BaseCommand):
    """Imports what is not here yet; safe to stop and to repeat."""

    help = (
        "Import accounts, videos and everything around them from the database of the service "
        "before this one, which is only read. Ids, times, counts and addresses stay. Stopped at "
        "any moment, or run again later, it goes on with the rows that are not here yet: what was "
        "imported and deleted here since comes back, and what the old service has changed since "
        "does not come. So import into an empty database, before people use this service. Prints a "
        "table of counts and writes what it changed or refused into a report. Status 1 when the "
        "import did not succeed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--from",
            dest="address",
            required=True,
            metavar="ADDRESS",
            help=(
                "The old database, like postgresql://user:password@host:5432/name. Parameters of "
                "Prisma are understood: ?schema= names the schema, the others are left out."
            ),
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help=(
                "Do everything and take it back at the end. Until then whoever registers a name "
                "that is being imported waits, and others behind them: do it while nobody uses "
                "this service."
            ),
        )
        parser.add_argument(
            "--report",
            type=Path,
            help=(
                "Where to add a JSON object for each thing that was changed or refused: table, id, "
                f"reason, done, old (default {REPORT}, {DRY_RUN_REPORT} for a dry run). It holds "
                "texts and e-mail addresses of people."
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, then print the counts; failures are sentences."""
        dry_run: bool = options["dry_run"]
        path: Path = options["report"] or Path(DRY_RUN_REPORT if dry_run else REPORT)
        try:
            counts = _import(options["address"], path, dry_run=dry_run)
        except (OldDatabaseError, ImportStopped) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(
                f"The report {path} cannot be written ({error.strerror}): name another with "
                "--report."
            ) from None
        except ProgrammingError as error:
            raise CommandError(
                f"Our own database is not as expected ({_first_line(error)}): run `manage.py "
                "migrate` first."
            ) from None
        except DatabaseError as error:
            raise CommandError(
                f"Our own database failed ({_first_line(error)}). Run the same command again: an "
                "import goes on where it was."
            ) from None
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. Run the same command again: an import goes on where it was.",
                returncode=130,
            ) from None
        self.stdout.write(as_table(counts))
        if any(count.changed or count.refused for count in counts.values()):
            self.stdout.write(f"What was changed and refused is in {path}.")
        if any(count.already_there for count in counts.values()):
            self.stdout.write(
                "Rows that were here already stayed as they are: what the old service has changed "
                "in them since is not here."
            )
        self.stdout.write(
            "This was a dry run: nothing was imported."
            if dry_run
            else "Every row of the old database is here or was refused."
        )


def _import(address: str, path: Path, *, dry_run: bool) -> dict[str, Count]:
    tables = kinds()
    parsed = parse_address(address)
    with alone(), open_old_database(parsed) as old:
        old.check(tables)
        rows = sum(old.count(kind) for kind in tables)
        report = Report(path)
        # Quiet where nobody looks.
        with tqdm(total=rows, unit="row", file=sys.stderr, disable=None, leave=False) as bar:

            def advance(table: str, number: int) -> None:
                bar.set_description(table, refresh=False)
                bar.update(number)

            try:
                return import_all(old, report, dry_run=dry_run, advance=advance)
            finally:
                report.close()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

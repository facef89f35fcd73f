"""``manage.py seed_demo``: as many people, videos and what they do as one likes."""

from dataclasses import fields
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dashboard.services.seeding import Amounts, SeedingRefused, seed_demo, username

PASSWORD = "demo-password"  # noqa: S105 - documented, for demo accounts
PASSWORD_LENGTHS = range(8, 129)  # characters


class Command(BaseCommand):
    """Fills the database with made-up content, the same for the same arguments."""

    help = (
        "Fill the database with made-up people, videos that play, and what people do with them. "
        "The same arguments give the same rows. Refuses where seeded users are already and, unless "
        "forced, where DEBUG is off. All or nothing: a run that fails leaves nothing behind."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer the numbers of rows, the seed and the password."""
        for column in fields(Amounts):
            parser.add_argument(
                f"--{column.name.replace('_', '-')}",
                type=int,
                default=column.default,
                metavar="N",
                help=f"number of {column.metadata['help']} (default: %(default)s)",
            )
        parser.add_argument(
            "--seed",
            type=int,
            default=1,
            metavar="N",
            help="another number gives other content (default: %(default)s)",
        )
        parser.add_argument(
            "--password",
            default=PASSWORD,
            help="everyone's password, 8 to 128 characters (default: %(default)s)",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="run although DEBUG is off: everyone who knows the password can sign in",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, then say what there is and how to sign in."""
        if not (settings.DEBUG or options["force"]):
            raise CommandError(
                "DEBUG is off, so this may be production: --force seeds all the same."
            )
        password = options["password"]
        if len(password) not in PASSWORD_LENGTHS:
            raise CommandError("The password must have 8 to 128 characters.")
        amounts = Amounts(**{column.name: options[column.name] for column in fields(Amounts)})
        start = monotonic()
        try:
            made = seed_demo(amounts=amounts, seed=options["seed"], password=password)
        except SeedingRefused as error:
            raise CommandError(str(error)) from error
        for title, rows in made.items():
            self.stdout.write(f"{rows:>12,} {title}")
        self.stdout.write(
            f"Seeded in {monotonic() - start:.1f} s. Sign in as {username(0, amounts.users)} (or "
            f"any other of them), password {password}"
        )

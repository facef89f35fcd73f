"""``manage.py rotate_keys``: replace the key that tokens are signed with."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from viztube.ops.signing_keys import NAME, KeyFile, KeysUnusableError, held_keys, new_key

TOO_SOON = 3
RESTART = "Now restart the web and worker processes, as a release does"


class Command(BaseCommand):
    """Moves the keys in JWT_SIGNING_KEY_FILE one step; nobody is signed out."""

    help = (
        "Replace the key that access and refresh tokens are signed with, in the file that "
        f"{NAME}_FILE names. It holds the key that signs, the next one, which all processes know "
        "before it is used, and the one before, until its last token has ended. So nobody is "
        "signed out, if after each run all processes are restarted within a day. The first run "
        "only adds the next key. No key is ever printed. Ends with 0 when it is done, with 3 when "
        "it is too soon after the last time, and with 1 when something is to be mended."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say what would be done: change nothing."
        )
        parser.add_argument(
            "--revoke",
            action="store_true",
            help="For keys that have leaked: replace all at any time, which signs everyone out.",
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask before --revoke.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the step; what is in the way is a sentence."""
        path = settings.JWT_SIGNING_KEY_FILE
        if path is None:
            raise CommandError(
                f"The key comes from the variable {NAME}, which this cannot change: put it into a "
                f"file, name that in {NAME}_FILE and run this again."
            )
        try:
            with held_keys(path) as file:
                keys, done = _revocation(file) if options["revoke"] else _rotation(file)
                if options["dry_run"]:
                    self.stdout.write(f"Without --dry-run: {done}")
                    return
                if options["revoke"] and not options["yes"]:
                    self._confirm()
                file.replace(keys)
        except KeysUnusableError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(done)

    def _confirm(self) -> None:
        self.stdout.write("This signs everyone out. Type yes to go on: ", ending="")
        self.stdout.flush()
        try:
            answer = input()
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            raise CommandError("Nothing was changed. To go on without being asked, add --yes.")


def _rotation(file: KeyFile) -> tuple[tuple[str, ...], str]:
    """Return the keys after a rotation, and what it does; raises CommandError when too soon."""
    if timezone.now() < file.may_rotate_at:
        raise CommandError(
            f"The keys were changed at {file.changed_at:%Y-%m-%d %H:%M:%S %Z}: before "
            f"{file.may_rotate_at:%Y-%m-%d %H:%M:%S %Z} another change would sign people out. "
            "Run this later, or with --revoke if a key has leaked.",
            returncode=TOO_SOON,
        )
    if len(file.keys) == 1:
        done = (
            f"The next key is added; the old one still signs. {RESTART}, so that all know both, "
            "and then run this again."
        )
    else:
        done = (
            "The next key signs from now on, the one before still counts, and another is ready "
            f"for the next time. {RESTART}."
        )
    return file.after_rotation(), done


def _revocation(file: KeyFile) -> tuple[tuple[str, ...], str]:
    """Return keys that none of today's tokens fits, and what that does."""
    done = (
        f"All {len(file.keys)} keys are replaced, and everyone has to sign in again. {RESTART}, at "
        "once: until then the old keys count."
    )
    return (new_key(), new_key()), done

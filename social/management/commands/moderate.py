"""``manage.py moderate``: what staff decide at their desk, decided at the machine."""

import os
import pwd
import re
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from social.decisions import DECISIONS, MAX_DAYS
from social.models import DecisionName, ModerationAction, TargetType
from social.roles import Actor, operator
from social.services.moderation import Refused, decide
from social.services.purging import check_purge, count_comments_of_others, count_shares, purge
from social.services.targets import content_with
from users.models import User
from viztube.api.errors import ApiError

LABEL_SHOWN = 60  # characters
UUID_PATTERN = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# An id, or an address of the API or of admin that ends with one.
TARGET = re.compile(
    rf"(?:.*/(?:videos?|comments/c|comment|tweets?)/)?({UUID_PATTERN})(?:/change)?/?(?:[?#].*)?",
    re.IGNORECASE,
)
ABOUT_CONTENT = {
    "take-down": "Hide videos, comments or tweets from everyone but who made them and staff.",
    "restore": "Undo take-downs.",
}
ABOUT_PEOPLE = {
    "suspend": "Sign a person out everywhere and hide what is theirs, for some days.",
    "ban": "Sign a person out everywhere and hide what is theirs, for good.",
    "lift": "End a suspension or a ban: what is theirs is shown again.",
}
PURGE = (
    "Delete a person with everything they made: videos with their files, comments, tweets, likes, "
    "playlists, subscriptions, watch history, reports, pictures, the account. They are banned "
    "first, so that nothing new arrives; files are deleted by jobs, so a worker must run. Stopped "
    "at any moment, run it again: it goes on with what is left. The log keeps what was decided "
    "about them. Nothing brings them back but a backup."
)


class Command(BaseCommand):
    """Decides as the operator: by the same rules as the desk, and into the same log."""

    help = (
        "Decide about content and people as staff do at their desk: at once, with a reason that "
        "the owner is told, and with a line in the moderation log, which names the account of this "
        "machine that ran the command. Each decision is undone by another one, but purge-user. "
        "With --dry-run it says what it would do, or why it would not, and does nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add a command a decision, with its options."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="DECISION")
        for name, text in ABOUT_CONTENT.items():
            one = actions.add_parser(
                name,
                help=text,
                description=f"{text} Each is a decision of its own: status 1 when any was refused.",
            )
            one.add_argument(
                "targets",
                nargs="+",
                metavar="ID",
                help="The id of a video, a comment or a tweet, or its address.",
            )
            _add_common(one)
        for name, text in ABOUT_PEOPLE.items():
            one = actions.add_parser(name, help=text, description=text)
            one.add_argument("username", metavar="USERNAME", help="Whom, by the name.")
            if name == "suspend":
                one.add_argument(
                    "--days", type=int, required=True, help=f"For how long: 1 to {MAX_DAYS}."
                )
            _add_common(one)
        one = actions.add_parser(
            "purge-user", help="Delete a person with everything they made.", description=PURGE
        )
        one.add_argument("username", metavar="USERNAME", help="Whom, by the name.")
        _add_common(one)
        one.add_argument("--yes", action="store_true", help="Delete without asking.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Decide; what is wrong is a sentence and status 1."""
        try:
            match options["action"]:
                case "take-down" | "restore":
                    self._about_content(options)
                case "purge-user":
                    self._purge(options)
                case _:
                    self._about_person(options)
        except ApiError as error:
            raise CommandError(shown(error.message)) from None
        except DatabaseError as error:
            reason = str(error).strip().partition("\n")[0]
            raise CommandError(
                f"The database failed ({reason}). What was said to be done is done: see what "
                "`manage.py doctor` says, then run the same command again for the rest."
            ) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. What was said to be done is done; run the same command again for the "
                "rest.",
                returncode=130,
            ) from None

    def _about_content(self, options: dict[str, Any]) -> None:
        refused = 0
        # Each once, in the order given.
        targets = list(dict.fromkeys(options["targets"]))
        for target in targets:
            try:
                done = _decide_about_content(target, options)
            except ApiError as error:
                refused += 1
                self.stdout.write(f"{shown(target)}: refused. {shown(error.message)}")
            else:
                self.stdout.write(as_line(done, dry_run=options["dry_run"]))
        if len(targets) > 1 or options["dry_run"]:
            would = "would be " if options["dry_run"] else ""
            self.stdout.write(
                f"{len(targets) - refused} {would}decided, {refused} {would}refused."
                + (" Nothing was changed." if options["dry_run"] else "")
            )
        if refused:
            raise CommandError(
                f"{refused} of {len(targets)} refused: see above why, and leave them out or "
                "correct them."
            )

    def _about_person(self, options: dict[str, Any]) -> None:
        person = _person(options["username"])
        done = decide(
            actor=_operator(),
            decision=DECISIONS[DecisionName(options["action"])],
            target_type=TargetType.CHANNEL,
            target_id=person.pk,
            reason=options["reason"],
            days=options.get("days"),
            dry_run=options["dry_run"],
        )
        self.stdout.write(as_line(done, dry_run=options["dry_run"]))
        if options["dry_run"]:
            self.stdout.write("Nothing was changed.")

    def _purge(self, options: dict[str, Any]) -> None:
        person = _person(options["username"])
        check_purge(person=person, reason=options["reason"])
        name, shares = shown(person.username), count_shares(person)
        if options["dry_run"]:
            self.stdout.write(self._table(person, shares))
            self.stdout.write(
                f"{name} would be purged. Nothing was deleted: leave --dry-run out to do it."
            )
            return
        if not options["yes"]:
            if not sys.stdin.isatty():
                raise CommandError("There is no terminal to ask on: add --yes to delete.")
            self.stdout.write(self._table(person, shares))
            if input(f"All this is deleted for good. Type {name} to do it: ").strip() != name:
                raise CommandError("That is not the name: nothing was deleted.")
        # Quiet where nobody looks.
        with tqdm(total=sum(shares.values()), file=sys.stderr, disable=None, leave=False) as bar:

            def advance(label: str, number: int) -> None:
                bar.set_description(label, refresh=False)
                bar.update(number)

            purge(person=person, actor=_operator(), reason=options["reason"], advance=advance)
        self.stdout.write(
            f"{name} is purged, with everything they made. Jobs delete the files, which nobody can "
            "fetch any more."
        )

    def _table(self, person: User, shares: dict[str, int]) -> str:
        """Return what goes with a person, and how much of it."""
        lines = shares | {
            "comments of others under the videos": count_comments_of_others(person),
            "the account, with its pictures and sessions": 1,
        }
        width = max(len(label) for label in lines)
        return "\n".join(f"{label:<{width}}  {number:>9,}" for label, number in lines.items())


def shown(text: str) -> str:
    """Return a text that somebody else wrote such that it cannot steer a terminal."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def as_line(done: ModerationAction, *, dry_run: bool) -> str:
    """Return one decision as a line to read."""
    verb = "would be " if dry_run else ""
    decision = f"{verb}{done.get_decision_display()}"
    if done.until is not None:
        decision += f" until {done.until:%Y-%m-%d %H:%M} UTC"
    owner = shown(done.owner_label)
    if done.target_type == TargetType.CHANNEL:
        return f"{owner}: {decision}."
    label = shown(done.target_label)
    if len(label) > LABEL_SHOWN:
        label = f"{label[:LABEL_SHOWN]}..."
    return f"{done.target_type} {done.target_id}: {decision}. By {owner}: {label}"


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--reason", required=True, help="Why: the log keeps it, and the owner is told."
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="Only say what would be done: do nothing."
    )


def _operator() -> Actor:
    """Return whose account of this machine runs the command, whatever the environment says."""
    number = os.getuid()
    try:
        return operator(pwd.getpwuid(number).pw_name)
    except KeyError:
        return operator(f"with the user id {number}")


def _person(name: str) -> User:
    person: User | None = User.objects.filter(username=name.lower()).first()
    if person is None:
        raise CommandError(
            f"There is nobody called {shown(name.lower())}: give the name of the channel. Whoever "
            "was purged is gone."
        )
    return person


def _decide_about_content(target: str, options: dict[str, Any]) -> ModerationAction:
    """Decide about one thing; raises Refused and other ApiErrors."""
    found = TARGET.fullmatch(target)
    if found is None:
        raise Refused("This is no id, nor an address of a video, a comment or a tweet.")
    target_id = UUID(found[1])
    target_type = content_with(target_id)
    if target_type is None:
        raise Refused("There is no video, comment or tweet with this id.")
    name = DecisionName.RESTORE
    if options["action"] == "take-down":
        name = DecisionName.TAKE_DOWN if target_type == TargetType.VIDEO else DecisionName.REMOVE
    return decide(
        actor=_operator(),
        decision=DECISIONS[name],
        target_type=target_type,
        target_id=target_id,
        reason=options["reason"],
        dry_run=options["dry_run"],
    )

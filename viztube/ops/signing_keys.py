"""The file of JWT signing keys: who is next, and how it is replaced.

It holds, in this order, the key that signs, the next one, which every process knows before it is
ever used, and the one before, until the last token it signed has ended.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from viztube.environment import Environment

NAME = "JWT_SIGNING_KEY"
_MARK = "# Changed by manage.py rotate_keys at "
_HEAD = "# Keys of tokens: the first signs, all of them count.\n"
# A second run by mistake must not use a key that no process has read yet.
_STAGED = timedelta(minutes=1)
# The time that processes may take to be restarted after the file was changed.
_RESTARTED = timedelta(days=1)


class KeysUnusableError(Exception):
    """The file cannot be read or replaced; the text is a sentence that says what to do."""


@dataclass(frozen=True)
class KeyFile:
    """The keys of a file, and when they were changed."""

    path: Path
    # Left out of tracebacks and logs.
    keys: tuple[str, ...] = field(repr=False)
    changed_at: datetime

    @property
    def may_rotate_at(self) -> datetime:
        """When a rotation signs nobody out.

        With three keys, the oldest is dropped: its last refresh tokens must have ended.
        """
        waits = {
            1: timedelta(0),
            2: _STAGED,
            3: settings.REFRESH_TOKEN_LIFETIME + _RESTARTED,
        }
        return self.changed_at + waits[len(self.keys)]

    def after_rotation(self) -> tuple[str, ...]:
        """Return the keys one step further; a single key only gets a next one."""
        current, *others = self.keys
        return (others[0], new_key(), current) if others else (current, new_key())

    def replace(self, keys: tuple[str, ...]) -> None:
        """Put other keys into the file, whole or not at all; raises KeysUnusableError.

        Mode, owner and group stay, so that who could read it still can.
        """
        text = f"{_HEAD}{_MARK}{timezone.now().isoformat(timespec='seconds')}\n"
        text += "".join(f"{key}\n" for key in keys)
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            before = self.path.stat()
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "w") as file:
                    file.write(text)
                    file.flush()
                    made = os.fstat(file.fileno())
                    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
                        os.fchown(file.fileno(), before.st_uid, before.st_gid)
                    os.fchmod(file.fileno(), before.st_mode & 0o777)
                    os.fsync(file.fileno())
                draft.replace(self.path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
            with _opened(self.path.parent) as folder:
                os.fsync(folder)
        except OSError as error:
            raise KeysUnusableError(
                f"{self.path} cannot be replaced ({error.strerror}): run this where its folder can "
                "be written, as its owner or root. Inside a container a secret is often mounted "
                "alone: then run this on the machine that has the file."
            ) from error


def new_key() -> str:
    """Return a key of 384 random bits."""
    return secrets.token_urlsafe(48)


@contextlib.contextmanager
def held_keys(path: Path) -> Iterator[KeyFile]:
    """Read the keys while nobody else may replace them; raises KeysUnusableError."""
    with contextlib.ExitStack() as held:
        try:
            # A link stays a link: what it leads to is replaced.
            path = path.resolve(strict=True)
            folder = held.enter_context(_opened(path.parent))
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file = _read(path)
        except BlockingIOError as error:
            raise KeysUnusableError(
                f"Another rotate_keys works on {path} now: see what it says."
            ) from error
        except OSError as error:
            raise KeysUnusableError(
                f"{path} cannot be read ({error.strerror}): check {NAME}_FILE and its permissions."
            ) from error
        yield file


def _read(path: Path) -> KeyFile:
    try:
        keys = Environment({f"{NAME}_FILE": str(path)}).secrets(NAME, most=3)
    except ImproperlyConfigured as error:
        raise KeysUnusableError(str(error)) from error
    marks = [line for line in path.read_text().splitlines() if line.startswith(_MARK)]
    # A file that somebody wrote says no time: then it is when they did.
    changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    try:
        if marks:
            text = marks[-1].removeprefix(_MARK).strip()
            changed_at = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise KeysUnusableError(
            f"The comment in {path} that says when the keys were changed is no time: take the line "
            "out; then the time of the file counts."
        ) from error
    return KeyFile(path, keys, changed_at)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

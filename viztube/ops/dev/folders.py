"""The data folder: one user at a time, private files, temporary folders for tests."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from viztube.ops.dev.problems import Problem
from viztube.ops.embedded.identity import data_folder_mode
from viztube.ops.embedded.postgres import stop_leftover
from viztube.ops.embedded.private import write_private

TEST_PREFIX = "test-"
_LETTERS = ("bdfgklmnprstvz", "aeiou")


def make_data_folder(path: Path) -> None:
    """Create the data folder, private to this account; raises a Problem."""
    try:
        if not path.is_dir():
            path.mkdir(parents=True)
            path.chmod(data_folder_mode())
    except OSError as error:
        raise _unusable(path, error) from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the data folder for one development service; raises a Problem if another holds it."""
    make_data_folder(folder)
    with _lock(folder / "lock", wait=False) as is_ours:
        if not is_ours:
            raise Problem(
                f"Another `make run` already uses the data folder {folder}: stop that one, or "
                "start a second beside it with `make run PORT=8001 DATA_DIR=.data2`."
            )
        yield


@contextlib.contextmanager
def temporary_folder(data_dir: Path) -> Iterator[Path]:
    """Make a folder below the data folder that is deleted at the end; raises a Problem.

    Folders whose makers were killed are deleted as well: nobody holds their locks.
    """
    make_data_folder(data_dir)
    with contextlib.ExitStack() as stack:
        try:
            with _lock(data_dir / "tests.lock", wait=True):
                _delete_abandoned(data_dir)
                folder = Path(tempfile.mkdtemp(prefix=TEST_PREFIX, dir=data_dir))
                folder.chmod(data_folder_mode())
                stack.enter_context(_lock(folder / "lock", wait=False))
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
        except OSError as error:
            raise _unusable(data_dir, error) from error
        yield folder


def read_secrets(folder: Path) -> dict[str, str]:
    """Return the secrets of a data folder, making those that are missing; raises a Problem.

    They are ``secret_key``, ``jwt_signing_key`` and ``demo_password``, and stay the same from run
    to run so that sign-ins survive a restart.
    """
    path = folder / "secrets.json"
    try:
        kept = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        kept = None
    except OSError as error:
        raise _unusable(folder, error) from error
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        raise Problem(f"{path} is damaged: delete it, and new secrets are made.")
    made = {
        "secret_key": secrets.token_urlsafe(48),
        "jwt_signing_key": secrets.token_urlsafe(48),
        "demo_password": _easy_password(),
    }
    found = made | kept
    if found != kept:
        write_private(path, json.dumps(found, indent=2) + "\n")
    return found


def _easy_password() -> str:
    """Return a password like ``tako-rimu-lesa``: easy to type, 37 bits of chance."""
    syllables = ["".join(map(secrets.choice, _LETTERS)) for _ in range(6)]
    return "-".join("".join(syllables[start : start + 2]) for start in (0, 2, 4))


@contextlib.contextmanager
def _lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a lock file; yield whether it is ours. The kernel lets go when this process dies."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(path.parent, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = True
    except BlockingIOError:
        is_ours = False
    try:
        yield is_ours
    finally:
        os.close(descriptor)


def _delete_abandoned(data_dir: Path) -> None:
    for folder in data_dir.glob(f"{TEST_PREFIX}*"):
        with _lock(folder / "lock", wait=False) as is_ours:
            if is_ours:
                stop_leftover(folder / "postgres" / "cluster")
                shutil.rmtree(folder, ignore_errors=True)


def _unusable(folder: Path, error: OSError) -> Problem:
    return Problem(
        f"The data folder {folder} cannot be used ({error.strerror}): "
        "check who owns it, or name another with DATA_DIR."
    )

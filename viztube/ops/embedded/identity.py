"""As whom PostgreSQL runs: it refuses root.

An ordinary account runs it as itself. For root there are two ways: a user namespace of Linux, in
which root's files belong to an ordinary account, and where namespaces are refused (in most
containers) a real unprivileged account that is given PostgreSQL's folder and nothing else.
"""

import functools
import os
import pwd
import sys
from pathlib import Path

from viztube.ops.embedded import process
from viztube.ops.embedded.process import SAME_IDENTITY, EmbeddedError
from viztube.ops.embedded.wheels import postgres_program

NAMESPACE = "namespace"
ACCOUNT = "nobody"
PROBE_SECONDS = 10


def choose_identity(folder: Path) -> str:
    """Return the identity, as ``launcher`` takes it, for a server whose files are in ``folder``.

    The folder must exist; it may be given to the unprivileged account. Raises EmbeddedError when
    root has no way to run PostgreSQL there.
    """
    if os.geteuid() != 0:
        return SAME_IDENTITY
    owner = folder.stat()
    if owner.st_uid != 0:
        # Used before by an ordinary account: keep it usable by that account.
        identity = f"{owner.st_uid}:{owner.st_gid}"
        if _works(identity, folder):
            return identity
        raise EmbeddedError(
            f"PostgreSQL's files in {folder} belong to user {owner.st_uid}, who cannot use them: "
            f"run this as that user, name another folder with DATA_DIR, or set DATABASE_URL."
        )
    if has_namespaces():
        return NAMESPACE
    return _give_away(folder)


def data_folder_mode() -> int:
    """Return the mode of a data folder: 0700, or 0711 where another account must pass through."""
    return 0o711 if os.geteuid() == 0 and not has_namespaces() else 0o700


@functools.cache
def has_namespaces() -> bool:
    """Tell whether this process may use user namespaces (Linux)."""
    if sys.platform != "linux":
        return False
    return process.run(["true"], seconds=PROBE_SECONDS, identity=NAMESPACE)[0] == 0


def _give_away(folder: Path) -> str:
    try:
        account = pwd.getpwnam(ACCOUNT)
        # On macOS the numbers of nobody are -2, as 32 bits without a sign.
        os.chown(folder, account.pw_uid, account.pw_gid)
    except (KeyError, OSError):
        pass
    else:
        identity = f"{account.pw_uid}:{account.pw_gid}"
        if _works(identity, folder):
            return identity
        os.chown(folder, 0, 0)
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and the account {ACCOUNT} cannot take its place "
        f"because it cannot enter {folder} or run {postgres_program('postgres')}: "
        "run this as an ordinary user, or set DATABASE_URL to a server of yours."
    )


def _works(identity: str, folder: Path) -> bool:
    """Try what the server will do: enter its folder and run its program."""
    script = 'cd "$1" && exec "$2" --version'
    command = ["/bin/sh", "-c", script, "sh", str(folder), str(postgres_program("postgres"))]
    return process.run(command, seconds=PROBE_SECONDS, identity=identity)[0] == 0

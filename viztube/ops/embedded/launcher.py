"""Prepare this process as a child that cannot outlive its parent, then become the wanted program.

Run as a script, by path, with the standard library alone: ``launcher.py PARENT SIGNAL IDENTITY
PROGRAM [ARGUMENT ...]``. It is a program of its own because what it does must happen after the fork
and after every change of identity (which makes the kernel forget the death signal), and because
Python code between fork and exec is not safe in a parent with threads.
Its functions run in children only, where coverage is not measured.

PARENT is the process id of whoever started this, SIGNAL the number of the signal to receive when
that process dies (Linux only), IDENTITY one of ``same``, ``namespace`` or ``UID:GID``.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
# Any number but 0: to the program in the namespace, root's files belong to this account.
INNER_ID = 1000
CANNOT_RUN = 126


def enter_namespace() -> None:  # pragma: no cover
    """Enter a user namespace in which the current account, root, is an ordinary one.

    Raises OSError where the kernel or the container refuses namespaces.
    """
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    # The kernel takes a group map from an ordinary process only after this.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{INNER_ID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{INNER_ID} {gid} 1")


def change_identity(identity: str) -> None:  # pragma: no cover
    """Become the account that ``identity`` names; raises OSError when that is refused."""
    if identity == "same":
        return
    if identity == "namespace":
        enter_namespace()
        return
    uid, gid = (int(part) for part in identity.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with(parent: int, death_signal: int) -> None:  # pragma: no cover
    """Have the kernel send ``death_signal`` when ``parent`` dies; exit if it died already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(CANNOT_RUN)


def main(arguments: list[str]) -> None:  # pragma: no cover
    """Turn into the program; exits with status 126 when that is impossible."""
    parent, death_signal, identity, *command = arguments
    # Python ignores SIGPIPE, and a shell may have had SIGINT ignored for a background job; an
    # ignored signal would stay ignored in the program.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    try:
        change_identity(identity)
        die_with(int(parent), int(death_signal))
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        print(f"{command[0]} cannot be run: {error.strerror}.", file=sys.stderr)  # noqa: T201
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":  # pragma: no cover
    main(sys.argv[1:])

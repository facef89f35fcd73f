"""The server of ``settings.DATABASES``, asked directly, and PostgreSQL's own programs for it."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from viztube.ops.backups import BackupError

Connection = psycopg.Connection[tuple[Any, ...]]

# There on every server, and never ours: from here databases are made, renamed and dropped.
MAINTENANCE = "postgres"
CONNECT_SECONDS = 10
# Limits are for requests, and how a row looks as text must not depend on whose session it is.
_SESSION = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "timezone": "UTC",
    "datestyle": "ISO,MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "search_path": "pg_catalog",
}
# Of our environment a program gets what finds programs, libraries and certificates.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_COMPLAINT_LINES = 8


def database_name() -> str:
    """Return the name of VizTube's database."""
    return str(settings.DATABASES["default"]["NAME"])


@contextmanager
def connected(database: str) -> Iterator[Connection]:
    """Open a session in a database, each statement a transaction; raises psycopg.Error."""
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    arguments = {"connect_timeout": CONNECT_SECONDS, "application_name": "viztube backup"}
    with psycopg.connect(
        **{**arguments, **_parameters(), "dbname": database, "options": options},  # type: ignore[arg-type]
        autocommit=True,
    ) as connection:
        yield connection


def check_program(name: str, connection: Connection) -> None:
    """Raise BackupError unless a program is there and of the server's major version.

    A dump of a newer one may hold what this server does not know.
    """
    major = connection.info.server_version // 10000
    advice = (
        f"install PostgreSQL's client programs of version {major} (on Debian and Ubuntu, with "
        f"PostgreSQL's own package source: postgresql-client-{major}), or set POSTGRES_BIN to "
        "their folder."
    )
    try:
        said = subprocess.run(  # noqa: S603
            [_program(name), "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise BackupError(f"{_program(name)} cannot be run: {advice}") from error
    found = _VERSION.search(said)
    if found is None or int(found[1]) != major:
        version = found[1] if found else "unknown"
        raise BackupError(
            f"{_program(name)} is of version {version}, and the server of {major}: {advice}"
        )


@contextmanager
def running(
    name: str, arguments: Sequence[str], database: str, *, hold: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program on a database beside the block, and wait for its end.

    It learns the address and the password from its environment: what it is started with, every
    account of the machine can read. ``hold`` is a file it keeps open, and with it a lock. What it
    makes is private. Raises BackupError with its last words; when the block fails it is killed.
    """
    known = {option.keyword.decode(): option.envvar for option in _options()}
    env = {key: os.environ[key] for key in _PASSED_ON if key in os.environ} | {"LC_ALL": "C"}
    for keyword, value in {**_parameters(), "dbname": database}.items():
        if variable := known[keyword]:
            env[variable.decode()] = value
    with subprocess.Popen(  # noqa: S603
        [_program(name), "--no-password", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        umask=0o077,
        pass_fds=() if hold is None else (hold,),
    ) as process:
        try:
            yield process
            complaints = process.communicate()[1]
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        last = "\n".join(complaints.strip().splitlines()[-_COMPLAINT_LINES:])
        raise BackupError(f"{name} failed:\n{last}")


def first_line(error: Exception) -> str:
    """Return what a database said, in one line."""
    return str(error).strip().partition("\n")[0]


def _program(name: str) -> str:
    return str(Path(settings.POSTGRES_BIN) / name) if settings.POSTGRES_BIN else name


def _options() -> Sequence[Any]:
    return psycopg.pq.Conninfo.get_defaults()


def _parameters() -> dict[str, str]:
    """Return what libpq takes of Django's settings, by libpq's names."""
    config = settings.DATABASES["default"]
    libpq = {option.keyword.decode() for option in _options()} - {"options"}
    given = {name: value for name, value in config.get("OPTIONS", {}).items() if name in libpq}
    given |= {name: config.get(name.upper()) for name in ("host", "port", "user", "password")}
    return {name: str(value) for name, value in given.items() if value not in {None, ""}}

"""The address of the old database, as Prisma writes it and libpq takes it."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

# What Prisma knows and libpq does not (Prisma, "PostgreSQL database connector", arguments).
PRISMA_ONLY = frozenset(
    {
        "connection_limit",
        "max_connection_lifetime",
        "max_idle_connection_lifetime",
        "pgbouncer",
        "pool_timeout",
        "schema",
        "single_use_connections",
        "socket_timeout",
        "sslaccept",
        "sslidentity",
        "statement_cache_size",
    }
)
CONNECT_SECONDS = 10
EXAMPLE = "postgresql://user:password@host:5432/name"


class OldDatabaseError(Exception):
    """Something is wrong with the old database; the text says what, and what to do next."""


@dataclass(frozen=True)
class OldAddress:
    """Where the old database is; ``schema`` is None where the server's own order of schemas counts.

    It holds a password: nothing of it is shown.
    """

    conninfo: str = field(repr=False)
    password: str = field(repr=False)
    schema: str | None = field(repr=False)

    def without_password(self, text: str) -> str:
        """Return a text without the password in it."""
        return text.replace(self.password, "***") if self.password else text


def parse_address(address: str) -> OldAddress:
    """Return what an address says; raises OldDatabaseError.

    Of the parameters behind ``?`` those of libpq go to libpq, ``schema`` names the schema, and the
    others of Prisma are about its own pool and left out. Anything else is refused: a misspelt
    ``sslmode`` would otherwise connect without encryption.
    """
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise _malformed() from error
    if parts.scheme not in {"postgres", "postgresql"}:
        raise OldDatabaseError(f"--from must be the address of a PostgreSQL, like {EXAMPLE}.")
    if parts.netloc.count("@") > 1 or "@" in parts.path + parts.query or parts.fragment:
        raise _malformed()
    kept, schema = [], None
    theirs = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()} | {"ssl"}
    for parameter in filter(None, parts.query.split("&")):
        name, _, value = parameter.partition("=")
        if name == "schema":
            schema = unquote(value) or None
        elif name in theirs:
            kept.append(parameter)
        elif name not in PRISMA_ONLY:
            raise OldDatabaseError(
                "--from has a parameter that neither PostgreSQL nor Prisma knows: check the names "
                "behind its question mark."
            )
    if not any(parameter.startswith("connect_timeout=") for parameter in kept):
        kept.append(f"connect_timeout={CONNECT_SECONDS}")
    # By hand: urlunsplit leaves out an empty host, which means the socket of this machine.
    conninfo = f"postgresql://{parts.netloc}{parts.path}?{'&'.join(kept)}"
    try:
        password = str(conninfo_to_dict(conninfo).get("password") or "")
    except (psycopg.Error, ValueError) as error:
        raise _malformed() from error
    return OldAddress(conninfo, password, schema)


def _malformed() -> OldDatabaseError:
    return OldDatabaseError(
        f"--from is no address like {EXAMPLE}. Write each of the characters @ : / ? # % [ ] in a "
        "name or password as % and its two hexadecimal digits: @ is %40."
    )

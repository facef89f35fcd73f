"""What the person chose, read from the environment; anything unusable is one sentence."""

import contextlib
import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from viztube.ops.dev.problems import Problem, UsageProblem

SERVERS = ("DATABASE_URL", "REDIS_URL")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
# All networks, and how this machine then reaches itself.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Tell whether the settings will find a variable, given directly or through ``_FILE``."""
    return any(environ.get(key, "").strip() for key in (name, f"{name}_FILE"))


def text(environ: Mapping[str, str], name: str, default: str) -> str:
    """Return a variable without surrounding white space; an empty one counts as not set."""
    return environ.get(name, "").strip() or default


def flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return a yes/no variable; raises UsageProblem."""
    value = text(environ, name, "1" if default else "0").lower()
    if value not in _TRUE | _FALSE:
        raise UsageProblem(f"{name} must be 1 or 0 (or true or false).")
    return value in _TRUE


def data_dir(environ: Mapping[str, str]) -> Path:
    """Return the absolute path of the data folder."""
    return Path(text(environ, "DATA_DIR", ".data")).expanduser().resolve()


@dataclass(frozen=True)
class Options:
    """How the development service is to run."""

    host: str
    port: int
    data_dir: Path
    public_url: str
    debug: bool

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Options":
        """Read and check the environment; raises UsageProblem."""
        host = text(environ, "HOST", "127.0.0.1").strip("[]")
        port = text(environ, "PORT", "8000")
        if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
            raise UsageProblem("PORT must be a whole number from 1 to 65535, like PORT=8001.")
        shown = "localhost" if host in _EVERYWHERE else _in_url(host)
        public_url = text(environ, "PUBLIC_URL", f"http://{shown}:{port}").rstrip("/")
        parts = urlsplit(public_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
            raise UsageProblem(
                "PUBLIC_URL must be a scheme and a host without a path, like http://localhost:8000."
            )
        debug = flag(environ, "DEBUG", default=True)
        unset = [name for name in SERVERS if not is_set(environ, name)]
        if unset and not debug and not flag(environ, "EMBEDDED_SERVICES", default=False):
            raise UsageProblem(
                f"DEBUG is off and {' and '.join(unset)} not set: set what is missing, or "
                "EMBEDDED_SERVICES=1 to use the development servers all the same."
            )
        return cls(host, int(port), data_dir(environ), public_url, debug)

    @property
    def bind(self) -> str:
        """The address to listen on, as gunicorn takes it."""
        return f"{_in_url(self.host)}:{self.port}"

    @property
    def reachable_host(self) -> str:
        """An address on which this machine reaches itself."""
        return _EVERYWHERE.get(self.host, self.host)

    def require_free_address(self) -> None:
        """Raise a Problem unless the service could listen on its address now."""
        try:
            found = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            family, kind, protocol, _, address = found[0]
            with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
                # As gunicorn does: connections of the last run that linger are not in the way.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> Problem:
        if error.errno == errno.EADDRINUSE:
            other = self.port + 1 if self.port < 65535 else 8000
            return Problem(
                f"Port {self.port} on {self.host} is in use: stop the program that uses it, "
                f"or choose another with `make run PORT={other}`."
            )
        if error.errno == errno.EACCES:
            return UsageProblem(
                f"Port {self.port} needs more rights than this account has: "
                "choose one above 1023, like `make run PORT=8000`."
            )
        return UsageProblem(
            f"HOST={self.host} is not an address of this machine: leave HOST out to be reachable "
            "from this machine only, or use HOST=0.0.0.0 for all its networks."
        )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host

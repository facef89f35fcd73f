"""Strict reading of the process environment.

Every method either returns a parsed value or raises ``ImproperlyConfigured`` with one sentence that
says what to set. A value may also come from a file named by ``<NAME>_FILE`` (Docker secrets). An
empty value counts as not set, because Compose passes empty strings for what is missing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

MIN_SECRET_BYTES = 32
# .env.example fills its secrets with text that starts like this, so that a copied file is refused.
EXAMPLE_SECRET_PREFIX = "replace-me"  # noqa: S105 - the opposite of a password

# The hosts that Django accepts in a Host header.
_ORIGIN = re.compile(
    r"https?://([a-z0-9.-]+|\[[0-9a-f]*:[0-9a-f.:]+\])(:(?P<port>[0-9]{1,5}))?", re.IGNORECASE
)

# What the console of Cloudinary shows as "API environment variable".
_CLOUDINARY = re.compile(
    r"cloudinary://(?P<key>[0-9]{6,30}):(?P<secret>[A-Za-z0-9_-]{16,100})@(?P<cloud>[a-z0-9_-]+)"
    r"(?P<distribution>/[a-z0-9.-]+)?(\?(?P<options>[^#\s]*))?"
)
# Of the options that the SDK reads from the address, those that say where Cloudinary is.
_CLOUDINARY_OPTIONS = {"upload_prefix", "cname", "private_cdn", "secure", "secure_distribution"}

# What Sentry, and services that speak its protocol, show as DSN.
_SENTRY = re.compile(
    r"https?://[A-Za-z0-9]{16,64}@([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
    r"(/[A-Za-z0-9._-]+)*/[0-9]+",
    re.IGNORECASE,
)

# So many in so much time: 10/15m.
_RATE = re.compile(r"(?P<most>[1-9][0-9]{0,8})/(?P<number>[1-9][0-9]{0,3})(?P<unit>[smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True)
class CloudinaryAccount:
    """Where media goes, and what the SDK is to be configured with besides the credentials."""

    cloud_name: str
    api_key: str
    api_secret: str
    options: tuple[tuple[str, str | bool], ...] = ()

    def __repr__(self) -> str:
        """Leave the credentials out of tracebacks and logs."""
        return f"CloudinaryAccount({self.cloud_name!r})"


class Environment:
    """Typed access to environment variables."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._env = environ.FileAwareEnv()
        self._env.ENVIRON = environ.FileAwareMapping(env=dict(variables))

    def text(self, name: str, default: str | None = None) -> str:
        """Return a variable without surrounding white space; required when there is no default."""
        try:
            value = str(self._env.ENVIRON.get(name, "")).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(
                f"{name}_FILE names a file that cannot be read: check its path and permissions."
            ) from error
        if value:
            return value
        if default is None:
            raise ImproperlyConfigured(f"{name} is not set: set it, or {name}_FILE.")
        return default

    def flag(self, name: str, default: bool) -> bool:
        """Return a yes/no variable; anything but the usual spellings is refused."""
        value = self.text(name, "1" if default else "0").lower()
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise ImproperlyConfigured(f"{name} must be 1 or 0 (or true or false).")

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """Return a whole number within bounds, both included."""
        value = self.text(name, str(default))
        try:
            number = int(value)
        except ValueError:
            number = minimum - 1
        if not minimum <= number <= maximum:
            raise ImproperlyConfigured(
                f"{name} must be a whole number from {minimum} to {maximum}."
            )
        return number

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Return one of the allowed words, in any case."""
        value = self.text(name, default).upper()
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}.")
        return value

    def rates(self, name: str, defaults: Mapping[str, str]) -> dict[str, tuple[int, int]]:
        """Return (how many, in how many seconds) by scope, as ``login=10/15m, read=900/1m`` says.

        What it does not name has its default.
        """
        parts = [part for part in re.split(r"[,\s]+", self.text(name, "")) if part]
        changes = dict(part.partition("=")[::2] for part in parts)
        if len(changes) < len(parts) or not changes.keys() <= defaults.keys():
            raise ImproperlyConfigured(
                f"{name} may name each of these once: {', '.join(sorted(defaults))}."
            )
        rates = {}
        for scope, text in {**defaults, **changes}.items():
            match = _RATE.fullmatch(text)
            if match is None:
                raise ImproperlyConfigured(
                    f"{name} must look like login=10/15m, read=900/1m: a number, a slash, and a "
                    "time in s, m, h or d."
                )
            rates[scope] = int(match["most"]), int(match["number"]) * _SECONDS[match["unit"]]
        return rates

    def file_of(self, name: str) -> Path | None:
        """Return the file that a variable is read from, None for one that is set directly."""
        value = str(self._env.ENVIRON.get(f"{name}_FILE", "")).strip()
        return Path(value).absolute() if value else None

    def secret(self, name: str, default: str | None = None) -> str:
        """Return a secret of at least 32 bytes that is not the example's."""
        return self._checked_secret(name, self.text(name, default))

    def secrets(self, name: str, default: str | None = None, *, most: int) -> tuple[str, ...]:
        """Return from one to ``most`` different secrets, separated by white space.

        Lines that start with # are comments.
        """
        lines = [line.strip() for line in self.text(name, default).splitlines()]
        values = [value for line in lines if not line.startswith("#") for value in line.split()]
        if not 1 <= len(values) <= most or len(set(values)) < len(values):
            raise ImproperlyConfigured(
                f"{name} must hold from one to {most} different keys, separated by white space, "
                "besides comment lines that start with #."
            )
        return tuple(self._checked_secret(name, value) for value in values)

    def _checked_secret(self, name: str, value: str) -> str:
        advice = f"set {name} to the output of `openssl rand -base64 48`."
        if value.lower().startswith(EXAMPLE_SECRET_PREFIX):
            raise ImproperlyConfigured(f"{name} is still the example's: {advice}")
        if len(value.encode()) < MIN_SECRET_BYTES or len(set(value)) < 8:
            raise ImproperlyConfigured(
                f"{name} is too weak (under {MIN_SECRET_BYTES} bytes or repetitive): {advice}"
            )
        return value

    def origin(self, name: str, default: str | None = None) -> str:
        """Return ``scheme://host[:port]`` in lower case, without a path."""
        value = as_browsers_write(self.text(name, default))
        if not is_origin(value):
            raise ImproperlyConfigured(
                f"{name} must be a scheme and a host without a path, like https://videos.example."
            )
        return value

    def origins(self, name: str) -> list[str]:
        """Return a comma-separated list of origins, or ``["*"]``; empty when not set."""
        values = [as_browsers_write(part.strip()) for part in self.text(name, "").split(",")]
        values = [value for value in values if value]
        if values != ["*"] and not all(is_origin(value) for value in values):
            raise ImproperlyConfigured(
                f"{name} must be origins separated by commas, like https://app.example, or *."
            )
        return values

    def path(self, name: str, default: Path) -> Path:
        """Return an absolute path."""
        try:
            return Path(self.text(name, str(default))).expanduser().absolute()
        except RuntimeError as error:
            raise ImproperlyConfigured(
                f"{name} starts with a home directory that does not exist."
            ) from error

    def optional_path(self, name: str) -> Path | None:
        """Return an absolute path, None when there is none."""
        return self.path(name, Path()) if self.text(name, "") else None

    def database(self, name: str) -> dict[str, Any]:
        """Return Django's database settings for a ``postgres://`` address."""
        value = self.text(name)
        problem = f"{name} must look like postgres://user:password@host:5432/name."
        if not value.startswith(("postgres://", "postgresql://")):
            raise ImproperlyConfigured(problem)
        try:
            config: dict[str, Any] = dict(self._env.db_url_config(value))
        except ValueError as error:
            raise ImproperlyConfigured(problem) from error
        if not config.get("NAME"):
            raise ImproperlyConfigured(problem)
        return config

    def redis(self, name: str) -> str:
        """Return the address of a Redis-protocol server."""
        value = self.text(name)
        if not is_redis(value):
            raise ImproperlyConfigured(f"{name} must look like redis://:password@host:6379/0.")
        return value

    def sentry(self, name: str) -> str:
        """Return where errors are reported, "" when nowhere."""
        value = self.text(name, "")
        if value and not _SENTRY.fullmatch(value):
            raise ImproperlyConfigured(
                f"{name} must look like https://key@host/1: copy the DSN from the settings of the "
                "project in Sentry, or unset it to report to nobody."
            )
        return value

    def cloudinary(self, name: str) -> CloudinaryAccount | None:
        """Return the account in a ``cloudinary://`` address, None when none is set."""
        value = self.text(name, "")
        if not value:
            return None
        match = _CLOUDINARY.fullmatch(value)
        options = dict(parse_qsl(match["options"] or "")) if match else {}
        if match is None or not options.keys() <= _CLOUDINARY_OPTIONS:
            raise ImproperlyConfigured(
                f"{name} must look like cloudinary://key:secret@cloud-name: copy the API "
                "environment variable from Cloudinary's console, or unset it to keep media here."
            )
        if match["distribution"]:
            options |= {"private_cdn": "true", "secure_distribution": match["distribution"][1:]}
        return CloudinaryAccount(
            match["cloud"],
            match["key"],
            match["secret"],
            tuple(
                (key, text.lower() in _TRUE if key in {"private_cdn", "secure"} else text)
                for key, text in options.items()
            ),
        )


def as_browsers_write(origin: str) -> str:
    """Return an origin in lower case, without a slash or its scheme's own port at the end."""
    origin = origin.rstrip("/").lower()
    default = ":443" if origin.startswith("https://") else ":80"
    return origin.removesuffix(default)


def is_origin(value: str) -> bool:
    """Tell whether a text is ``scheme://host[:port]`` for http or https and nothing more."""
    match = _ORIGIN.fullmatch(value)
    return match is not None and 0 < int(match["port"] or 80) < 65536


def is_redis(value: str) -> bool:
    """Tell whether a text is the address of a Redis-protocol server, by network or socket."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    return parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and port != 0

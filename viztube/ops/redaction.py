"""Taking secrets out of what leaves this process as text: log lines and error reports.

Nobody should write a secret there. This is for what is written all the same: a message of
PostgreSQL that repeats a row, an exception that names an address, a header in a traceback.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "[hidden]"
SHORT = 100  # characters

_WORDS = (
    r"authorization|cookie|passw(?:or)?d|token|secret|dsn|signature|signing_key|api_?key|"
    r"credential|csrf|sessionid|e-?mail"
)
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|(?:bearer\s+|basic\s+)?[^\s,;&)}\]\"']+)"
_KEY = re.compile(_WORDS, re.IGNORECASE)
_TEXT = re.compile(
    "|".join(
        (
            # A header of cookies, to the end of its line.
            r"(?P<cookie>\b(?:set-)?cookie[\"']?\s*[:=]\s*)[^\r\n]+",
            # What follows a name of that kind, quoted or not.
            rf"(?P<name>(?:{_WORDS})[\w-]*[\"']?\s*[:=]\s*){_VALUE}",
            r"(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}",
            # A JSON Web Token, and a hash of a password.
            r"\beyJ[\w-]+(?:\.[\w-]+)*",
            r"\b(?:argon2|bcrypt\w*|pbkdf2_\w+)\$\S+",
            # What an address carries: credentials, a query.
            r"(?P<address>://)[^\s/@\"']+(?=@)",
            r"(?P<query>(?<=[\w/])\?)[^\s\"'<>=]+=[^\s\"'<>]*",
            # A media key is the permission to fetch what it names.
            r"(?P<folder>\b(?:p|h|incoming)/)[0-9a-f]{32}",
            # PostgreSQL repeats rows and keys.
            r"(?P<detail>\bDETAIL:\s+)(?s:.+?)(?=\n[A-Z]+:\s|\n\n|\Z)",
            r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
        )
    ),
    re.IGNORECASE,
)

_known: re.Pattern[str] | None = None


def hide_everywhere(secrets: Iterable[str]) -> None:
    """Hide these texts from now on wherever they occur; short ones would hide words."""
    global _known  # noqa: PLW0603 - settings are read once a process, before anything is logged
    long_ones = sorted({secret for secret in secrets if len(secret) >= 16}, key=len, reverse=True)
    _known = re.compile("|".join(map(re.escape, long_ones))) if long_ones else None
    _redacted.cache_clear()


def redact(value: Any) -> Any:
    """Return a copy of a value as JSON has them, with ``[hidden]`` in the place of secrets."""
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _tells(str(key)) and item else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _redact_text(str(value))


@lru_cache(maxsize=1000)
def _tells(key: str) -> bool:
    return _KEY.search(key) is not None


def _redact_text(text: str) -> str:
    return _redacted(text) if len(text) <= SHORT else _redacted.__wrapped__(text)


# Each request has a line, and most of what is in it was in others.
@lru_cache(maxsize=1000)
def _redacted(text: str) -> str:
    if _known is not None:
        text = _known.sub(HIDDEN, text)
    return _TEXT.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    """Keep what tells what was there."""
    return (match[match.lastgroup] if match.lastgroup else "") + HIDDEN

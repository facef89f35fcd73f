"""The id of the request at hand, in its log lines too.

Nothing here imports Django: gunicorn's own process writes lines without having loaded it.
"""

import logging
from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """Return the id of the request being served, "" outside of one."""
    return _request_id.get()


def set_request_id(value: str) -> None:
    """Remember the id for everything that runs for this request."""
    _request_id.set(value)


class RequestIdFilter(logging.Filter):
    """Put the request id into every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        record.request_id = request_id() or "-"
        return True

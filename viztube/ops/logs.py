"""What a log line looks like: JSON for machines, plain text while developing.

Everything that logs through ``logging`` is written this way, whoever wrote it: Django, gunicorn,
procrastinate and our own code. Nothing here imports Django, for the settings call it.
"""

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from viztube.ops.redaction import redact

# What of a record's ``extra`` is shown. Other people's may hold anything: a whole request, say.
FIELDS = (
    "request_id",
    "method",
    "route",
    "status",
    "duration_ms",
    "queries",
    "user_id",
    "bytes",
)

# What no line shows need not be found out for each record ("Logging HOWTO", "Optimization").
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

# Ours are no secrets, and look so.
IDS = frozenset({"request_id", "user_id"})
_OUR_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def logging_config(*, level: str, readable: bool) -> dict[str, Any]:
    """Return the configuration for ``logging``: every record from ``level`` on, on stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "viztube.api.request_ids.RequestIdFilter"}},
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter if readable else LineFormatter,
                "foreign_pre_chain": [
                    # What a job bound, see the worker command.
                    structlog.contextvars.merge_contextvars,
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.processors.TimeStamper(fmt="iso"),
                    structlog.stdlib.ExtraAdder(FIELDS),
                    structlog.processors.StackInfoRenderer(),
                    # Plain text: the variables of a frame hold passwords.
                    structlog.processors.format_exc_info,
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    hide_secrets,
                    console_line() if readable else structlog.processors.JSONRenderer(to_json),
                ],
            }
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "filters": ["request_id"],
                "formatter": "line",
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            # Every 4xx is an answer, not an event: each request has a line of its own.
            "django.request": {"level": "ERROR"},
            "gunicorn.error": {"handlers": [], "propagate": True},
            "procrastinate": {"level": "WARNING"},
            # It warns whenever two jobs talk to Cloudinary at once.
            "urllib3": {"level": "ERROR"},
        },
    }


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """Lines of JSON; those about requests, one each, in a fraction of the time."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = record.__dict__
        if "duration_ms" not in fields or record.exc_info or record.args:
            return super().format(record)
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        event = {
            "event": redact(record.msg),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": f"{moment[:-6]}Z",
        }
        for name in FIELDS:
            value = fields.get(name)
            # Ids are others each time: to look into them takes as long as all the rest.
            if value.__class__ is str and not (name in IDS and _OUR_ID.fullmatch(value)):
                value = redact(value)
            if value is not None or name in fields:
                event[name] = value
        return to_json(event)


def hide_secrets(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Hide what nobody may read; a processor of structlog."""
    hidden: EventDict = redact(event)
    return hidden


def to_json(event: EventDict, **_: Any) -> str:
    """Return one line of JSON."""
    return orjson.dumps(event, default=str).decode()


def console_line() -> structlog.dev.ConsoleRenderer:
    """Return what writes a line for people, in colours on a terminal."""
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )

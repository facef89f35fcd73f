"""Reports of errors to Sentry, or what speaks its protocol, when ``SENTRY_DSN`` is set."""

from typing import Any

import sentry_sdk
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.types import Event, Hint

from viztube import __version__
from viztube.api.request_ids import request_id
from viztube.ops.redaction import redact


def start(dsn: str, **options: Any) -> None:
    """Report what is logged as an error from now on, and what nobody caught.

    No bodies, no variables of frames, no addresses of people, no traces of what went well.
    ``options`` are for tests.
    """
    sentry_sdk.init(
        dsn=dsn,
        release=__version__,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        integrations=[DjangoIntegration(middleware_spans=False, signals_spans=False)],
        before_send=clean,
        **options,
    )


def clean(event: Event, hint: Hint) -> Event:
    """Return what may be told of an event, and the id of its request as a tag."""
    # The command line, and what others attach to their log records.
    event.pop("extra", None)
    if request := event.get("request"):
        event["request"] = {
            key: request[key] for key in ("method", "url", "headers") if key in request
        }
    cleaned: Event = redact(event)
    if current := request_id():
        cleaned.setdefault("tags", {})["request_id"] = current
    return cleaned

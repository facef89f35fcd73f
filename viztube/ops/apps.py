"""Django's entry for operations."""

from django.apps import AppConfig
from django.conf import settings


class OpsConfig(AppConfig):
    """Health, jobs, checks and the commands that operators run."""

    name = "viztube.ops"
    label = "ops"

    def ready(self) -> None:
        """Register the deployment checks; report errors from now on when there is where to."""
        from viztube.ops import checks  # noqa: F401

        if settings.SENTRY_DSN:
            # Only then: it takes memory.
            from viztube.ops import sentry

            sentry.start(settings.SENTRY_DSN)

"""Django's entry for operations."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Health, jobs, checks and the commands that operators run."""

    name = "viztube.ops"
    label = "ops"

    def ready(self) -> None:
        """Register the deployment checks."""
        from viztube.ops import checks  # noqa: F401
